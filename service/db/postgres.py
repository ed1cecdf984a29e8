"""The PostgreSQL executor: one pipeline for a batch's reads, one for its changes. No ORM.

Three round trips a batch: reads; BEGIN, fence and every change; COMMIT, once every row count is
known, because an update of no row does not stop a COMMIT sent with it.
"""

from collections.abc import Callable, Sequence
from typing import Final

import psycopg
from psycopg import pq
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from typing_extensions import override

from service.db.postgres_codec import NOT_ENCODABLE
from service.db.postgres_wire import (
    CONNECT_TIMEOUT_S,
    LOCK_TIMEOUT_MS,
    STATEMENT_TIMEOUT_MS,
    Command,
    Connection,
    Lost,
    Refused,
    Wire,
    cause,
    check,
    connect,
    text_command,
)
from service.db.statements import Bound, Compiled, Compiler, Row
from service.db.store import (
    CommitUnknown,
    GuardFailed,
    NotReadable,
    Store,
    StoreUnavailable,
    Transaction,
)

__all__ = (
    "CONNECT_TIMEOUT_S",
    "LOCK_TIMEOUT_MS",
    "STATEMENT_TIMEOUT_MS",
    "Connection",
    "PostgresStore",
    "PostgresTransaction",
    "cause",
    "connect",
    "dialect",
    "fetch_all",
    "try_values",
)

# A disk that is slow makes commits late, and an unknown commit stops the writer: be patient.
COMMIT_WAIT_S: Final = 15.0
SERVER_VERSION_LEAST: Final = 15
DURABLE: Final = frozenset({"on", "remote_apply"})
# Every session that may commit holds this lock, shared: who takes over ends them all.
SESSIONS: Final = (0x50_47, 3)
OPTIONS: Final = (
    # Prepared on empty tables, a plan would keep its sequential scan for ever.
    "enable_seqscan=off",
    "plan_cache_mode=force_generic_plan",
    "jit=off",
)
# The values do not fit (22), break a constraint (23), or a trigger refuses them (P0).
_GUARDS: Final = frozenset({"22", "23", "P0"})
_NOT_FITTING: Final = "22"
_NOT_BINDABLE: Final = (KeyError, *NOT_ENCODABLE)
_BEGIN: Final = text_command(b"BEGIN")
_COMMIT: Final = text_command(b"COMMIT")
_ROLLBACK: Final = text_command(b"ROLLBACK")


def dialect() -> PGDialect_psycopg:
    """Return the dialect under which statements are compiled: `%(name)s` parameters."""
    made: PGDialect_psycopg = PGDialect_psycopg(paramstyle="pyformat")  # type: ignore[no-untyped-call]  # SQLAlchemy's own
    return made


