"""gunicorn's threaded worker as this house runs it: the same refusals, and no lost connection."""

import contextlib
from collections.abc import Iterable
from typing import Any, Final
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from gunicorn import util
from gunicorn.http.errors import (
    InvalidHeader,
    InvalidHTTPVersion,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    ParseException,
)
from gunicorn.http.parser import RequestParser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import ThreadWorker
from typing_extensions import override

from service.front.bounds import CONNECTIONS_MAX, EXHAUSTED, REST_S
from service.front.refusals import Refusals
from service.http.ports import BODY_BYTES_MAX
from service.kernel.clock import Clock, SystemClock

VERSIONS: Final = ((1, 0), (1, 1))
# For a head to come whole, for a body, and for an answer to be taken.
SOCKET_S: Final = 10.0
_LENGTH_DIGITS_MAX: Final = 18


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that, when told to stop, takes what waits in the socket before it closes it.

    gunicorn closes the socket with connections still waiting in it, whose requests are then
    reset although the client saw its connection accepted. What is no request is answered as the
    cooperative front end answers it, and never with a status that blames us.

    A client that sends slowly holds one of its threads until a head or a body is late: it needs a
    proxy in front that buffers requests.
    """

    wsgi: WSGIApplication

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._clock = SystemClock()
        self._refusals = Refusals(self._clock)
        self._rests_until_ns = 0

    @override
    def load_wsgi(self) -> None:
        super().load_wsgi()
        self.wsgi = _saying_close(self.wsgi)

    @override
    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:
        ours = isinstance(exc, InvalidResponseHeader | InvalidResponseHeaderName)
        if ours or not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        is_late = isinstance(exc, LateHead)
        answer = self._refusals.timed_out() if is_late else self._refusals.of(exc)
        with contextlib.suppress(OSError):
            util.write_nonblock(client, answer)

    @override
    def enqueue_req(self, conn: Any) -> None:
        if conn.parser is None:
            conn.parser = BoundedParser(self.cfg, conn.sock, conn.client, clock=self._clock)
        super().enqueue_req(conn)

    @override
    def accept(self, listener: Any) -> None:
        try:
            super().accept(listener)
        except OSError as error:
            if error.errno not in EXHAUSTED:
                raise
            # What raises here ends the process and every request under way in it.
            self._rests_until_ns = self._clock.monotonic_ns() + int(REST_S * 1e9)
            if self.alive:
                self.set_accept_enabled(False)

    @override
    def set_accept_enabled(self, enabled: bool) -> None:
        if enabled and self._clock.monotonic_ns() < self._rests_until_ns:
            return
        super().set_accept_enabled(enabled)
        if not enabled and not self.alive:
            for listener in self.sockets:
                self._take_all(listener)
                listener.close()
            self.sockets.clear()

    def _take_all(self, listener: Any) -> None:
        listener.setblocking(False)  # noqa: FBT003  the socket's own signature
        for _ in range(CONNECTIONS_MAX):
            before = self.nr_conns
            self.accept(listener)
            if self.nr_conns == before:
                return


class LateHead(ParseException):  # type: ignore[misc]  # gunicorn has no types
    """A head that did not come whole in its time."""


class BoundedParser(RequestParser):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's parser with an end to the wait for a head, however little comes at a time."""

    def __init__(self, cfg: Any, sock: Any, client: Any, *, clock: Clock) -> None:
        super().__init__(cfg, sock, client)
        self.unreader = BoundedUnreader(sock, clock=clock)

    @override
    def __next__(self) -> Any:
        self.unreader.begin()
        try:
            return super().__next__()
        except TimeoutError as error:
            raise LateHead from error


class BoundedUnreader(SocketUnreader):  # type: ignore[misc]  # gunicorn has no types
    """Reads from a socket until an instant at the latest."""

    def __init__(self, sock: Any, *, clock: Clock) -> None:
        super().__init__(sock)
        self._clock: Final = clock
        self.begin()

    def begin(self) -> None:
        """Begin to count anew: all that is read from now on has to come in its time."""
        self._until_ns = self._clock.monotonic_ns() + int(SOCKET_S * 1e9)

    @override
    def chunk(self, size_hint: int | None = None) -> bytes:
        # At nought it would not wait at all, which is another error.
        left_ns = max(self._until_ns - self._clock.monotonic_ns(), 1)
        self.sock.settimeout(left_ns / 1e9)
        try:
            return bytes(super().chunk(size_hint))
        finally:
            # For the answer.
            self.sock.settimeout(SOCKET_S)


def refuse_two_readings(_worker: Any, request: Any) -> None:
    """Refuse what the cooperative front end's parser refuses, and bound the wait for the body.

    Raises:
        InvalidHTTPVersion: Neither HTTP/1.0 nor HTTP/1.1.
        InvalidHeader: HTTP/1.1 without Host, or a transfer coding beside `chunked`.
    """
    request.unreader.begin()
    if request.version not in VERSIONS:
        raise InvalidHTTPVersion(request.version)
    codings = [value for name, value in request.headers if name == "TRANSFER-ENCODING"]
    has_host = any(name == "HOST" for name, _ in request.headers)
    if codings and [one.lower() for one in codings] != ["chunked"]:
        raise InvalidHeader("TRANSFER-ENCODING")
    if request.version == VERSIONS[1] and not has_host:
        raise InvalidHeader("HOST")


def _saying_close(app: WSGIApplication) -> WSGIApplication:
    """Return the app so that an answer says when gunicorn will close behind it.

    It closes behind a body that was broken or that it does not want to read, and would not say.
    """

    def application(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def begin(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
            if environ["wsgi.input"].failed or status.startswith("413") or _is_large(environ):
                # The bound method of gunicorn's response.
                start.__self__.force_close()  # type: ignore[attr-defined]  # it is a method
            return start(status, headers, exc_info)

        return app(environ, begin)

    return application


def _is_large(environ: WSGIEnvironment) -> bool:
    announced = environ.get("CONTENT_LENGTH") or "0"
    return len(announced) > _LENGTH_DIGITS_MAX or int(announced) > BODY_BYTES_MAX
