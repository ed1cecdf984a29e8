"""Reads of PostgreSQL that park their request: the loop watches the connection, no thread waits.

Handing a read to a thread costs as much CPU again as the read, and waits for the interpreter's
lock behind everything else that the loop does. Only connecting, which is rare, goes to the pool.
"""

import select
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg.abc import PQGen
from typing_extensions import override

from service.db.pool import CHECKOUT_TIMEOUT_S, CONNECTIONS_MAX, Pool
from service.db.postgres import CONNECT_TIMEOUT_S, STATEMENT_TIMEOUT_MS, Connection
from service.db.postgres_reader import PostgresReader
from service.db.store import StoreUnavailable
from service.front.hub import Hub, NotInTime, Wait

Made = TypeVar("Made")

# Beyond what the server itself allows a statement: it is the network that is away then.
ANSWER_S: Final = STATEMENT_TIMEOUT_MS / 1_000 + 0.5
READABLE: Final = 1
WRITABLE: Final = 2


class CooperativePostgresReader(PostgresReader):
    """Runs reads for greenlets of a hub, on a few connections that they share."""

    def __init__(
        self,
        url: str,
        *,
        hub: Hub,
        connections_max: int = CONNECTIONS_MAX,
        timeout_s: float = CHECKOUT_TIMEOUT_S,
    ) -> None:
        super().__init__(url, connections_max=connections_max, timeout_s=timeout_s)
        self._hub = hub

    @override
    def _made(self) -> Pool:
        return _Lent(
            self._opened,
            hub=self._hub,
            connections_max=self._connections_max,
            timeout_s=self._timeout_s,
        )

    @override
    def _opened(self) -> Connection:
        try:
            opened = self._hub.offload(super()._opened, timeout_s=CONNECT_TIMEOUT_S + 1)
        except NotInTime:
            raise StoreUnavailable("no connection in time") from None
        opened.wait = _Waiting(opened, self._hub).wait  # type: ignore[method-assign]  # as is meant
        return opened


class _Lent(Pool):
    """Lends connections to greenlets; who finds none waits in a line."""

    def __init__(self, connect: Any, *, hub: Hub, connections_max: int, timeout_s: float) -> None:
        super().__init__(connect, connections_max=connections_max, timeout_s=timeout_s)
        self._hub = hub
        self._left = connections_max
        self._line: deque[Wait[None]] = deque()

    @override
    @contextmanager
    def connection(self) -> Iterator[Connection]:
        self._enter()
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._leave()

    def _enter(self) -> None:
        if self._left > 0:
            self._left -= 1
            return
        wait: Wait[None] = Wait(self._hub)
        self._line.append(wait)
        try:
            wait.result(timeout_s=self._timeout_s)
        except NotInTime:
            self._line.remove(wait)
            raise StoreUnavailable("every connection to the database is in use") from None

    def _leave(self) -> None:
        if self._line:
            # The place goes over to who waits longest.
            self._line.popleft().fill(None)
        else:
            self._left += 1


class _Waiting:
    """How one connection waits for its socket."""

    def __init__(self, connection: Connection, hub: Hub) -> None:
        self._connection = connection
        self._hub = hub
        self._fd = connection.pgconn.socket
        self._poll = select.poll()

    def wait(self, gen: PQGen[Made], *_: Any, **__: Any) -> Made:
        """Run what psycopg does on the connection, parked whenever the socket is not ready.

        Raises:
            psycopg.Error: It failed, or the server says nothing; the connection is closed then.
        """
        try:
            wanted = next(gen)
            while True:
                wanted = gen.send(self._ready(int(wanted)))
        except StopIteration as end:
            made: Made = end.value
            return made
        except NotInTime:
            gen.close()
            self._connection.pgconn.finish()
            raise psycopg.OperationalError("no answer in time") from None

    def _ready(self, wanted: int) -> Any:
        """Return what the socket is ready for, of what is wanted."""
        mask = (select.POLLIN if wanted & READABLE else 0) | (
            select.POLLOUT if wanted & WRITABLE else 0
        )
        self._poll.register(self._fd, mask)
        if found := self._poll.poll(0):
            events = found[0][1]
            ready = (READABLE if events & ~select.POLLOUT else 0) | (
                WRITABLE if events & select.POLLOUT else 0
            )
            return ready & wanted or wanted
        wait: Wait[int] = Wait(self._hub)
        loop = self._hub.loop
        if wanted & READABLE:
            loop.add_reader(self._fd, wait.fill, READABLE)
        if wanted & WRITABLE:
            loop.add_writer(self._fd, wait.fill, WRITABLE)
        try:
            return wait.result(timeout_s=ANSWER_S)
        finally:
            loop.remove_reader(self._fd)
            loop.remove_writer(self._fd)