class PostgresTransaction(Transaction):
    """One explicit transaction on the writer's session; it begins with its first statement."""

    def __init__(self, wire: Wire, compiler: Compiler) -> None:
        self._wire = wire
        self._compiler = compiler
        self._is_open = False

    @override
    def fetch(self, read: Bound) -> list[Row]:
        try:
            if not self._is_open:
                check(self._wire.exchange([_BEGIN])[0])
                self._is_open = True
            [rows] = fetch_all(self._wire, self._compiler, [read])
        except (Lost, Refused) as error:
            raise StoreUnavailable(str(error)) from error
        return rows

    @override
    def run(self, steps: Sequence[Bound]) -> None:
        compiled = [self._compiler(step.statement) for step in steps]
        commands: list[Command] = [] if self._is_open else [_BEGIN]
        before = len(commands)
        try:
            self._wire.prepare(compiled)
            for place, step in enumerate(steps):
                commands.append(self._command(place, compiled[place], step))
            results = self._wire.exchange(commands)
        except (Lost, Refused) as error:
            self.rollback()
            raise StoreUnavailable(str(error)) from error
        self._is_open = True
        try:
            if before:
                check(results[0])
            for place, step in enumerate(steps):
                self._check(place, step, results[before + place])
        except Refused as error:
            self.rollback()
            raise StoreUnavailable(str(error)) from error
        except GuardFailed:
            self.rollback()
            raise

    @override
    def commit(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        try:
            [result] = self._wire.exchange([_COMMIT], wait_s=COMMIT_WAIT_S)
        except Lost as error:
            raise CommitUnknown(str(error)) from error
        try:
            check(result)
        except Refused as error:
            raise StoreUnavailable(str(error)) from error
        if result.command_status != b"COMMIT":
            raise StoreUnavailable("the transaction had failed before its commit")
        if self._wire.notices:
            # The server gave up waiting for a standby: committed here, and perhaps only here.
            raise CommitUnknown(f"committed with warning {self._wire.notices[0]}")

    @override
    def rollback(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        if not self._wire.is_open:
            return
        try:
            check(self._wire.exchange([_ROLLBACK])[0])
        except (Lost, Refused):
            # The server rolls back what a session leaves open.
            self._wire.close()

    def _command(self, place: int, compiled: Compiled, step: Bound) -> Command:
        try:
            return self._wire.bound(compiled, step.values)
        except _NOT_BINDABLE as error:
            self.rollback()
            raise GuardFailed(place, f"{step.statement.name}: {type(error).__name__}") from error

    def _check(self, place: int, step: Bound, result: pq.abc.PGresult) -> None:
        statement = step.statement
        try:
            check(result)
        except Refused as error:
            if error.sqlstate[:2] not in _GUARDS:
                raise
            raise GuardFailed(place, f"{statement.name}: {error.sqlstate}") from error
        if statement.rows is not None and (touched := result.command_tuples or 0) != statement.rows:
            raise GuardFailed(place, f"{statement.name}: {touched} rows")


class PostgresStore(Store):
    """The writer's one session; opened again for the next batch where it was lost.

    Args:
        url: The database in the writer's role.
        hold: Called before a lost session is replaced: makes sure that this writer may go on,
            or raises.
    """

    def __init__(self, url: str, *, hold: Callable[[], None] | None = None) -> None:
        self._url = url
        self._hold = hold
        self._compiler = Compiler(dialect())
        self._wire = self._open()

    @override
    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        was_idle = self._wire.is_open
        try:
            return fetch_all(self._alive(), self._compiler, reads)
        except Lost as error:
            # A session that had ended while nobody used it: reading once more harms nobody.
            if not was_idle:
                raise StoreUnavailable(str(error)) from error
        try:
            return fetch_all(self._alive(), self._compiler, reads)
        except Lost as error:
            raise StoreUnavailable(str(error)) from error

    @override
    def begin(self) -> PostgresTransaction:
        return PostgresTransaction(self._alive(), self._compiler)

    @override
    def close(self) -> None:
        self._wire.close()

    def _alive(self) -> Wire:
        if not self._wire.is_open:
            self._wire.close()
            if self._hold is not None:
                self._hold()
            self._end_before()
            self._wire = self._open()
        return self._wire

    def _end_before(self) -> None:
        """End our own lost session: the server may keep it, and what it locks, for a while."""
        try:
            with connect(self._url, purpose="writer, ending its last session,") as connection:
                connection.execute(_END_ONE, self._session)
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error

    def _open(self) -> Wire:
        connection = connect(self._url, purpose="writer", options=OPTIONS)
        try:
            self._session = _make_fit(connection)
        except psycopg.Error as error:
            connection.close()
            raise StoreUnavailable(cause(error)) from error
        except StoreUnavailable:
            connection.close()
            raise
        return Wire(connection)


def _make_fit(connection: Connection) -> tuple[object, ...]:
    """Make a session one that may commit, or refuse it; return its process and its start."""
    row = connection.execute(_LOOK).fetchone()
    assert row is not None
    synchronous_commit, is_standby, version, *session = row
    if is_standby:
        raise StoreUnavailable("the database is a standby, which takes no writes")
    if version // 10_000 < SERVER_VERSION_LEAST:
        raise StoreUnavailable(f"PostgreSQL {SERVER_VERSION_LEAST} or newer is needed")
    if synchronous_commit not in DURABLE:
        connection.execute("SET synchronous_commit = 'on'")
    connection.execute("SELECT pg_advisory_lock_shared(%s, %s)", SESSIONS)
    return tuple(session)


_LOOK: Final = """
    SELECT current_setting('synchronous_commit'), pg_is_in_recovery(),
           current_setting('server_version_num')::int, pid, backend_start::text
    FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""
_END_ONE: Final = """
    SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity
    WHERE pid = %s AND backend_start::text = %s
"""


def fetch_all(wire: Wire, compiler: Compiler, reads: Sequence[Bound]) -> list[list[Row]]:
    """Run reads in one round trip and return each one's rows.

    Raises:
        Lost: The session is gone.
        StoreUnavailable: The store could not be read.
        NotReadable: Some reads' values do not fit them; all of those are named.
    """
    if not reads:
        return []
    compiled = [compiler(read.statement) for read in reads]
    _prepare(wire, compiled)
    reasons: dict[int, str] = {}
    commands: list[Command] = []
    for place, read in enumerate(reads):
        try:
            commands.append(wire.bound(compiled[place], read.values))
        except _NOT_BINDABLE as error:
            reasons[place] = f"{read.statement.name}: {type(error).__name__}"
    if not reasons:
        results = wire.exchange(commands)
        if all(result.status == pq.ExecStatus.TUPLES_OK for result in results):
            found = zip(compiled, results, strict=True)
            return [one.rows(wire.rows(one, result)) for one, result in found]
    _name_guilty(wire, reads, compiled, reasons)
    raise NotReadable(reasons)


def try_values(wire: Wire, compiler: Compiler, change: Bound) -> None:
    """Bind a statement's values, as its types are on the server, without running it.

    Raises:
        Lost: The session is gone.
        StoreUnavailable: The store could not be asked.
        NotReadable: The values do not fit the statement.
    """
    compiled = compiler(change.statement)
    _prepare(wire, [compiled])
    name = change.statement.name
    try:
        wire.bound(compiled, change.values)
    except _NOT_BINDABLE as error:
        raise NotReadable({0: f"{name}: {type(error).__name__}"}) from error


def _name_guilty(
    wire: Wire, reads: Sequence[Bound], compiled: Sequence[Compiled], reasons: dict[int, str]
) -> None:
    """Run each read that can be sent on its own, and add those that cannot be run."""
    places = [place for place in range(len(reads)) if place not in reasons]
    if not places:
        return
    commands = [wire.bound(compiled[place], reads[place].values) for place in places]
    for place, result in zip(places, wire.exchange(commands, each=True), strict=True):
        try:
            check(result)
        except Refused as error:
            if error.sqlstate[:2] != _NOT_FITTING:
                raise StoreUnavailable(str(error)) from error
            reasons[place] = f"{reads[place].statement.name}: {error.sqlstate}"
    if not reasons:
        raise StoreUnavailable("a read failed in company and not alone")


def _prepare(wire: Wire, compiled: Sequence[Compiled]) -> None:
    try:
        wire.prepare(compiled)
    except Refused as error:
        raise StoreUnavailable(str(error)) from error
