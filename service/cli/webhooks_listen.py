"""`payguard webhooks listen`: shows a sandbox's events on a developer's machine as they come.

Makes an endpoint of its own by the API and removes it at the end. Never prints a key or a secret.
"""

import contextlib
import datetime as dt
import http.client
import re
import signal
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from typing_extensions import override

from keys import entropy
from keys.api_keys import ApiKeyRefused, ApiKeyText
from keys.webhooks import Verifier, WebhookRefused
from service.cli.replay.sender import Answer, Sender, read_target
from service.cli.screen import NO_ANSWER, REFUSED, Failure, JSONScreen, Screen, reporting
from service.kernel.clock import Clock, SystemClock
from service.kernel.ids import new_id

HOST: Final = "127.0.0.1"
ENDPOINTS: Final = "/v1/webhook_endpoints"
BODY_BYTES_MAX: Final = 1 << 20
READ_S: Final = 10.0
FORWARD_S: Final = 10.0
DESCRIPTION: Final = "payguard webhooks listen"
# A service that wants more time than that is given up, with whoever waits at the terminal.
PAUSE_S_MAX: Final = 2.0
# How often it looks whether the service tried in vain.
LOOK_S: Final = 3.0
FORWARDED: Final = ("content-type", "webhook-id", "webhook-timestamp", "webhook-signature")
_IN_CURL: Final = re.compile(r'Authorization: Bearer ([!-~]+?)"')


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """One event that came.

    Attributes:
        at: When, on this machine.
        type: The CloudEvent's type; empty where the body is none.
        id: The message's id, the same for each attempt.
        subject: What it is about.
        signature: `ok`, or which of `headers`, `clock` and `signature` is wrong.
        answered: The status that the service got; of the server it was forwarded to, if any.
        event: The whole body.
    """

    at: dt.datetime
    type: str
    id: str
    subject: str
    signature: str
    answered: int
    event: dict[str, Any]


