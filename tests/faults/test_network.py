"""A slow, silent or torn network to PostgreSQL: told in time, back at once, nothing lost."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from service.db.places import Database
from tests.support.books import Books
from tests.support.clients import BUSY
from tests.support.network import Network
from tests.support.postgres import Cluster
from tests.support.probe import Probe
from tests.support.served import Served
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.alone]

Sized = Callable[..., int]
DEADLINE_S = 2.0
# Beside the deadline: a machine of two cores that also runs the load, the server and this test.
GRACE_S = 1.0
SILENT_S = 5.0
# The promise is 3 s; where other work runs too, only that it is not a supervisor's long pause.
BACK_S = {"quick": 8, "ci": 8, "full": 3}
# An unknown COMMIT stops the writer, and its supervisor starts it again.
RESTARTED_S = 10.0
ROUND_TRIP_S = 0.3


@pytest.fixture
def network(cluster: Cluster) -> Iterator[Network]:
    with Network(cluster) as running:
        yield running


@pytest.fixture
def database(cluster: Cluster) -> Database:
    return cluster.database()


@pytest.fixture
def served(tmp_path: Path, network: Network, database: Database) -> Iterator[Served]:
    with Served(tmp_path / "served", database=network.address(database)) as running:
        yield running


def check(traffic: Traffic, database: Database) -> None:
    """Hold that nothing acknowledged was lost, and that nothing was done twice."""
    traffic.check_replays()
    books = Books(database)
    traffic.check_acknowledged(books)
    books.check()
    references = [row["reference"] for row in books.payments]
    assert len(references) == len(set(references))


def test_a_slow_network_makes_answers_late_and_not_wrong(
    network: Network, served: Served, database: Database, sized: Sized
) -> None:
    shop = served.shop()
    with Traffic(served, shop, clients=3) as traffic, served.client(shop) as client:
        assert Probe(client).seconds_until_served() < DEADLINE_S
        network.delay(ROUND_TRIP_S)
        slow = Probe(client)
        slow.ask_for(sized(quick=5, ci=8, full=60))
        network.delay(0)
    # Reads, changes and COMMIT are a round trip each, so that one batch may be too late.
    assert slow.statuses <= {201, BUSY}
    assert 201 in slow.statuses, served.log()[-5_000:]
    assert slow.slowest_s < DEADLINE_S + GRACE_S
    check(traffic, database)


def test_a_silent_network_is_told_within_the_deadline_and_passes(
    network: Network, served: Served, database: Database, sized: Sized
) -> None:
    back: list[float] = []
    shop = served.shop()
    with Traffic(served, shop, clients=3) as traffic, served.client(shop) as client:
        for _ in range(sized(quick=1, ci=1, full=10)):
            Probe(client).ask_for(0.5)
            network.silence()
            # What was under way when it fell silent may still have been answered.
            Probe(client).ask()
            silent = Probe(client)
            silent.ask_for(SILENT_S)
            network.speak()
            back.append(Probe(client).seconds_until_served())
            assert silent.statuses == {BUSY}, served.log()[-5_000:]
            assert silent.slowest_s < DEADLINE_S + GRACE_S
    check(traffic, database)
    assert max(back) < sized(**BACK_S), back


def test_connections_torn_under_load_lose_and_double_nothing(
    network: Network, served: Served, database: Database, sized: Sized
) -> None:
    chance = np.random.default_rng(20_261_125)
    pause = threading.Event()
    back: list[float] = []
    torn = 0
    shop = served.shop()
    with Traffic(served, shop, clients=3) as traffic, served.client(shop) as client:
        for _ in range(sized(quick=4, ci=4, full=100)):
            pause.wait(float(chance.uniform(0.1, 0.5)))
            torn += network.reset()
            back.append(Probe(client).seconds_until_served())
    assert torn >= len(back)
    assert any(one.tries > 1 for one in traffic.asked)
    check(traffic, database)
    assert float(np.median(back)) < sized(**BACK_S), back
    assert max(back) < RESTARTED_S, back
