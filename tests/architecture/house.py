"""What the tree looks like today: files, modules, rooms and their floors. Reads, judges nothing."""

import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Final

import grimp

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("keys", "risk", "service")

# From the ground up. Rooms of one floor do not know each other.
FLOORS: Final = (
    ("merchants", "staff", "custody", "instruments", "payers", "models"),
    ("factors", "strategies"),
    ("challenges", "lists"),
    ("assessments",),
    ("payments",),
    ("webhooks", "notices", "cases", "labels"),
    ("recovery",),
    ("safety", "audit", "console"),
)
FLOOR_OF: Final = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}

ROOM_FILES: Final = frozenset(
    {"contract", "model", "tables", "store", "commands", "queries", "public", "api", "jobs"}
)
ROOM_FILES_OF_ONE: Final = {"payments": frozenset({"moves"})}

# Alembic loads these by path; they are no modules of the house.
MIGRATIONS: Final = "service/db/migrations/"


def tracked_files() -> list[Path]:
    """Return every file that is in git or would be added to it, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return sorted({Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()})


@cache
def python_files(*tops: str) -> tuple[Path, ...]:
    """Return the tracked Python files under these top folders, relative to the root."""
    return tuple(path for path in tracked_files() if path.suffix == ".py" and path.parts[0] in tops)


def package_folders(root: Path = ROOT) -> Iterator[Path]:
    """Yield each folder of the three packages that holds Python files, relative to the root."""
    found: set[Path] = set()
    for package in PACKAGES:
        for file in (root / package).rglob("*.py"):
            found.update(
                folder.relative_to(root)
                for folder in file.parents
                if folder.is_relative_to(root / package)
            )
    yield from sorted(found)


def module_name(path: Path) -> str:
    """Return the dotted name of a Python file given relative to the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def import_graph() -> grimp.ImportGraph:
    """Return who imports whom, as written in the files; libraries are single nodes."""
    return grimp.build_graph(*PACKAGES, include_external_packages=True, cache_dir=None)


def graph_of(imports: Iterable[tuple[str, str]]) -> grimp.ImportGraph:
    """Return a made-up graph of (importer, imported) pairs, with all their parent packages."""
    graph = grimp.ImportGraph()
    for pair in imports:
        for module in pair:
            parts = module.split(".")
            for depth in range(1, len(parts) + 1):
                graph.add_module(".".join(parts[:depth]))
        importer, imported = pair
        graph.add_import(importer=importer, imported=imported)
    return graph
