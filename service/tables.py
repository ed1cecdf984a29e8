"""Finds every table of the core, so that METADATA holds them all. Holds no table itself.

After a table was added or changed, `uv run python -m service.tables` writes the difference as new
revisions; then `uv run ruff format service/db/migrations/versions`. What is released stays as is.
`--anew 0009_webhooks` deletes an unreleased revision first, to write it again;
`--last 0009_webhooks` gives one the next free number, for when a merge brought two of one number.
"""

import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence

import sqlalchemy as sa

from service import rooms
from service.db import revisions

# Tables of no room; a room's lie in its tables.py, which is found by that name.
_BESIDE_ROOMS = {
    "unit_of_work": "service.unit_of_work.tables",
    "state": "service.state.entities",
}


def load_tables() -> dict[str, list[str]]:
    """Import every module that holds tables; METADATA then describes the whole store.

    Returns:
        The names of the tables by the part of the house that they belong to.
    """
    modules = dict(_BESIDE_ROOMS)
    for room in pkgutil.iter_modules(rooms.__path__):
        name = f"service.rooms.{room.name}.tables"
        if importlib.util.find_spec(name) is not None:
            modules[room.name] = name
    return {part: _tables(name) for part, name in modules.items()}


def _tables(module: str) -> list[str]:
    held = vars(importlib.import_module(module)).values()
    return [one.name for one in held if isinstance(one, sa.Table)]


def main(arguments: Sequence[str]) -> None:
    """Write the revisions that are lacking, after the deletions and moves that were asked for."""
    for option, name in zip(arguments[::2], arguments[1::2], strict=True):
        {"--anew": revisions.drop, "--last": revisions.make_last}[option](name)
    for path in revisions.write_next(load_tables()):
        sys.stdout.write(f"{path.name}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
