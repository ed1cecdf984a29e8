"""One HTTP connection of the cooperative front end: reads, bounds, answers, closes.

A request reaches the app whole: nobody's slow body holds a greenlet. Every wait for the client
has an end: for a head, for a body, for the answer to be taken, for the next request.
"""

import asyncio
import contextlib
import io
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Any, Final, Protocol
from wsgiref.types import WSGIApplication, WSGIEnvironment

from typing_extensions import override

from service.front.bounds import Bounds
from service.front.environ import Base
from service.front.parser import ParseError, Parser
from service.front.refusals import Refusals
from service.front.resetting import reset

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
# Bytes of later requests that are kept while one is under way.
AHEAD_MAX: Final = 65_536
FAULT: Final = (
    b"HTTP/1.1 500 Internal Server Error\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
)
_HEAD: Final = b"HEAD"
_CONNECT: Final = b"CONNECT"
_NO_BODY: Final = ("204", "304")


class Server(Protocol):
    """What a connection needs of its server; service/front/server.py has it."""

    @property
    def bounds(self) -> Bounds:
        """What clients may take."""
        ...

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop on which everything happens."""
        ...

    @property
    def refusals(self) -> Refusals:
        """Answers to what is no request."""
        ...

    @property
    def workers(self) -> int:
        """How many such processes there are."""
        ...

    @property
    def is_stopping(self) -> bool:
        """Whether each answer is its connection's last."""
        ...

    def joined(self, connection: "Connection") -> None:
        """Count a connection in."""
        ...

    def left(self, connection: "Connection") -> None:
        """Count a connection out."""
        ...

    def rests(self, connection: "Connection") -> None:
        """Note that a connection waits for its next request."""
        ...

    def busy(self, connection: "Connection") -> None:
        """Note that a connection's next request has begun."""
        ...

    def begin(self, run: Callable[[WSGIApplication], None], environ: WSGIEnvironment) -> None:
        """Run a request in a greenlet of its own."""
        ...

    def date(self) -> str:
        """Return the Date header's line."""
        ...


class State(Enum):
    """Whose turn it is."""

    IDLE = auto()
    HEAD = auto()
    BODY = auto()
    SERVING = auto()
    FLUSHING = auto()
    LINGERING = auto()
    CLOSED = auto()


class BrokenBody(io.RawIOBase):
    """A body that did not come whole."""

    @override
    def read(self, size: int = -1, /) -> bytes:
        raise OSError("the body ended early, or its framing is wrong")


