"""Finds every table of the core, so that METADATA holds them all. Holds no table itself.

As long as nothing is released there is one migration. After a table was added or changed, write
it anew: `uv run python -m service.tables`.
"""

import importlib
import importlib.util
import pkgutil

from service import rooms
from service.db import migrate

# Tables of no room; a room's lie in its tables.py, which is found by that name.
_BESIDE_ROOMS = ("service.unit_of_work.tables", "service.state.entities")


def load_tables() -> None:
    """Import every module that holds tables; METADATA then describes the whole store."""
    for name in _BESIDE_ROOMS:
        importlib.import_module(name)
    for room in pkgutil.iter_modules(rooms.__path__, "service.rooms."):
        if importlib.util.find_spec(f"{room.name}.tables") is not None:
            importlib.import_module(f"{room.name}.tables")


if __name__ == "__main__":
    load_tables()
    migrate.write_first()
