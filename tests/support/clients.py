"""Clients of the HTTP API over real sockets: one connection each, and many of them at once."""

import contextlib
import http.client
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple, Self, TypeVar

import msgspec

from keys import entropy

ANSWER_S: Final = 20
BUSY: Final = 503

Given = TypeVar("Given")
Made = TypeVar("Made")


class NoAnswer(Exception):  # noqa: N818  states what is so
    """The connection ended before the answer came; what was asked may have been done."""


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def is_replayed(self) -> bool:
        return self.headers.get("idempotent-replayed") == "true"


class Client:
    """One kept-alive connection with one API key; belongs to one thread at a time."""

    def __init__(self, port: int, key: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER_S)
        self._authorization = f"Bearer {key}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def reconnect(self) -> None:
        """Ask what comes next on a new connection."""
        self._connection.close()

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None, {})

    def post(self, path: str, body: Any = None, *, once: str = "", **headers: str) -> Answer:
        """Post JSON under an Idempotency-Key, a fresh one unless told.

        Raises:
            NoAnswer: The connection ended first.
        """
        given = {
            "Content-Type": "application/json",
            "Idempotency-Key": once or a_key(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return self._ask("POST", path, msgspec.json.encode({} if body is None else body), given)

    def post_for_sure(self, path: str, body: Any, *, once: str, tries: int = 2_000) -> Answer:
        """Post until there is an answer that is not 503; each try has the same key."""
        pause = threading.Event()
        for _ in range(tries):
            with contextlib.suppress(NoAnswer):
                answer = self.post(path, body, once=once)
                if answer.status != BUSY:
                    return answer
            pause.wait(0.02)
        raise AssertionError(f"{path} has had no answer for {tries} tries")

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        try:
            self._connection.request(
                method, path, body, {"Authorization": self._authorization, **headers}
            )
            got = self._connection.getresponse()
            raw = got.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer(type(error).__name__) from error
        return Answer(
            status=got.status,
            headers={name.lower(): value for name, value in got.getheaders()},
            body=msgspec.json.decode(raw) if raw else None,
        )


def a_key() -> str:
    """Return a fresh Idempotency-Key."""
    return entropy.system(16).hex()


def at_once(
    open_client: Callable[[], Client],
    work: Callable[[Client, Given], Made],
    given: Sequence[Given],
    *,
    clients: int,
) -> list[Made]:
    """Do work on each given thing, by several clients at the same time; results in order.

    Args:
        open_client: Makes a client; each is closed at the end.
        work: What is done with one of them.
        given: The things.
        clients: How many work at once.
    """
    turn: Iterator[int] = iter(range(len(given)))
    taking = threading.Lock()
    start = threading.Barrier(clients)
    made: dict[int, Made] = {}

    def run() -> None:
        with open_client() as client:
            start.wait()
            while True:
                with taking:
                    place = next(turn, None)
                if place is None:
                    return
                made[place] = work(client, given[place])

    with ThreadPoolExecutor(clients) as pool:
        for one in [pool.submit(run) for _ in range(clients)]:
            one.result()
    return [made[place] for place in range(len(given))]
