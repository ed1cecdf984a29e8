"""A receiver that hangs among fifty, through the real processes: the others are told as before."""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from service.db.places import Database
from service.rooms.webhooks.contract import ENDPOINTS_MAX
from service.worker.post import USUAL
from tests.support.checkout import a_payment, create
from tests.support.clients import Client
from tests.support.postgres import Cluster
from tests.support.servers import Service
from tests.support.stub_receiver import StubReceiver, answers, hangs_after_the_request
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.alone]

RECEIVERS = 50
# A payment at a time, of one shop after another: each is told to a third of the receivers.
SHOPS = -(-RECEIVERS // ENDPOINTS_MAX)
EVERY_S = 0.2
SETTINGS = {"WEBHOOK_ALLOW_PRIVATE": "true", "WORKERS": 1}
PAIRS = 31
PAYMENTS = 30
P99_RATIO = 1.10
POLLS = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A service with fifty receivers.

    Attributes:
        clients: One for each shop, since a shop may have fewer endpoints than that.
        others: By shop, the receivers that answer whatever the last of all does.
        last: That one.
    """

    service: Service
    clients: list[Client]
    others: list[list[StubReceiver]]
    last: StubReceiver

    def round_s(self, tag: str, *, payments: int) -> list[float]:
        """Send steady load; return how long after its request each payment reached each other."""
        before = [[len(one.times) for one in receivers] for receivers in self.others]
        asked: dict[str, float] = {}
        expected = [0] * SHOPS
        begun = time.perf_counter()
        for number in range(payments):
            time.sleep(max(begun + number * EVERY_S - time.perf_counter(), 0.0))
            at, shop = time.perf_counter(), number % SHOPS
            made = create(self.clients[shop], a_payment(f"{tag}-{number}"))
            asked[made.body["id"]] = at
            expected[shop] += 1
        everyone = [
            (one, first, first + expected[shop])
            for shop, receivers in enumerate(self.others)
            for one, first in zip(receivers, before[shop], strict=True)
        ]
        until(lambda: all(len(one.times) >= end for one, _, end in everyone), tries=POLLS)
        return [
            at - asked[msgspec.json.decode(body)["subject"]]
            for one, first, end in everyone
            for body, at in zip(one.bodies()[first:end], one.times[first:end], strict=True)
        ]


@contextlib.contextmanager
def told(folder: Path, database: Database | None, *, last: StubReceiver) -> Iterator[Told]:
    """Run a service whose shops' endpoints are 49 receivers that answer, and one more."""
    with ExitStack() as stack:
        receivers = [stack.enter_context(StubReceiver()) for _ in range(RECEIVERS - 1)]
        stack.enter_context(last)
        service = stack.enter_context(Service(folder, settings=SETTINGS, database=database))
        clients = [
            stack.enter_context(service.client(service.shop(modes=["sandbox"]), "sandbox"))
            for _ in range(SHOPS)
        ]
        for number, receiver in enumerate([*receivers, last]):
            made = clients[number % SHOPS].post("/v1/webhook_endpoints", {"url": receiver.url})
            assert made.status == 201, made
        others = [receivers[shop::SHOPS] for shop in range(SHOPS)]
        yield Told(service=service, clients=clients, others=others, last=last)


def hanging() -> StubReceiver:
    return StubReceiver(hangs_after_the_request)


def p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]


@pytest.fixture
def databases(store_kind: str, request: pytest.FixtureRequest) -> Callable[[], Database | None]:
    """Return what makes a database for one more service; None for SQLite."""
    if store_kind == "sqlite":
        return lambda: None
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.database


def test_nobody_waits_for_one_that_hangs(
    tmp_path: Path, databases: Callable[[], Database | None]
) -> None:
    with told(tmp_path / "hung", databases(), last=hanging()) as hung:
        took = hung.round_s("few", payments=15)
        until(lambda: len(hung.last.requests) > 0, tries=POLLS)

    print(f"{len(took)} deliveries, p99 {p99(took):.3f} s, the last {max(took):.3f} s")
    # Far less than one attempt at the one that hangs takes.
    assert max(took) < USUAL.total / 2


@pytest.mark.longest
def test_one_that_hangs_among_fifty_leaves_the_others_p99_as_it_was(
    tmp_path: Path, databases: Callable[[], Database | None]
) -> None:
    """Two services side by side, loaded in turn; which of a pair is first alternates."""
    ratios: list[float] = []
    with (
        told(tmp_path / "hung", databases(), last=hanging()) as hung,
        told(tmp_path / "well", databases(), last=StubReceiver(answers())) as well,
    ):
        for each in (hung, well):
            each.round_s("warm", payments=PAYMENTS)
        for pair in range(PAIRS):
            order = (hung, well) if pair % 2 else (well, hung)
            took = {id(each): p99(each.round_s(f"p{pair}", payments=PAYMENTS)) for each in order}
            ratios.append(took[id(hung)] / took[id(well)])
            print(f"{took[id(hung)]:.3f} s beside {took[id(well)]:.3f} s: {ratios[-1]:.3f}")
        log = hung.service.worker.log.read_text()

    print(f"{len(ratios)} pairs, median ratio {statistics.median(ratios):.3f}")
    # It was waited for in vain again and again, and left to rest.
    assert '"cause":"timeout"' in log
    assert "receiver_rests" in log
    assert statistics.median(ratios) <= P99_RATIO
