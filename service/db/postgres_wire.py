"""One PostgreSQL session driven by pipelines of prepared statements, with a limit on every wait.

Knows no transaction. psycopg's own cursors cost several times the CPU and prepare one statement
anew for each width of its integers; here the server names the types, once a statement.
"""

import re
import select
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from service.db.postgres_codec import DECODERS, ENCODERS, Decoder, Encoder
from service.db.statements import Compiled
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock

CONNECT_TIMEOUT_S: Final = 2
STATEMENT_TIMEOUT_MS: Final = 2_000
LOCK_TIMEOUT_MS: Final = 1_000
# A writer that is stopped in the middle of a transaction holds its rows no longer than this.
IDLE_IN_TRANSACTION_TIMEOUT_MS: Final = 5_000
TCP_USER_TIMEOUT_MS: Final = 3_000
# Longer than the server's own limits: who waits this long talks to nobody.
WAIT_S: Final = 5.0
_NAME: Final = re.compile(r"%\((\w+)\)s|%%")
_BINARY: Final = 1

Connection = psycopg.Connection[tuple[Any, ...]]


class Lost(Exception):  # noqa: N818  a state of the world, not our mistake
    """The session is gone, or does not answer any more; what it was doing is unknown."""


class Refused(Exception):  # noqa: N818  the server's own word
    """The server refused one command.

    Attributes:
        sqlstate: The server's five letters.
    """

    def __init__(self, sqlstate: str) -> None:
        super().__init__(sqlstate)
        self.sqlstate = sqlstate


class Prepared(NamedTuple):
    """A statement that this session has prepared.

    Attributes:
        name: What the server knows it by.
        parameters: Each parameter's name and encoder, in the server's order.
        columns: How to read each column.
    """

    name: bytes
    parameters: Sequence[tuple[str, Encoder]]
    columns: Sequence[Decoder]


Command = Callable[[pq.abc.PGconn], None]


def connect(url: str, *, purpose: str, options: Sequence[str] = ()) -> Connection:
    """Open a connection on which every statement stands alone, with a limit on every wait.

    Args:
        url: The database in one of its roles; its own options come after ours.
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
        own = conninfo_to_dict(url).get("options") or ""
        return psycopg.connect(
            url,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_S,
            tcp_user_timeout=TCP_USER_TIMEOUT_MS,
            application_name=f"payguard {purpose} on {socket.gethostname()}",
            options=" ".join([*(f"-c {one}" for one in chosen), str(own)]),
        )
    except psycopg.Error as error:
        raise StoreUnavailable(f"the database cannot be reached: {cause(error)}") from error


def cause(error: psycopg.Error) -> str:
    """Return what went wrong, by its name and the server's code; it holds no value."""
    return f"{type(error).__name__} {error.sqlstate or ''}".strip()


