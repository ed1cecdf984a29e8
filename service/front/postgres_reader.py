"""Reads of PostgreSQL that park their request: the loop watches the connection, no thread waits.

Handing a read to a thread costs as much CPU again as the read, and waits for the interpreter's
lock behind everything else that the loop does. Only connecting, which is rare, goes to the pool.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from typing_extensions import override

from service.db.places import READER_CONNECTIONS
from service.db.pool import CHECKOUT_TIMEOUT_S, Pool
from service.db.postgres_reader import READ_ONLY, PostgresReader
from service.db.postgres_wire import CONNECT_TIMEOUT_S, Connection, Wire, connect
from service.db.store import StoreUnavailable
from service.front.hub import Hub, NotInTime, Wait


class CooperativePostgresReader(PostgresReader):
    """Runs reads for greenlets of a hub, on a few connections that they share."""

    def __init__(
        self,
        url: str,
        *,
        hub: Hub,
        connections_max: int = READER_CONNECTIONS,
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
    def _opened(self) -> Wire:
        try:
            opened = self._hub.offload(self._connected, timeout_s=CONNECT_TIMEOUT_S + 1)
        except NotInTime:
            raise StoreUnavailable("no connection in time") from None
        return _ParkingWire(opened, self._hub)

    def _connected(self) -> Connection:
        return connect(self._url, purpose=self._purpose, options=READ_ONLY)


class _Lent(Pool):
    """Lends connections to greenlets; who finds none waits in a line."""

    def __init__(self, connect: Any, *, hub: Hub, connections_max: int, timeout_s: float) -> None:
        super().__init__(connect, connections_max=connections_max, timeout_s=timeout_s)
        self._hub = hub
        self._left = connections_max
        self._line: deque[Wait[None]] = deque()

    @override
    @contextmanager
    def connection(self) -> Iterator[Wire]:
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


class _ParkingWire(Wire):
    """A session whose waits park their greenlet."""

    def __init__(self, connection: Connection, hub: Hub) -> None:
        super().__init__(connection)
        self._hub = hub
        self._is_watched = False
        self._waiting: Wait[None] | None = None

    @override
    def close(self) -> None:
        self._unwatch()
        super().close()

    @override
    def _wait(self, *, is_sending: bool, left_s: float) -> None:
        loop = self._hub.loop
        if not self._is_watched:
            # It stays so: to be watched anew for each answer costs two calls of the system.
            self._is_watched = True
            loop.add_reader(self._file, self._arrived)
        if is_sending:
            loop.add_writer(self._file, self._arrived)
        self._waiting = Wait(self._hub)
        try:
            self._waiting.result(timeout_s=left_s)
        except NotInTime:
            raise psycopg.OperationalError("no answer in time") from None
        finally:
            self._waiting = None
            if is_sending:
                loop.remove_writer(self._file)

    def _arrived(self) -> None:
        if self._waiting is None:
            # Nobody asked: the server ends the session, which its next user finds out.
            self._unwatch()
        else:
            self._waiting.fill(None)

    def _unwatch(self) -> None:
        if self._is_watched:
            self._is_watched = False
            self._hub.loop.remove_reader(self._file)
