"""Reads without the power to write, whatever is asked: the promise, and SQLite's way."""

import os
import sqlite3
import threading
from pathlib import Path
from typing import Protocol

from typing_extensions import override

from service.db.sqlite import connect, dialect, explain_one, fetch_one
from service.db.statements import Bound, Compiler, Row


class Reader(Protocol):
    """Reads of front ends, worker and command line; any thread may call it."""

    def fetch(self, read: Bound) -> list[Row]:
        """Return a read's rows.

        Raises:
            StoreUnavailable: The store could not be read.
            NotReadable: The read's values do not fit it.
        """
        ...

    def maybe(self, read: Bound) -> Row | None:
        """Return the only row of a read, or None where there is none.

        Raises:
            StoreUnavailable: The store could not be read.
            ValueError: There is more than one.
        """
        rows = self.fetch(read)
        if len(rows) > 1:
            raise ValueError(f"{read.statement.name}: one row expected, {len(rows)} found")
        return rows[0] if rows else None

    def try_values(self, change: Bound) -> None:
        """Check that a change's values fit its statement, without running it.

        Raises:
            StoreUnavailable: The store could not be asked.
            NotReadable: They do not fit.
        """
        ...


class SQLiteReader(Reader):
    """Runs reads on a read-only connection that belongs to the calling thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._compiler = Compiler(dialect())
        self._local = threading.local()

    @override
    def fetch(self, read: Bound) -> list[Row]:
        return fetch_one(self._connection(), self._compiler, read)

    @override
    def try_values(self, change: Bound) -> None:
        explain_one(self._connection(), self._compiler, change)

    def _connection(self) -> sqlite3.Connection:
        local = self._local
        connection: sqlite3.Connection | None = getattr(local, "connection", None)
        # SQLite's locks belong to a process: a connection must never be used across a fork.
        if connection is None or local.process != os.getpid():
            connection = local.connection = connect(self._path, readonly=True)
            local.process = os.getpid()
        return connection