@click.command()
@click.option("--url", required=True, help="Address of the service: http://127.0.0.1:8080")
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path),
    help="File with a sandbox key that may webhooks:write; one of the demo's files will do.",
)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="A free one, if not said.")
@click.option("--at", "reached_at", help="URL by which the service reaches that port, if another.")
@click.option("--forward", metavar="URL", help="Hand each event on to this server of yours.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many events.")
@reporting
def listen(screen: Screen, **given: Any) -> None:
    """Show the events of a sandbox as they come, and whether their signatures hold.

    Makes a webhook endpoint that leads to a port of this machine, and removes it when Ctrl-C ends
    it. The service must be on this machine or reach it by --at, and have
    PAYGUARD_WEBHOOK_ALLOW_PRIVATE=true, which the demo has. With --forward your server's answer
    is the answer. With --json each event is one line.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    sender = sender_to(given["url"], key=read_key(given["key_file"]))
    forward = Forward(given["forward"]) if given["forward"] else None
    with contextlib.closing(sender), _port(given["port"]) as server:
        place = given["reached_at"] or f"http://{HOST}:{server.server_address[1]}/"
        # From here on an interrupt is the usual end.
        with contextlib.suppress(KeyboardInterrupt), endpoint(screen, sender, place) as made:
            window = Window(screen, made, forward=forward, count=given["count"])
            with served(server, window):
                screen.note(f"{made['id']} leads to {place}; Ctrl-C ends it and removes it")
                wait(screen, sender, made["id"], window)


def sender_to(url: str, *, key: str) -> Sender:
    """Return what asks a service, again for some seconds where it does not answer.

    Raises:
        Failure: The address is none of a service.
    """
    return Sender(read_target(url), key=key, clock=SystemClock(), wait=_waited)


def _waited(seconds: float) -> bool:
    return seconds > PAUSE_S_MAX or threading.Event().wait(seconds)


def read_key(path: Path) -> str:
    """Return the sandbox key of a file: alone in it, or in a curl configuration of the demo.

    Raises:
        Failure: There is none, or it is a live one.
    """
    try:
        text = path.read_text("ascii").strip()
        found = _IN_CURL.search(text)
        key = ApiKeyText(found[1] if found else text)
    except (OSError, UnicodeDecodeError, ApiKeyRefused) as error:
        raise Failure(
            "key_file_unusable",
            f"{path} holds no API key ({type(error).__name__})",
            then="write one there: `payguard key create --merchant ID --key-file FILE`",
        ) from error
    if key.mode != "sandbox":
        raise Failure(
            "key_is_live",
            f"{path} holds a live key; live events do not leave for a developer's machine",
            then="take a sandbox key: `payguard key create --mode sandbox ...`",
        )
    return key.reveal()


@contextlib.contextmanager
def endpoint(screen: Screen, sender: Sender, place: str) -> Iterator[dict[str, Any]]:
    """Make an endpoint, yield it with its secret, and delete it at the end.

    Raises:
        Failure: The service would not make it, or did not say that it did; or it is left behind.
    """
    try:
        answer = _post(sender, ENDPOINTS, {"url": place, "description": DESCRIPTION})
    except KeyboardInterrupt:
        raise _perhaps_made("interrupted") from None
    if answer.status == 0 or answer.status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _perhaps_made(answer.code)
    if not answer.is_good:
        raise Failure(
            answer.code,
            f"the service made no endpoint: {answer.body.get('detail', answer.code)}",
            then="see that --url names the running service, and that the key may webhooks:write",
            status=REFUSED,
        )
    try:
        yield answer.body
    finally:
        _remove(sender, answer.body["id"])
        screen.note("the endpoint is removed")


def _perhaps_made(code: str) -> Failure:
    return Failure(
        code,
        f"the service did not say whether it made an endpoint: {code}",
        then=f"see that --url names the running service; if GET {ENDPOINTS} shows one with the"
        f" description {DESCRIPTION!r}, delete it by POST {ENDPOINTS}/ID/delete",
        status=NO_ANSWER,
    )


def _remove(sender: Sender, endpoint_id: str) -> None:
    path = f"{ENDPOINTS}/{endpoint_id}/delete"
    try:
        answer = _post(sender, path, {})
    except KeyboardInterrupt:
        code = "interrupted"
    else:
        if answer.is_good or answer.status == http.HTTPStatus.NOT_FOUND:
            return
        code = answer.code
    raise Failure(
        "endpoint_left",
        f"{endpoint_id} may be there still, and its deliveries fail: {code}",
        then=f"delete it: `payguard webhooks endpoints delete {endpoint_id} --merchant ID`,"
        f" or POST {path}",
        status=NO_ANSWER,
    )


def _post(sender: Sender, path: str, body: Mapping[str, Any]) -> Answer:
    name = new_id("idem", now=SystemClock().now(), entropy=entropy.system)
    return sender.post(path, body, idempotency_key=name)


class Forward:
    """The developer's own server, which gets what came."""

    def __init__(self, url: str) -> None:
        self._target = read_target(url)
        parts = urllib.parse.urlsplit(url)
        # As it was given: to many a server a slash at the end makes another address.
        self._path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))

    def send(self, headers: Mapping[str, str], body: bytes) -> int:
        """Return its status; 502 where it gave none."""
        target = self._target
        kind = http.client.HTTPSConnection if target.is_secure else http.client.HTTPConnection
        connection = kind(target.host, target.port, timeout=FORWARD_S)
        try:
            connection.request("POST", self._path, body, dict(headers))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return http.HTTPStatus.BAD_GATEWAY
        finally:
            connection.close()


