"""The PostgreSQL executor: compiled text on raw connections, autocommit off our hands. No ORM."""

import socket
from collections.abc import Sequence
from typing import Any, Final

import psycopg
from psycopg import errors
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
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

CONNECT_TIMEOUT_S: Final = 2
STATEMENT_TIMEOUT_MS: Final = 2_000
LOCK_TIMEOUT_MS: Final = 1_000
# A writer that is stopped in the middle of a transaction holds its rows no longer than this.
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 5_000
TCP_USER_TIMEOUT_MS: Final = 3_000
# What the values of one statement can do wrong. The message is left out: it may hold values.
_NOT_BINDABLE: Final = (psycopg.DataError, ValueError, TypeError, AttributeError, KeyError)
_NOT_WRITABLE: Final = (psycopg.IntegrityError, *_NOT_BINDABLE)

Connection = psycopg.Connection[tuple[Any, ...]]


def dialect() -> PGDialect_psycopg:
    """Return the dialect under which statements are compiled: `%(name)s` parameters."""
    made: PGDialect_psycopg = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    return made


def connect(url: str, *, purpose: str, options: Sequence[str] = ()) -> Connection:
    """Open a connection on which every statement stands alone, with a limit on every wait.

    Args:
        url: The database in one of its roles.
        purpose: What the server's lists call it.
        options: Settings of the session beside ours, as `name=value`.

    Raises:
        StoreUnavailable: It cannot be opened.
    """
    chosen = (
        "timezone=UTC",
        f"statement_timeout={STATEMENT_TIMEOUT_MS}",
        f"lock_timeout={LOCK_TIMEOUT_MS}",
        f"idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS}",
        *options,
    )
    try:
        return psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=TCP_USER_TIMEOUT_MS,
            application_name=f"payguard {purpose} on {socket.gethostname()}",
            options=" ".join(f"-c {one}" for one in chosen),
        )
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database cannot be reached: {cause(error)}") from error


def cause(error: psycopg.Error) -> str:
    """Return what went wrong, by the server's code and our name for it; it holds no value."""
    return f"{type(error).__name__} {error.sqlstate or ''}".strip()


class PostgresTransaction(Transaction):
    """One explicit transaction on the writer's connection."""

    def __init__(self, connection: Connection, compiler: Compiler) -> None:
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
                cursor = self._connection.execute(
                    compiled.text.encode(), compiled.parameters(step.values), prepare=True
                )
            except _NOT_WRITABLE as error:
                self.rollback()
                raise GuardFailed(place, f"{statement.name}: {type(error).__name__}") from error
            except psycopg.Error as error:
                self.rollback()
                raise StoreUnavailable(cause(error)) from error
            if statement.rows is not None and cursor.rowcount != statement.rows:
                touched = cursor.rowcount
                self.rollback()
                raise GuardFailed(place, f"{statement.name}: {touched} rows")

    @override
    def commit(self) -> None:
        try:
            self._connection.execute("COMMIT")
        except psycopg.Error as error:
            if self._connection.broken or self._connection.closed:
                raise CommitUnknown(cause(error)) from error
            self.rollback()
            raise StoreUnavailable(cause(error)) from error

    @override
    def rollback(self) -> None:
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()


class PostgresStore(Store):
    """The writer's one connection; opened again for the next batch where it was lost."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._compiler = Compiler(dialect())
        self._connection = self._connect()

    @override
    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        connection = self._alive()
        rows: list[list[Row]] = []
        reasons: dict[int, str] = {}
        for place, read in enumerate(reads):
            try:
                rows.append(fetch_one(connection, self._compiler, read))
            except NotReadable as error:
                reasons[place] = str(error)
        if reasons:
            raise NotReadable(reasons)
        return rows

    @override
    def begin(self) -> PostgresTransaction:
        connection = self._alive()
        try:
            connection.execute("BEGIN")
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error
        return PostgresTransaction(connection, self._compiler)

    @override
    def close(self) -> None:
        self._connection.close()

    def _alive(self) -> Connection:
        if self._connection.closed:
            self._connection = self._connect()
        return self._connection

    def _connect(self) -> Connection:
        # Prepared on empty tables, a plan would keep its sequential scan for ever.
        options = ("synchronous_commit=on", "enable_seqscan=off")
        return connect(self._url, purpose="writer", options=options)


def fetch_one(connection: Connection, compiler: Compiler, read: Bound) -> list[Row]:
    """Run one read and return its rows.

    Raises:
        StoreUnavailable: The store could not be read.
        NotReadable: The read's values do not fit it.
    """
    compiled = compiler(read.statement)
    try:
        parameters = compiled.parameters(read.values)
        raw = connection.execute(compiled.text.encode(), parameters, prepare=True).fetchall()
        return compiled.rows(raw)
    except (*_NOT_BINDABLE, errors.IndeterminateDatatype) as error:
        raise NotReadable({0: f"{read.statement.name}: {type(error).__name__}"}) from error
    except psycopg.Error as error:
        raise StoreUnavailable(cause(error)) from error
