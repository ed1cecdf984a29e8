"""Load on a running service, and the clients' own list of what was acknowledged: the judge."""

import datetime as dt
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Protocol, Self

from service.kernel.clock import SystemClock
from service.rooms.payments.tables import PAYMENTS
from tests.support.books import Books
from tests.support.checkout import a_payment, an_execution
from tests.support.clients import BUSY, Answer, Client, NoAnswer
from tests.support.servers import Shop

CLIENTS: Final = 4
TRIES_MAX: Final = 3_000
PAUSE_S: Final = 0.01
AMOUNT: Final = 38_000
CAPTURES: Final = (10_000, 20_000)
# Where a timer takes a payment of which nothing more is heard.
BY_TIMER: Final = MappingProxyType({"approved": "expired", "executing": "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request with the first answer that settled it.

    Attributes:
        tries: How many times it was sent.
        answer: What was acknowledged.
        answered_at: When that was.
    """

    path: str
    body: dict[str, Any]
    once: str
    tries: int
    answer: Answer
    answered_at: dt.datetime


@dataclass(slots=True)
class Story:
    """One payment as its client saw it: everything in it was acknowledged."""

    reference: str
    asked: list[Asked] = field(default_factory=list)

    @property
    def payment_id(self) -> str:
        return str(self.asked[0].answer.body["id"])


class Serving(Protocol):
    """Something that clients can ask."""

    def client(self, shop: Shop) -> Client:
        """Return a client of a shop."""
        ...


class Traffic:
    """Clients that create, execute, report and cancel until they are told to stop.

    Whatever is not answered, or with 503, is sent again under the same key until it is.

    Attributes:
        stories: What each payment's client saw.
        tries_s: How long each try took, whatever came of it.
        no_answers: How each connection ended that did so before its answer came.
    """

    def __init__(self, service: Serving, shop: Shop, *, clients: int = CLIENTS) -> None:
        self._service = service
        self._shop = shop
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self._running: list[Future[list[Story]]] = []
        self._clients = clients
        self.stories: list[Story] = []
        self.tries_s: list[float] = []
        self.no_answers: list[str] = []

    def __enter__(self) -> Self:
        self._running = [
            self._pool.submit(self._run, f"{self._shop.merchant_id[-6:]}-{number}")
            for number in range(self._clients)
        ]
        return self

    def __exit__(self, *_: object) -> None:
        """Let each client finish its payment, and gather what they saw."""
        self._stopping.set()
        self._pool.shutdown(wait=True)
        for one in self._running:
            self.stories += one.result()

    @property
    def asked(self) -> list[Asked]:
        return [asked for story in self.stories for asked in story.asked]

    def check(self, books: Books) -> None:
        """Hold that what was acknowledged is there, once, and nothing else is."""
        rows = {
            row["payment_id"]: row
            for row in books.rows(PAYMENTS)
            if row["merchant_id"] == self._shop.merchant_id
        }
        assert Counter(row["reference"] for row in rows.values()) == Counter(
            story.reference for story in self.stories
        )
        for story in self.stories:
            self._check(story, rows[story.payment_id])

    def check_acknowledged(self, books: Books) -> None:
        """Hold that what was acknowledged is there, once, whatever else others have made."""
        rows = {row["payment_id"]: row for row in books.rows(PAYMENTS)}
        for story in self.stories:
            self._check(story, rows[story.payment_id])

    def check_replays(self) -> None:
        """Hold that every request, sent once more, is answered as it was."""
        with self._service.client(self._shop) as client:
            for one in self.asked:
                again = self._ask(client, one.path, one.body, one.once).answer
                assert again.is_replayed, (one, again)
                assert again.status == one.answer.status, (one, again)
                assert _lasting(again) == _lasting(one.answer)

    def _check(self, story: Story, row: dict[str, Any]) -> None:
        last = story.asked[-1].answer.body
        status = last["status"]
        # A run of many minutes outlasts the time that a payment left alone may wait.
        assert row["status"] in {status, BY_TIMER.get(status, status)}, story
        assert row["reference"] == story.reference
        executed = [one for one in story.asked if one.path.endswith("/execute")]
        assert (row["sent_minor"] is not None) == bool(executed)
        captured = {
            one.body["external_id"]: one.body["amount"]["value"]
            for one in story.asked
            if one.body.get("type") == "captured"
        }
        assert row["captured_minor"] == sum(captured.values()), story

    def _run(self, name: str) -> list[Story]:
        stories = []
        with self._service.client(self._shop) as client:
            for number in self._turns():
                story = Story(f"{name}-{number}")
                stories.append(story)
                for path, body in self._steps(story, number):
                    once = f"{story.reference}-{len(story.asked)}-of-traffic"
                    story.asked.append(self._ask(client, path, body, once))
        return stories

    def _turns(self) -> Iterator[int]:
        number = 0
        while not self._stopping.is_set():
            yield number
            number += 1

    def _steps(self, story: Story, number: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what a client does with one payment, one request after the other's answer."""
        # A payer comes back often enough that features count, and seldom enough to be approved.
        payer = f"{story.reference.rpartition('-')[0]}-{number // 20}"
        body = a_payment(story.reference, payer={"payer_id": payer}, device={"device_id": payer})
        yield "/v1/payments", body
        path = f"/v1/payments/{story.payment_id}"
        token = story.asked[0].answer.body["payment_token"]
        if number % 5 == 4:
            yield f"{path}/cancel", {"reason": "changed my mind"}
            return
        if token is None:
            return
        yield f"{path}/execute", an_execution(body, token)
        if number % 5 == 3:
            return
        yield f"{path}/events", _event("authorized", AMOUNT, 0)
        for place, amount in enumerate(CAPTURES):
            event = _event("captured", amount, place)
            yield f"{path}/events", event
            # A processor tells twice, under another key: by its own name it is one event.
            yield f"{path}/events", event

    def _ask(self, client: Client, path: str, body: dict[str, Any], once: str) -> Asked:
        pause = threading.Event()
        for tries in range(1, TRIES_MAX):
            answer = self._try(client, path, body, once)
            if answer is not None and answer.status != BUSY:
                assert answer.status in {200, 201}, (path, body, answer)
                return Asked(
                    path=path,
                    body=body,
                    once=once,
                    tries=tries,
                    answer=answer,
                    answered_at=SystemClock().now(),
                )
            pause.wait(PAUSE_S)
        raise AssertionError(f"{path} was never answered")

    def _try(self, client: Client, path: str, body: dict[str, Any], once: str) -> Answer | None:
        """Send a request once; return None where the connection ended before the answer."""
        begun = time.perf_counter()
        try:
            return client.post(path, body, once=once)
        except NoAnswer as error:
            self.no_answers.append(str(error))
            return None
        finally:
            self.tries_s.append(time.perf_counter() - begun)


def _event(kind: str, amount: int, place: int) -> dict[str, Any]:
    return {
        "type": kind,
        "source": "psp",
        "external_id": f"{kind}-{place}",
        "occurred_at": SystemClock().now().isoformat(),
        "amount": {"value": amount, "currency": "CNY"},
    }


def _lasting(answer: Answer) -> dict[str, Any]:
    """Return what every replay says again; a token's state is told as it is by then."""
    passing = {"payment_token", "payment_token_state"}
    return {name: value for name, value in answer.body.items() if name not in passing}
