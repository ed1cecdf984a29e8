import contextlib
import socket
from collections.abc import Iterator

import pytest

from service.cli.replay.sender import TRIES_MAX, Sender, Target, read_target
from service.cli.screen import Failure
from service.kernel.clock import SystemClock
from tests.service.cli.replay.conftest import Scripted

pytestmark = pytest.mark.long


class Waits:
    """How long a sender wanted to wait; nothing waits here."""

    def __init__(self, *, stops: bool = False) -> None:
        self.seconds: list[float] = []
        self._stops = stops

    def __call__(self, seconds: float) -> bool:
        self.seconds.append(seconds)
        return self._stops


@contextlib.contextmanager
def sender(url: str, waits: Waits) -> Iterator[Sender]:
    made = Sender(read_target(url), key="pgk_x", clock=SystemClock(), wait=waits)
    with contextlib.closing(made):
        yield made


def test_an_answer_is_given_as_it_came(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1"}, Idempotent_Replayed="true")

    with sender(scripted.url, Waits()) as one:
        answer = one.post("/v1/payments", {"a": 1}, idempotency_key="k")

    assert (answer.status, answer.body, answer.tries) == (201, {"id": "pay_1"}, 1)
    assert answer.is_replayed
    assert answer.is_good


@pytest.mark.parametrize("status", [429, 503])
def test_what_may_be_tried_again_is_with_the_same_key_and_bytes(
    scripted: Scripted, status: int
) -> None:
    scripted.answer(status, {"code": "later"}, Retry_After="7")
    scripted.answer(201, {})
    waits = Waits()

    with sender(scripted.url, waits) as one:
        answer = one.post("/v1/payments", {"a": 1}, idempotency_key="k")

    assert answer.status == 201
    assert answer.tries == 2
    assert scripted.asked[0] == scripted.asked[1]
    assert waits.seconds == [7.0]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 500])
def test_a_final_answer_is_not_asked_for_twice(scripted: Scripted, status: int) -> None:
    scripted.answer(status, {"code": "no"})

    with sender(scripted.url, Waits()) as one:
        answer = one.post("/v1/payments", {}, idempotency_key="k")

    assert (answer.code, answer.tries) == ("no", 1)


def test_tries_end_and_pauses_grow_to_a_limit(scripted: Scripted) -> None:
    scripted.answer(503, {"code": "overloaded"})
    waits = Waits()

    with sender(scripted.url, waits) as one:
        answer = one.post("/v1/payments", {}, idempotency_key="k")

    assert answer.tries == TRIES_MAX
    assert waits.seconds == sorted(waits.seconds)
    assert waits.seconds[-1] == 20.0


def test_nobody_there_is_no_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}"

    with sender(url, Waits()) as one:
        answer = one.post("/v1/payments", {}, idempotency_key="k")

    assert (answer.status, answer.code, answer.tries) == (0, "no_answer", TRIES_MAX)


def test_a_stop_ends_the_tries(scripted: Scripted) -> None:
    scripted.answer(503, {})

    with sender(scripted.url, Waits(stops=True)) as one:
        answer = one.post("/v1/payments", {}, idempotency_key="k")

    assert answer.tries == 1


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:8080", Target(host="127.0.0.1", port=8080, prefix="", is_secure=False)),
        ("https://pay.example/", Target(host="pay.example", port=443, prefix="", is_secure=True)),
        ("http://[::1]/pg", Target(host="::1", port=80, prefix="/pg", is_secure=False)),
    ],
)
def test_an_address_has_its_parts(url: str, target: Target) -> None:
    assert read_target(url) == target


@pytest.mark.parametrize("url", ["127.0.0.1:8080", "ftp://x", "http://", "http://x:y", ""])
def test_what_is_no_address_is_told(url: str) -> None:
    with pytest.raises(Failure, match="no address"):
        read_target(url)
