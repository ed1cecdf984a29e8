"""The cooperative server of one process: takes connections, bounds them, stops without losing one.

It never reads a request itself; service/front/connection.py does.
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Iterable
from email.utils import format_datetime
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from service.front.admission import Admission
from service.front.bounds import EXHAUSTED, REST_S, Bounds
from service.front.connection import Connection, State
from service.front.hub import Hub
from service.front.refusals import Refusals
from service.kernel.clock import Clock

# How often waits for clients are looked at; they end this much late at most.
SWEEP_S: Final = 0.25
# What a connection that sent nothing yet may still take to begin when we stop: it was taken from
# the socket's queue, and its bytes may be on their way.
LAST_BYTES_S: Final = 1.0
# How long a kept connection has had to rest before it is closed when we stop. A client that sends
# one request after the other may have the next on its way; its answer says that it is the last.
RESTED_S: Final = 0.5
# What carries no client's wish and must be answered above all when there is much to do.
PROBES: Final = frozenset({"/livez", "/readyz"})


class Server:
    """Serves an app over listening sockets, on the loop of a hub.

    Args:
        app: Answers a request; runs in a greenlet of the hub.
        overloaded: Answers when too many are under way; it never waits.
        hub: Where requests run.
        bounds: What clients may take.
        clock: For the Date header.
        workers: How many such processes there are.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        overloaded: WSGIApplication,
        hub: Hub,
        bounds: Bounds,
        clock: Clock,
        workers: int,
    ) -> None:
        self._app: Final = app
        self._overloaded: Final = overloaded
        self._hub: Final = hub
        self._clock: Final = clock
        self.loop: Final = hub.loop
        self.bounds: Final = bounds
        self.workers: Final = workers
        self.refusals: Final = Refusals(clock)
        self.is_stopping = False
        self._listeners: list[socket.socket] = []
        # Taken from the socket, and not yet connections.
        self._coming = 0
        self._taking: set[asyncio.Task[Any]] = set()
        self._is_deaf = True
        self._connections: set[Connection] = set()
        # In the order in which they began to rest.
        self._resting: dict[Connection, None] = {}
        self._admission: Final = Admission(most=bounds.requests, target_s=bounds.answer_s)
        self._date = ""
        self._date_s = 0

    # Connections.

    def start(self, listeners: Iterable[socket.socket]) -> None:
        """Take connections from listening sockets."""
        for listener in listeners:
            listener.setblocking(False)  # noqa: FBT003  the socket's own signature
            self._listeners.append(listener)
        self._listen()
        self.loop.call_later(SWEEP_S, self._sweep)

    def joined(self, connection: Connection) -> None:
        """Count a connection in."""
        self._coming -= 1
        self._connections.add(connection)

    def left(self, connection: Connection) -> None:
        """Count a connection out."""
        self._connections.discard(connection)
        self._resting.pop(connection, None)
        self._listen()

    def rests(self, connection: Connection) -> None:
        """Note that a connection waits for its next request."""
        self._resting[connection] = None
        self._listen()

    def busy(self, connection: Connection) -> None:
        """Note that a connection's next request has begun."""
        self._resting.pop(connection, None)

    def _is_full(self) -> bool:
        return len(self._connections) + self._coming >= self.bounds.connections

    def _listen(self) -> None:
        """Look for connections again, if we do not."""
        if not self._is_deaf or self.is_stopping:
            return
        self._is_deaf = False
        for listener in self._listeners:
            self.loop.add_reader(listener, self._take, listener)

    def _deafen(self) -> None:
        self._is_deaf = True
        for listener in self._listeners:
            self.loop.remove_reader(listener)

    def _take(self, listener: socket.socket) -> bool:
        """Take one connection and no more, so that the processes share them; say whether."""
        if self._is_full() and not self.is_stopping:
            if not self._resting:
                self._deafen()
                return False
            longest = next(iter(self._resting))
            self.busy(longest)
            longest.expire()
        try:
            taken, _ = listener.accept()
        except OSError as error:
            if error.errno in EXHAUSTED:
                self._deafen()
                self.loop.call_later(REST_S, self._listen)
            return False
        taken.setblocking(False)  # noqa: FBT003  the socket's own signature
        self._coming += 1
        task = self.loop.create_task(self._attach(taken))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        return True

    async def _attach(self, taken: socket.socket) -> None:
        try:
            await self.loop.connect_accepted_socket(lambda: Connection(self), taken)
        except OSError:
            self._coming -= 1
            taken.close()

    def _sweep(self) -> None:
        now = self.loop.time()
        self.loop.call_later(SWEEP_S, self._sweep)
        # All of them are called whatever one raises; the loop logs it afterwards.
        with contextlib.ExitStack() as expired:
            for connection in self._connections:
                if connection.until is not None and now >= connection.until:
                    expired.callback(connection.expire)

    # Requests.

    def begin(self, run: Callable[[WSGIApplication], None], environ: WSGIEnvironment) -> None:
        """Run a request in a greenlet of its own, or have it told that there are too many."""
        if environ["PATH_INFO"] in PROBES:
            app = self._app
        elif place := self._admission.enter():
            app = self._counted(place, self.loop.time())
        else:
            app = self._overloaded
        self._hub.spawn(lambda: run(app))

    def _counted(self, place: int, begun_at: float) -> WSGIApplication:
        def app(environ: WSGIEnvironment, start: StartResponse, /) -> Iterable[bytes]:
            try:
                return self._app(environ, start)
            finally:
                self._admission.leave(place, begun_at=begun_at, now=self.loop.time())

        return app

    def date(self) -> str:
        """Return the Date header's line, made once a second."""
        second = int(self.loop.time())
        if second != self._date_s:
            self._date_s = second
            self._date = f"Date: {format_datetime(self._clock.now(), usegmt=True)}"
        return self._date

    # The end.

    async def stop(self, *, within_s: float) -> None:
        """Take what waits in the sockets, finish what is under way, and close.

        A client whose connection was accepted by the kernel has been promised an answer: closing
        the socket with connections in its queue would reset them.
        """
        self.is_stopping = True
        self._deafen()
        for listener in self._listeners:
            for _ in range(self.bounds.connections):
                if not self._take(listener):
                    break
            listener.close()
        self._listeners.clear()
        if self._taking:
            await asyncio.wait(set(self._taking))
        # What has arrived is read before anything that seems to rest is closed.
        await asyncio.sleep(0)
        end = self.loop.time() + within_s
        fresh_until = min(self.loop.time() + LAST_BYTES_S, end)
        while self._connections and self.loop.time() < end:
            now = self.loop.time()
            for connection in list(self._connections):
                rested_at = self._began_to_rest(connection) + RESTED_S
                ends_at = rested_at if connection.requests > 0 else fresh_until
                if connection.state is State.IDLE and now >= ends_at:
                    connection.expire()
            await asyncio.sleep(SWEEP_S / 10)

    def _began_to_rest(self, connection: Connection) -> float:
        return (connection.until or 0.0) - self.bounds.idle_s

    def drop(self) -> None:
        """Close everything at once."""
        self.is_stopping = True
        self._deafen()
        for connection in list(self._connections):
            with contextlib.suppress(OSError):
                connection.abort()
