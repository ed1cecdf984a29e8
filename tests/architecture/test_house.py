"""ARCHITECTURE.md shows the house as it is: each folder is named there, and nothing else is."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.architecture.house import FLOORS, ROOT, package_folders, tracked_files

pytestmark = pytest.mark.style

ARCHITECTURE: Final = ROOT / "ARCHITECTURE.md"
FOLDER = re.compile(r"^(?P<indent> *)(?P<name>[\w.]+)/")
# service/rooms/payments and service/db/migrations are named; what lies deeper is theirs.
LEVELS_NAMED: Final = 3


def first_block(text: str, heading: str) -> list[str]:
    """Return the lines of the first fenced block under a heading."""
    section = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return section.split("```")[1].splitlines()[1:]


def folders_named(lines: list[str]) -> set[Path]:
    """Return the folders that a block names; each lies in the last one that is indented less."""
    above: list[tuple[int, Path]] = []
    named: set[Path] = set()
    for line in lines:
        if found := FOLDER.match(line):
            indent = len(found["indent"])
            above = [(depth, path) for depth, path in above if depth < indent]
            place = (above[-1][1] if above else Path()) / found["name"]
            above.append((indent, place))
            named.add(place)
    return named


def house() -> set[Path]:
    return folders_named(first_block(ARCHITECTURE.read_text(), "The house"))


def test_every_package_is_named_in_the_house() -> None:
    folders = {folder for folder in package_folders() if len(folder.parts) <= LEVELS_NAMED}

    missing = sorted(folder.as_posix() for folder in folders - house())

    assert not missing, f"ARCHITECTURE.md, The house: add {', '.join(missing)}"


def test_every_folder_at_the_top_is_named_in_the_house() -> None:
    folders = {Path(path.parts[0]) for path in tracked_files() if len(path.parts) > 1}

    missing = sorted(folder.as_posix() for folder in folders - house())

    assert not missing, f"ARCHITECTURE.md, The house: add {', '.join(missing)}"


def test_the_house_names_nothing_that_is_missing() -> None:
    there = {folder for path in tracked_files() for folder in path.parents}

    gone = sorted(folder.as_posix() for folder in house() - there)

    assert not gone, f"ARCHITECTURE.md, The house: remove {', '.join(gone)}"


def test_the_floors_are_drawn_as_the_contracts_hold_them() -> None:
    drawn = first_block(ARCHITECTURE.read_text(), "The floors")

    rooms = [tuple(re.findall(r"\w+", line)) for line in drawn[: len(FLOORS)]]

    assert rooms == list(reversed(FLOORS))


def test_rooms_that_are_not_built_are_drawn_in_brackets() -> None:
    drawn = first_block(ARCHITECTURE.read_text(), "The floors")[: len(FLOORS)]
    there = {path.parts[2] for path in tracked_files() if path.match("service/rooms/*/*.py")}
    planned = {room for floor in FLOORS for room in floor} - there

    assert set(re.findall(r"\((\w+)\)", "\n".join(drawn))) == planned


def test_every_decision_record_is_one_page_of_one_form() -> None:
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    form = ["Context", "Decision", "Consequences", "Alternatives", "References"]
    lines_of_a_page = 60

    texts = {record.name: record.read_text() for record in records}

    assert [name[:4] for name in texts] == [f"{n:04}" for n in range(1, len(texts) + 1)]
    assert not [
        name
        for name, text in texts.items()
        if re.findall(r"^## (.+)$", text, re.MULTILINE) != form
        or text.count("\n") > lines_of_a_page
    ]


def test_links_between_documents_lead_somewhere() -> None:
    documents = [path for path in tracked_files() if path.suffix == ".md"]
    broken = [
        f"{document}: {target}"
        for document in documents
        for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / document).read_text())
        if "://" not in target and not (ROOT / document.parent / target).exists()
    ]

    assert not broken, "\n".join(broken)


def test_nested_folders_are_read_by_their_indent() -> None:
    block = ["a/   what", "  b/ in a", "    c/ in b", "  d/ in a, after c/", "e/", "  words only"]

    assert folders_named(block) == {Path(p) for p in ("a", "a/b", "a/b/c", "a/d", "e")}
