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
from gunicorn.workers.gthread import ThreadWorker
from typing_extensions import override

from service.front.bounds import CONNECTIONS_MAX
from service.front.refusals import Refusals
from service.http.ports import BODY_BYTES_MAX
from service.kernel.clock import SystemClock

VERSIONS: Final = ((1, 0), (1, 1))
# For each piece of a body to come, and for an answer to be taken.
SOCKET_S: Final = 10.0
_LENGTH_DIGITS_MAX: Final = 18


class DrainingWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """A worker that, when told to stop, takes what waits in the socket before it closes it.

    gunicorn closes the socket with connections still waiting in it, whose requests are then
    reset although the client saw its connection accepted. What is no request is answered as the
    cooperative front end answers it, and never with a status that blames us.

    A client that sends a byte now and then holds one of its threads for as long as it likes, and
    nothing bounds the wait for a head: it needs a proxy in front that buffers requests.
    """

    wsgi: WSGIApplication

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self._refusals = Refusals(SystemClock())

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
        with contextlib.suppress(OSError):
            util.write_nonblock(client, self._refusals.of(exc))

    @override
    def set_accept_enabled(self, enabled: bool) -> None:
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


def refuse_two_readings(_worker: Any, request: Any) -> None:
    """Refuse what the cooperative front end's parser refuses, and bound the waits that follow.

    Raises:
        InvalidHTTPVersion: Neither HTTP/1.0 nor HTTP/1.1.
        InvalidHeader: HTTP/1.1 without Host, or a transfer coding beside `chunked`.
    """
    request.unreader.sock.settimeout(SOCKET_S)
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
