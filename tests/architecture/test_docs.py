"""What the code offers by name is documented by that name, and nothing else is.

One `Catalogue` per kind of name. It counts from the day on which its source is in the tree. A page
documents a name by a table row, or a heading, that begins with the name in backticks; to
document something new, add the row that the failing test asks for.
"""

import importlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from tests.architecture import names
from tests.architecture.house import ROOT, tracked_files
from tests.architecture.pages import PAGES

pytestmark = pytest.mark.style

DOCUMENTED = re.compile(r"^(?:\| |#+ )`([^`]+)`", re.MULTILINE)
SETTING = re.compile(r"\bPAYGUARD_[A-Z][A-Z0-9_]*[A-Z0-9]\b")
# Read by the tests and by .ci/run alone.
TEST_SETTINGS: Final = "PAYGUARD_TEST_"


@dataclass(frozen=True, kw_only=True)
class Catalogue:
    """One kind of name.

    Attributes:
        name: What the names are.
        source: The file with which the names came; before it there are none.
        discover: Finds the names in the code.
        page: Where each is documented.
    """

    name: str
    source: str
    discover: Callable[[], set[str]]
    page: str


def settings() -> set[str]:
    fields = importlib.import_module("service.settings").Settings.__struct_fields__
    return {f"PAYGUARD_{field.upper()}" for field in fields}


def features() -> set[str]:
    return set(importlib.import_module("risk.feature").load_features().names)


def error_codes() -> set[str]:
    return names.problem_codes() | names.field_codes()


CATALOGUES: Final = [
    catalogue
    for catalogue in (
        Catalogue(
            name="settings",
            source="service/settings.py",
            discover=settings,
            page="docs/settings.md",
        ),
        Catalogue(
            name="error codes",
            source=names.TEXTS_AT,
            discover=error_codes,
            page="docs/errors.md",
        ),
        Catalogue(
            name="audit kinds",
            source="service/unit_of_work/outcome.py",
            discover=names.entry_kinds,
            page="docs/entries.md",
        ),
        Catalogue(
            name="features",
            source="risk/feature.py",
            discover=features,
            page="docs/features.md",
        ),
    )
    if (ROOT / catalogue.source).is_file()
]


def text_of(page: str) -> str:
    return (ROOT / page).read_text() if (ROOT / page).is_file() else ""


def documented(page: str) -> set[str]:
    return set(DOCUMENTED.findall(text_of(page)))


def test_rendered_pages_are_as_the_code_renders_them() -> None:
    stale = [page.path for page in PAGES if text_of(page.path) != page.render()]

    assert not stale, f"{', '.join(stale)}: run uv run python -m tests.architecture.pages"


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda one: one.name)
def test_every_name_is_documented(catalogue: Catalogue) -> None:
    missing = catalogue.discover() - documented(catalogue.page)

    assert not missing, f"{catalogue.page}: add a row for {', '.join(sorted(missing))}"


@pytest.mark.parametrize("catalogue", CATALOGUES, ids=lambda one: one.name)
def test_no_page_documents_what_is_gone(catalogue: Catalogue) -> None:
    gone = documented(catalogue.page) - catalogue.discover()

    assert not gone, f"{catalogue.page}: remove {', '.join(sorted(gone))}"


def test_audit_kinds_are_subject_and_action() -> None:
    assert not [kind for kind in names.entry_kinds() if not names.KIND.fullmatch(kind)]


def test_every_problem_has_its_texts_in_both_languages() -> None:
    texts = names.problem_texts()
    described = texts.get("problems", {})

    missing = names.problem_codes() - described.keys() if texts else set()

    assert not missing, f"{names.TEXTS_AT}: add {', '.join(sorted(missing))}"
    assert not described.keys() - names.problem_codes(), f"{names.TEXTS_AT} describes what is gone"
    assert not [
        code
        for code, text in described.items()
        if not all(text[part].keys() == {"en", "zh"} for part in ("title", "next"))
    ]


def test_texts_name_only_paths_that_exist() -> None:
    known = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]

    named = set(re.findall(r"/v1/[a-z_/{}]+", (ROOT / names.TEXTS_AT).read_text()))

    assert named <= known.keys()


def test_only_settings_that_exist_are_named() -> None:
    known = settings() if (ROOT / "service" / "settings.py").is_file() else set()
    pages = [path for path in tracked_files() if path.suffix == ".md" or path.name == "Dockerfile"]

    unknown = [
        f"{page}: {name}"
        for page in pages
        for name in SETTING.findall((ROOT / page).read_text())
        if name not in known and not name.startswith(TEST_SETTINGS) and known
    ]

    assert not unknown, "\n".join(unknown)


def test_no_page_has_a_gap_that_was_to_be_filled() -> None:
    pages = [one for one in tracked_files() if one.suffix == ".md"]
    found = [one for one in pages if re.search(r"@@|\bTODO\b|\bTBD\b", (ROOT / one).read_text())]

    assert len(pages) > 20
    assert found == []


def test_json_in_documents_can_be_read() -> None:
    pages = [path for path in tracked_files() if path.suffix == ".md"]

    for page in pages:
        for block in re.findall(
            r"^```json\n(.*?)^```", (ROOT / page).read_text(), re.MULTILINE | re.DOTALL
        ):
            json.loads(block)


def test_a_row_and_a_heading_document_a_name_and_prose_does_not() -> None:
    page = "| `a.b` | what |\n### `c`\nsee `d`\n| e | `f` |\n"

    assert DOCUMENTED.findall(page) == ["a.b", "c"]