class Connection(asyncio.Protocol):
    """Reads one request after the other, and lets the server's app answer each.

    Attributes:
        state: Whose turn it is.
        until: Instant of the loop's clock at which the wait for the client ends; None while the
            client waits for us.
    """

    def __init__(self, server: Server) -> None:
        self._server: Final = server
        self.state = State.IDLE
        self.until: float | None = None
        self._parser: Final = Parser(
            on_headers_complete=self._on_head,
            on_body=self._on_body,
            limit_request_line=server.bounds.line_bytes,
            limit_request_fields=server.bounds.headers,
            limit_request_field_size=server.bounds.header_bytes,
        )
        self._body = bytearray()
        self._is_overlong = False
        self._is_ended = False
        self._is_last = False
        self._is_write_paused = False
        self._ahead = bytearray()
        self._environ: WSGIEnvironment = {}
        self._transport: Any = None
        self._base: Base | None = None
        self._status = ""
        self._headers: list[tuple[str, str]] = []
        self.requests = 0

    # What the loop calls.

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        server = self._server
        self._transport = transport
        # At nought the loop says at once when an answer was not taken whole.
        self._transport.set_write_buffer_limits(high=0)
        self._base = Base(
            client=transport.get_extra_info("peername"),
            server=transport.get_extra_info("sockname"),
            workers=server.workers,
        )
        self.until = server.loop.time() + server.bounds.head_s
        server.joined(self)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.state = State.CLOSED if self.state is not State.SERVING else self.state
        self.until = None
        self._is_ended = True
        self._server.left(self)

    @override
    def data_received(self, data: bytes) -> None:
        match self.state:
            case State.HEAD | State.BODY:
                self._read(data)
            case State.IDLE if not self._ahead:
                self._read(data)
            case State.IDLE | State.SERVING | State.FLUSHING:
                # In the turn before `_read_ahead` nothing may overtake what came first.
                self._ahead += data
                if len(self._ahead) > AHEAD_MAX:
                    self._transport.pause_reading()
            case State.LINGERING | State.CLOSED:
                pass

    @override
    def eof_received(self) -> bool:
        """Say whether the connection stays for our side of it."""
        self._is_ended = True
        match self.state:
            case State.BODY:
                self._serve(is_broken=True)
                return True
            case State.SERVING | State.FLUSHING:
                return True
            case _:
                return False

    @override
    def pause_writing(self) -> None:
        self._is_write_paused = True

    @override
    def resume_writing(self) -> None:
        self._is_write_paused = False
        if self.state is State.FLUSHING:
            self._next()

    # What the server calls.

    def expire(self) -> None:
        """End a wait for the client that took too long."""
        match self.state:
            case State.HEAD | State.BODY:
                self._refuse(self._server.refusals.timed_out())
            case State.IDLE:
                self._close()
            case State.FLUSHING:
                reset(self._transport)
            case _:
                self._transport.abort()

    def abort(self) -> None:
        """End it at once."""
        self._transport.abort()

    # Reading.

    def _read(self, data: bytes) -> None:
        if self.state is State.IDLE:
            self.state = State.HEAD
            self.until = self._server.loop.time() + self._server.bounds.head_s
            self._server.busy(self)
        try:
            self._parser.feed(data)
        except ParseError as error:
            if self.state is State.BODY:
                self._serve(is_broken=True)
            else:
                self._refuse(self._server.refusals.of(error))
            return
        if self._parser.is_complete or self._is_overlong:
            self._serve(is_broken=False)
        elif self.state is State.BODY and self._parser.expects_continue:
            self._parser.expects_continue = False
            if not self._body:
                self._transport.write(CONTINUE)

    def _on_head(self) -> bool:
        """Called by the parser when a head is whole; never skips the body."""
        assert self._base is not None
        self._environ = self._base.environ(self._parser, io.BytesIO())
        self.state = State.BODY
        self.until = self._server.loop.time() + self._server.bounds.body_s
        announced = self._parser.content_length
        self._is_overlong = announced is not None and announced > self._server.bounds.body_bytes
        return False

    def _on_body(self, chunk: bytes) -> None:
        if self._is_overlong:
            return
        self._body += chunk
        # One byte beyond the limit is kept, so that the app sees that it is too long.
        self._is_overlong = len(self._body) > self._server.bounds.body_bytes

    # Answering.

    def _serve(self, *, is_broken: bool) -> None:
        parser = self._parser
        self.state = State.SERVING
        self.until = None
        self.requests += 1
        self._is_last = (
            not parser.should_keep_alive
            or is_broken
            or self._is_overlong
            or parser.method == _CONNECT
        )
        if not self._is_last and parser.ahead:
            self._ahead += parser.remaining()
        body = self._body
        self._environ["wsgi.input"] = BrokenBody() if is_broken else io.BytesIO(bytes(body))
        self._body = bytearray()
        self._status = ""
        self._server.begin(self._run, self._environ)

    def _run(self, app: Any) -> None:
        """Answer the request; runs in its greenlet."""
        body: bytes | None = None
        try:
            parts: Iterable[bytes] = app(self._environ, self._start)
            try:
                body = b"".join(parts)
            finally:
                if (close := getattr(parts, "close", None)) is not None:
                    close()
        finally:
            self._environ = {}
            if body is None or not self._status:
                # The app failed where it never may; the loop logs what it raised.
                self._is_last = True
                self._status, self._headers, body = "500 Internal Server Error", [], b""
            self._answer(body)

    def _start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        if self._status and exc_info is None:
            raise AssertionError("the answer was begun twice")
        self._status, self._headers = status, headers

    def _answer(self, body: bytes) -> None:
        if self.state is State.CLOSED or self._transport.is_closing():
            self.state = State.CLOSED
            return
        server, is_head = self._server, self._parser.method == _HEAD
        self._is_last = self._is_last or server.is_stopping or self._is_ended
        head = self._head(len(body))
        if head is None:
            # A header of ours holds a line break: what it says would be read as another answer.
            self._is_last = True
            head, body = FAULT, b""
        if body and not is_head and not self._status.startswith(_NO_BODY):
            head += body
        self._transport.write(head)
        self._flushed()

    def _head(self, length: int) -> bytes | None:
        """Return the head of the answer; None where its headers do not stand in a line each."""
        lines = [
            "HTTP/{}.{} {}".format(*self._parser.http_version, self._status),
            "Server: gunicorn",
            self._server.date(),
            "Connection: close" if self._is_last else "Connection: keep-alive",
        ]
        has_length = self._status.startswith(_NO_BODY)
        for name, value in self._headers:
            if name.lower() == "content-length":
                if self._status.startswith("204"):
                    continue
                has_length = True
            lines.append(f"{name}: {value}")
        if not has_length:
            lines.append(f"Content-Length: {length}")
        text = "\r\n".join(lines)
        breaks = len(lines) - 1
        if text.count("\r") != breaks or text.count("\n") != breaks:
            return None
        return f"{text}\r\n\r\n".encode("latin-1", "replace")

    def _refuse(self, answer: bytes) -> None:
        """Answer what never became a request, and close."""
        self._is_last = True
        self._transport.write(answer)
        self._flushed()

    def _flushed(self) -> None:
        if self._is_write_paused:
            self.state = State.FLUSHING
            self.until = self._server.loop.time() + self._server.bounds.write_s
        else:
            self._next()

    def _next(self) -> None:
        """Wait for the next request, or close behind the last."""
        server = self._server
        if self._is_last:
            self._linger()
            return
        self._parser.reset()
        self._is_overlong = False
        self.state = State.IDLE
        self.until = server.loop.time() + server.bounds.idle_s
        server.rests(self)
        if self._ahead:
            # By the loop, never from inside the greenlet that has just answered.
            server.loop.call_soon(self._read_ahead)
        elif self._is_ended:
            self._close()

    def _read_ahead(self) -> None:
        if self.state is not State.IDLE:
            return
        data, self._ahead = bytes(self._ahead), bytearray()
        self._transport.resume_reading()
        self._read(data)

    # Closing.

    def _linger(self) -> None:
        """Close our side and leave the client time to read.

        What it still sends would meet a closed socket, and the reset would take the answer away
        from it.
        """
        self._ahead.clear()
        if self._is_ended:
            self._close()
            return
        self.state = State.LINGERING
        self.until = self._server.loop.time() + self._server.bounds.linger_s
        self._transport.resume_reading()
        # Who went away meanwhile has reset the socket, and the loop may not have heard of it.
        with contextlib.suppress(OSError):
            self._transport.write_eof()

    def _close(self) -> None:
        self.state = State.CLOSED
        self.until = self._server.loop.time() + self._server.bounds.write_s
        self._transport.close()
