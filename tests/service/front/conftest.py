"""The cooperative server in a thread of its own, over an app that waits when it is told to."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from service.front.bounds import Bounds
from service.front.hub import Hub, NotInTime, Wait
from service.front.server import Server
from service.kernel.clock import SystemClock

WAIT_S = 10
BOUNDS = Bounds(
    connections=40,
    requests=8,
    line_bytes=200,
    headers=16,
    header_bytes=200,
    body_bytes=1_000,
    head_s=0.4,
    body_s=0.4,
    write_s=0.4,
    idle_s=0.8,
    linger_s=0.5,
)


class Running:
    """A server that runs; `released` lets go the requests that wait at /wait."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.released = threading.Event()
        self.waiting = 0
        self.is_stopped = threading.Event()
        self._ready = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self.thread.start()
        assert self._ready.wait(WAIT_S)

    def stop(self, *, within_s: float = 5.0) -> None:
        """Ask it to stop; returns at once."""
        stopping = self.server.stop(within_s=within_s)
        future = asyncio.run_coroutine_threadsafe(stopping, self.loop)
        future.add_done_callback(lambda _: self.end())

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), WAIT_S)

    def ask(self, *pieces: bytes) -> bytes:
        """Send bytes on a connection of their own, and return all that came until its end."""
        with self.connect() as one:
            for piece in pieces:
                one.sendall(piece)
            return rest(one)

    def count(self) -> int:
        return len(self.server._connections)

    def _run(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = Hub(self.loop, threads=2)
        self.server = Server(
            self._app,
            overloaded=answering("503 Service Unavailable", b"busy"),
            hub=self.hub,
            bounds=self._bounds,
            clock=SystemClock(),
            workers=1,
        )
        self.server.start([self._listener])
        self.loop.call_soon(self._ready.set)
        self.loop.run_forever()
        self.server.drop()
        self.hub.stop()
        # A greenlet that outlives its thread is collected by another, which may end the process.
        self.released.set()
        while self.waiting:
            self._go_on()
        self._go_on()
        self.loop.close()
        self.is_stopped.set()

    def _go_on(self) -> None:
        # Whoever asks it to end once more only ends this round.
        self.loop.call_later(0.01, self.loop.stop)
        self.loop.run_forever()

    def _app(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/wait":
            self.waiting += 1
            while not self.released.is_set():
                self._pause()
            self.waiting -= 1
        if path == "/splits":
            start("200 OK", [("Location", "/x\r\nSet-Cookie: a=b")])
            return [b"split"]
        if path == "/fails":
            raise KeyError("a mistake of the app")
        try:
            body = b"" if path == "/unread" else environ["wsgi.input"].read()
        except OSError:
            return answering("400 Bad Request", b"broken")(environ, start)
        if len(body) > self._bounds.body_bytes:
            return answering("413 Content Too Large", b"large")(environ, start)
        size = int(environ["QUERY_STRING"] or 0)
        return answering("200 OK", body + b"x" * size)(environ, start)

    def _pause(self) -> None:
        try:
            Wait[None](self.hub).result(timeout_s=0.005)
        except NotInTime:
            return


def answering(status: str, body: bytes) -> Callable[..., Iterable[bytes]]:
    """Return an app that gives one answer."""

    def app(_environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
        return [body]

    return app


def rest(connection: socket.socket) -> bytes:
    """Return what comes until the server's side ends."""
    got = b""
    while piece := connection.recv(65_536):
        got += piece
    return got


@pytest.fixture
def serve() -> Iterator[Callable[..., Running]]:
    """Start a server with bounds of its own."""
    made: list[Running] = []

    def start(**bounds: Any) -> Running:
        running = Running(replace(BOUNDS, **bounds))
        made.append(running)
        running.start()
        return running

    yield start
    for running in made:
        running.released.set()
        if not running.is_stopped.is_set():
            running.end()
        running.thread.join(WAIT_S)
        running._listener.close()
        assert running.is_stopped.is_set()


@pytest.fixture
def running(serve: Callable[..., Running]) -> Running:
    return serve()