class Window:
    """Where events are shown, one after the other.

    Attributes:
        has_all: Set when as many came as were asked for.
        shown: How many were.
    """

    def __init__(
        self, screen: Screen, made: Mapping[str, Any], *, forward: Forward | None, count: int | None
    ) -> None:
        self._is_json = isinstance(screen, JSONScreen)
        # Both kinds have to hold: a receiver may use either. The answer that tells a secret is
        # given once; where it got lost, the public keys alone tell.
        secrets = [made["secret"]] if made["secret"] else []
        kinds = (secrets, [one["public_key"] for one in made["public_keys"]])
        self._verifiers = [Verifier(keys) for keys in kinds if keys]
        self._forward = forward
        self._count = count
        self._lock = threading.Lock()
        self._clock: Clock = SystemClock()
        self.has_all = threading.Event()
        self.shown = 0

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Show an event, hand it on, and return the status to answer with."""
        verdict = self._verdict(headers, body)
        status: int = http.HTTPStatus.OK
        if self._forward is not None:
            chosen = {name: headers[name] for name in FORWARDED if name in headers}
            status = self._forward.send(chosen, body)
        try:
            event = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.MsgspecError:
            event = {}
        seen = Seen(
            at=self._clock.now(),
            type=str(event.get("type", "")),
            id=headers.get("webhook-id", ""),
            subject=str(event.get("subject", "")),
            signature=verdict,
            answered=status,
            event=event,
        )
        with self._lock:
            click.echo(msgspec.json.encode(seen) if self._is_json else text_of(seen))
            self.shown += 1
            if self._count is not None and self.shown >= self._count:
                self.has_all.set()
        return status

    def _verdict(self, headers: Mapping[str, str], body: bytes) -> str:
        now_s = int(self._clock.now().timestamp())
        try:
            for verifier in self._verifiers:
                verifier.verify(headers, body, now_s=now_s)
        except WebhookRefused as refused:
            return refused.cause
        return "ok"


def text_of(seen: Seen) -> str:
    """Return an event as one line for people."""
    good = seen.signature == "ok"
    mark = click.style(f"signature {seen.signature}", fg="green" if good else "red", bold=not good)
    told = seen.event.get("data")
    status = str(told.get("status", "")) if isinstance(told, dict) else ""
    parts = [f"{seen.at:%H:%M:%S}", seen.type or "(no event)", seen.id, seen.subject, status, mark]
    return "  ".join([*(part for part in parts if part), f"answered {seen.answered}"])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    window: Window


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = READ_S

    def do_POST(self) -> None:
        """Take one event."""
        length = self.headers.get("Content-Length", "")
        if not (length.isdecimal() and int(length) <= BODY_BYTES_MAX):
            self.close_connection = True
            self.send_error(http.HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.send_response(self.server.window.take(headers, body))
        self.send_header("Content-Length", "0")
        self.end_headers()

    @override
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextlib.contextmanager
def _port(port: int) -> Iterator[_Server]:
    try:
        server = _Server((HOST, port), _Handler)
    except OSError as error:
        raise Failure(
            "port_unusable",
            f"cannot listen on port {port}: {error.strerror}",
            then="leave --port away: it then finds a free one",
        ) from error
    with server:
        yield server


@contextlib.contextmanager
def served(server: _Server, window: Window) -> Iterator[None]:
    """Take events in other threads for as long as this lasts."""
    server.window = window
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()


def wait(screen: Screen, sender: Sender, endpoint_id: str, window: Window) -> None:
    """Wait for the end, and say once if the service may not deliver to this machine."""
    path = f"{ENDPOINTS}/{endpoint_id}/deliveries?limit=1"
    is_told = False
    while not window.has_all.wait(LOOK_S):
        if is_told or window.shown:
            continue
        found = sender.get(path).body.get("deliveries") or [{}]
        if found[0].get("last_cause") == "refused_address":
            is_told = True
            screen.note(
                "the service may not deliver to this machine: start it with"
                " PAYGUARD_WEBHOOK_ALLOW_PRIVATE=true, or give --at a public URL of this port"
            )
