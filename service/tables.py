"""Finds every table of the core, so that METADATA holds them all. Holds no table itself.

As long as nothing is released, migrations only say what the tables are. After a table was added
or changed, write them anew: `uv run python -m service.tables`, then
`uv run ruff format service/db/migrations/versions/*.py`.
"""

import importlib
import importlib.util
import pkgutil

import sqlalchemy as sa

from service import rooms
from service.db import migrate

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


if __name__ == "__main__":
    migrate.write_first(load_tables())