class Wire:
    """A session, and what it has prepared.

    Args:
        connection: Open and idle; from here on it is the wire's alone.

    Attributes:
        is_idle: Whether every answer has come; false for ever where a wait was cut short.
        notices: The server's five letters of what it warned of in the last exchange.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._pg = connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._poll = select.poll()
        self._file = self._pg.socket
        self.is_idle = True
        self._prepared: dict[Compiled, Prepared] = {}
        self.notices: list[str] = []
        # Knows the list and not the wire: a circle would keep a session open.
        self._pg.notice_handler = partial(_note, self.notices)

    def __del__(self) -> None:
        # A session belongs to a thread, and no thread says that it ends.
        self.close()

    @property
    def is_open(self) -> bool:
        """Whether nothing has ended the session so far as this side knows."""
        return not self._connection.closed and self._pg.status == pq.ConnStatus.OK

    def close(self) -> None:
        """End the session."""
        self._connection.close()

    def prepare(self, statements: Sequence[Compiled]) -> None:
        """Prepare those statements that are not yet, in one round trip.

        Raises:
            Lost: The session is gone.
            Refused: The server cannot prepare one of them.
        """
        fresh = [one for one in dict.fromkeys(statements) if one not in self._prepared]
        if not fresh:
            return
        commands: list[Command] = []
        names: list[tuple[bytes, list[str]]] = []
        for place, compiled in enumerate(fresh, start=len(self._prepared)):
            name = b"p%d" % place
            text, parameters = _numbered(compiled.text)
            names.append((name, parameters))
            commands += [_prepare(name, text), _describe(name)]
        results = self.exchange(commands)
        try:
            for result in results:
                check(result)
            self._prepared |= {
                compiled: _described(name, parameters, described)
                for compiled, (name, parameters), described in zip(
                    fresh, names, results[1::2], strict=True
                )
            }
        except (Refused, StoreUnavailable):
            # What came before the one that failed stays prepared there, under names that this
            # side would give again: of such a session nothing can be prepared any more.
            self.close()
            raise

    def bound(self, compiled: Compiled, values: Mapping[str, Any]) -> Command:
        """Return the command that runs a prepared statement with values.

        Raises:
            KeyError: A value is missing.
            NOT_ENCODABLE: Another does not fit its parameter.
        """
        prepared = self._prepared[compiled]
        given = compiled.parameters(values)
        encoded: list[bytes | None] = []
        for name, encode in prepared.parameters:
            value = given[name]
            encoded.append(None if value is None else encode(value))
        formats = [_BINARY] * len(encoded)

        def send(pg: pq.abc.PGconn) -> None:
            pg.send_query_prepared(prepared.name, encoded, formats, _BINARY)

        return send

    def rows(self, compiled: Compiled, result: pq.abc.PGresult) -> list[list[Any]]:
        """Return a result's rows as Python values."""
        columns = tuple(enumerate(self._prepared[compiled].columns))
        get = result.get_value
        found = []
        for number in range(result.ntuples):
            row = []
            for place, decode in columns:
                raw = get(number, place)
                row.append(None if raw is None else decode(raw))
            found.append(row)
        return found

    def exchange(
        self, commands: Sequence[Command], *, each: bool = False, wait_s: float = WAIT_S
    ) -> list[pq.abc.PGresult]:
        """Send commands as one pipeline and return one result each.

        Args:
            commands: At least one; each gives one result.
            each: Let each command stand alone: one that fails then stops no other.
            wait_s: How long to wait for all of it.

        Raises:
            Lost: The session ended, or did not answer in time.
        """
        self.notices.clear()
        pg = self._pg
        self.is_idle = False
        try:
            for command in commands:
                command(pg)
                if each:
                    pg.pipeline_sync()
            if not each:
                pg.pipeline_sync()
            results = self._received(len(commands) if each else 1, wait_s=wait_s)
        except psycopg.Error as error:
            self.close()
            raise Lost(cause(error)) from error
        if pg.status != pq.ConnStatus.OK or len(results) != len(commands):
            self.close()
            raise Lost("the session ended")
        self.is_idle = True
        return results

    def _received(self, syncs: int, *, wait_s: float) -> list[pq.abc.PGresult]:
        pg = self._pg
        until = _now_s() + wait_s
        results: list[pq.abc.PGresult] = []
        is_sending = pg.flush() == 1
        while True:
            while not pg.is_busy():
                result = pg.get_result()
                if result is None:
                    continue
                if result.status == pq.ExecStatus.PIPELINE_SYNC:
                    syncs -= 1
                    if syncs == 0:
                        return results
                else:
                    results.append(result)
            self._wait(is_sending=is_sending, left_s=until - _now_s())
            pg.consume_input()
            if is_sending:
                is_sending = pg.flush() == 1

    def _wait(self, *, is_sending: bool, left_s: float) -> None:
        self._poll.register(self._file, select.POLLIN | (select.POLLOUT if is_sending else 0))
        if left_s <= 0 or not self._poll.poll(left_s * 1_000):
            raise psycopg.OperationalError("no answer in time")


def check(result: pq.abc.PGresult) -> pq.abc.PGresult:
    """Return a result that is no refusal.

    Raises:
        Refused: It is one.
    """
    if result.status in _GOOD:
        return result
    raise Refused(_field(result, pq.DiagnosticField.SQLSTATE))


_GOOD: Final = frozenset({pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK})


def _now_s() -> float:
    return SystemClock().monotonic_ns() / 1_000_000_000


def text_command(text: bytes) -> Command:
    """Return the command that runs a statement without parameters, unprepared."""

    def send(pg: pq.abc.PGconn) -> None:
        pg.send_query_params(text, None)

    return send


def _prepare(name: bytes, text: bytes) -> Command:
    return lambda pg: pg.send_prepare(name, text)


def _describe(name: bytes) -> Command:
    return lambda pg: pg.send_describe_prepared(name)


def _numbered(text: str) -> tuple[bytes, list[str]]:
    """Return a text with `$1` instead of `%(name)s`, and the names in that order."""
    names: dict[str, int] = {}

    def numbered(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return _NAME.sub(numbered, text).encode(), list(names)


def _described(name: bytes, parameters: list[str], result: pq.abc.PGresult) -> Prepared:
    try:
        return Prepared(
            name,
            [(one, ENCODERS[result.param_type(at)]) for at, one in enumerate(parameters)],
            [DECODERS[result.ftype(at)] for at in range(result.nfields)],
        )
    except KeyError as error:
        raise StoreUnavailable(f"a statement uses the type {error}, which has no codec") from error


def _note(notices: list[str], result: pq.abc.PGresult) -> None:
    notices.append(_field(result, pq.DiagnosticField.SQLSTATE))


def _field(result: pq.abc.PGresult, field: pq.DiagnosticField) -> str:
    return (result.error_field(field) or b"").decode("ascii", "replace")
