"""The SQLite executor: WAL, synchronous=FULL, compiled text on raw connections. No ORM."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from typing_extensions import override

from service.db.statements import Bound, Compiler, Row
from service.db.store import CommitUnknown, GuardFailed, Store, StoreUnavailable, Transaction

BUSY_TIMEOUT_MS: Final = 2_000
STATEMENTS_KEPT: Final = 512
# The page cache's negative form counts KiB.
CACHE_KIB: Final = 64 * 1_024
# What the values of one statement can do wrong: break a constraint, not be bindable. The
# message is left out, since SQLite names columns in it and Python may name values.
_NOT_WRITABLE: Final = (
    sqlite3.IntegrityError,
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
    KeyError,
)


def dialect() -> SQLiteDialect_pysqlite:
    """Return the dialect under which statements are compiled: named parameters."""
    return SQLiteDialect_pysqlite(paramstyle="named")


def connect(path: Path, *, readonly: bool) -> sqlite3.Connection:
    """Open a connection with the pragmas that every process uses.

    Args:
        path: The database file; made by the writer or the migrations, never by a reader.
        readonly: Open it so that no statement can write.

    Raises:
        StoreUnavailable: The file cannot be opened.
    """
    mode = "ro" if readonly else "rwc"
    try:
        connection = sqlite3.connect(
            f"file:{path}?mode={mode}",
            uri=True,
            isolation_level=None,
            cached_statements=STATEMENTS_KEPT,
            check_same_thread=False,
        )
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        if readonly:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            # A checkpoint inside the writer's commit costs 8 to 20 ms; another connection
            # makes them (service/writer/checkpoint.py).
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database file cannot be opened: {error}") from error
    return connection


class SQLiteTransaction(Transaction):
    """One BEGIN IMMEDIATE on the writer's connection."""

    def __init__(self, connection: sqlite3.Connection, compiler: Compiler) -> None:
        self._connection = connection
        self._compiler = compiler

    @override
    def fetch(self, read: Bound) -> list[Row]:
        return fetch_one(self._connection, self._compiler, read)

    @override
    def run(self, steps: Sequence[Bound]) -> None:
        for place, step in enumerate(steps):
            statement = step.statement
            compiled = self._compiler(statement)
            try:
                cursor = self._connection.execute(compiled.text, compiled.parameters(step.values))
            except _NOT_WRITABLE as error:
                self.rollback()
                raise GuardFailed(place, f"{statement.name}: {type(error).__name__}") from error
            except sqlite3.Error as error:
                self.rollback()
                raise StoreUnavailable(str(error)) from error
            if statement.rows is not None and cursor.rowcount != statement.rows:
                touched = cursor.rowcount
                self.rollback()
                raise GuardFailed(place, f"{statement.name}: {touched} rows")

    @override
    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if not self._connection.in_transaction:
                raise CommitUnknown(str(error)) from error
            self.rollback()
            raise StoreUnavailable(str(error)) from error

    @override
    def rollback(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


class SQLiteStore(Store):
    """The writer's one connection."""

    def __init__(self, path: Path) -> None:
        self._connection = connect(path, readonly=False)
        self._compiler = Compiler(dialect())

    @override
    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        return [fetch_one(self._connection, self._compiler, read) for read in reads]

    @override
    def begin(self) -> SQLiteTransaction:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise StoreUnavailable(str(error)) from error
        return SQLiteTransaction(self._connection, self._compiler)

    @override
    def close(self) -> None:
        self._connection.close()


def fetch_one(connection: sqlite3.Connection, compiler: Compiler, read: Bound) -> list[Row]:
    """Run one read and return its rows.

    Raises:
        StoreUnavailable: The store could not be read.
    """
    compiled = compiler(read.statement)
    try:
        raw = connection.execute(compiled.text, compiled.parameters(read.values)).fetchall()
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error
    return compiled.rows(raw)
