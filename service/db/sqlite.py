"""The SQLite executor: WAL, synchronous=FULL, compiled text on raw connections. No ORM."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from typing_extensions import override

from service.db.statements import Bound, Compiler, Row
from service.db.store import (
    CommitUnknown,
    GuardFailed,
    NotReadable,
    Store,
    StoreUnavailable,
    Transaction,
)

BUSY_TIMEOUT_MS: Final = 2_000
# A commit returns once it is on the disk; `doctor` tells it by this name.
SYNCHRONOUS: Final = "FULL"
STATEMENTS_KEPT: Final = 512
# The page cache's negative form counts KiB.
CACHE_KIB: Final = 64 * 1_024
# What the values of one statement can do wrong: be missing, of another type, or too large.
# The message is left out, since Python may name values in it.
_NOT_BINDABLE: Final = (
    sqlite3.ProgrammingError,
    sqlite3.InterfaceError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
    TypeError,
    AttributeError,
    KeyError,
)
# They can break a constraint as well.
_NOT_WRITABLE: Final = (sqlite3.IntegrityError, *_NOT_BINDABLE)


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
            # Quoted, since a folder's name may hold what ends a path in a URI.
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            cached_statements=STATEMENTS_KEPT,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database file cannot be opened: {error}") from error
    try:
        _configure(connection, readonly=readonly)
    except sqlite3.Error as error:
        connection.close()
        raise StoreUnavailable(f"the database file cannot be opened: {error}") from error
    return connection


def _configure(connection: sqlite3.Connection, *, readonly: bool) -> None:
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    if readonly:
        connection.execute("PRAGMA query_only = ON")
        return
    # SQLite answers with another mode where it cannot have this one, and goes on.
    if connection.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise sqlite3.OperationalError("this file system does not allow a write-ahead log")
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    connection.execute("PRAGMA foreign_keys = ON")
    # A checkpoint inside the writer's commit costs 8 to 20 ms; another connection makes
    # them (service/writer/checkpoint.py).
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")


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
            # A full disk takes no commit frame, or a torn one that no reader believes: that the
            # transaction is over already says only that SQLite has rolled it back itself.
            is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
            if not self._connection.in_transaction and not is_full:
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
        rows: list[list[Row]] = []
        reasons: dict[int, str] = {}
        for place, read in enumerate(reads):
            try:
                rows.append(fetch_one(self._connection, self._compiler, read))
            except NotReadable as error:
                reasons[place] = str(error)
        if reasons:
            raise NotReadable(reasons)
        return rows

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
        NotReadable: The read's values do not fit it.
    """
    compiled = compiler(read.statement)
    try:
        raw = connection.execute(compiled.text, compiled.parameters(read.values)).fetchall()
        return compiled.rows(raw)
    except _NOT_BINDABLE as error:
        raise NotReadable({0: f"{read.statement.name}: {type(error).__name__}"}) from error
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error


def explain_one(connection: sqlite3.Connection, compiler: Compiler, bound: Bound) -> None:
    """Bind a statement's values without running it.

    Raises:
        StoreUnavailable: The store could not be asked.
        NotReadable: The values do not fit the statement.
    """
    compiled = compiler(bound.statement)
    try:
        connection.execute(f"EXPLAIN {compiled.text}", compiled.parameters(bound.values)).close()
    except _NOT_BINDABLE as error:
        raise NotReadable({0: f"{bound.statement.name}: {type(error).__name__}"}) from error
    except sqlite3.Error as error:
        raise StoreUnavailable(str(error)) from error
