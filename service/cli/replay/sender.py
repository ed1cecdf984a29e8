"""Sends requests over one kept connection, again where that may help. Keeps no state of rows."""

import http.client
import ssl
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from service.cli.screen import Failure
from service.kernel.clock import Clock

TRIES_MAX: Final = 10
PAUSE_FIRST_S: Final = 0.2
PAUSE_MAX_S: Final = 20.0
TIMEOUT_S: Final = 30.0
ANSWER_BYTES_MAX: Final = 1 << 20
# Nothing happened, or a retry with the same key tells what did.
_AGAIN: Final = frozenset({429, 502, 503, 504})
_OK: Final = range(200, 300)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """The last answer to one request.

    Attributes:
        status: HTTP status; 0 where no answer came in any try.
        body: The JSON object, empty where there was none.
        is_replayed: It repeats the answer to an earlier request with the same key.
        tries: How often the request was sent.
        duration_ns: Of the last try.
    """

    status: int
    body: dict[str, Any]
    is_replayed: bool
    tries: int
    duration_ns: int

    @property
    def is_good(self) -> bool:
        """Whether the request was accepted."""
        return self.status in _OK

    @property
    def code(self) -> str:
        """The problem's code, or what stands for it."""
        if self.status == 0:
            return "no_answer"
        return str(self.body.get("code", f"http_{self.status}"))


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where requests go."""

    host: str
    port: int
    prefix: str
    is_secure: bool


def read_target(url: str) -> Target:
    """Return the parts of a service's address.

    Raises:
        Failure: It is no http or https address.
    """
    parts = urllib.parse.urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
        raise Failure(
            "url_invalid",
            f"{url} is no address of a service",
            then="give it like http://127.0.0.1:8080",
        )
    is_secure = parts.scheme == "https"
    return Target(
        host=parts.hostname,
        port=port or (443 if is_secure else 80),
        prefix=parts.path.rstrip("/"),
        is_secure=is_secure,
    )


class Sender:
    """One connection to a service; belongs to one thread.

    Args:
        target: Where to.
        key: The API key, sent with each request.
        clock: Measures.
        wait: Waits so many seconds, or until the whole run is to stop; says whether it is.
    """

    def __init__(
        self, target: Target, *, key: str, clock: Clock, wait: Callable[[float], bool]
    ) -> None:
        self._target = target
        self._key = key
        self._clock = clock
        self._wait = wait
        self._connection: http.client.HTTPConnection | None = None

    def post(
        self,
        path: str,
        body: Mapping[str, Any],
        *,
        idempotency_key: str,
        language: Literal["en", "zh"] = "en",
    ) -> Answer:
        """Send a request until it is answered for good; the same bytes and key each time.

        429 and 503 are tried again after the pause that they ask for, and so is what met a
        broken connection: the key makes a repetition harmless.
        """
        content = msgspec.json.encode(body)
        headers = {
            "Authorization": f"Bearer {self._key}",
            "Content-Type": "application/json",
            "Idempotency-Key": idempotency_key,
            "Accept-Language": language,
        }
        pause_s = PAUSE_FIRST_S
        answer = Answer(status=0, body={}, is_replayed=False, tries=0, duration_ns=0)
        for tries in range(1, TRIES_MAX + 1):
            answer, asked_s = self._try("POST", path, content, headers, tries=tries)
            if answer.status not in _AGAIN and answer.status != 0:
                return answer
            if tries == TRIES_MAX or self._wait(min(max(pause_s, asked_s), PAUSE_MAX_S)):
                return answer
            pause_s *= 2
        return answer

    def get(self, path: str) -> Answer:
        """Ask once; whoever wants to know asks again."""
        answer, _ = self._try("GET", path, None, {"Authorization": f"Bearer {self._key}"}, tries=1)
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(
        self,
        method: str,
        path: str,
        content: bytes | None,
        headers: Mapping[str, str],
        *,
        tries: int,
    ) -> tuple[Answer, float]:
        """Return what one try brought, and the pause that it asked for."""
        started_ns = self._clock.monotonic_ns()
        try:
            connection = self._open()
            connection.request(method, self._target.prefix + path, content, dict(headers))
            response = connection.getresponse()
            raw = response.read(ANSWER_BYTES_MAX)
        except (OSError, http.client.HTTPException):
            self.close()
            answer = Answer(status=0, body={}, is_replayed=False, tries=tries, duration_ns=0)
            return answer, 0.0
        answer = Answer(
            status=response.status,
            body=_object(raw),
            is_replayed=response.getheader("Idempotent-Replayed") == "true",
            tries=tries,
            duration_ns=self._clock.monotonic_ns() - started_ns,
        )
        return answer, _seconds(response.getheader("Retry-After"))

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            target = self._target
            if target.is_secure:
                self._connection = http.client.HTTPSConnection(
                    target.host,
                    target.port,
                    timeout=TIMEOUT_S,
                    context=ssl.create_default_context(),
                )
            else:
                self._connection = http.client.HTTPConnection(
                    target.host, target.port, timeout=TIMEOUT_S
                )
        return self._connection


def _object(raw: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def _seconds(text: str | None) -> float:
    return float(text) if text is not None and text.isascii() and text.isdigit() else 0.0
