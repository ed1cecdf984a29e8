"""A writer that acknowledges before its commits are on disk: what the power-cut tests must see.

Run as `python -m tests.support.hasty_writer`.
"""

import sys

from service.db.sqlite import SQLiteStore
from tests.support.composed_writer import serve


def hasty(store: SQLiteStore) -> SQLiteStore:
    """Return a store whose commits wait for no disk."""
    store._connection.execute("PRAGMA synchronous = OFF")
    return store


def main() -> int:
    """Run the writer."""
    return serve(store=hasty)


if __name__ == "__main__":
    sys.exit(main())
