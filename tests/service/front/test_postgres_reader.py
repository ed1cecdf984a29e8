import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from service.db.places import Database
from service.db.store import NotReadable, StoreUnavailable
from service.db.stores import open_reader
from service.front.hub import Hub
from service.front.postgres_reader import CooperativePostgresReader
from service.rooms.merchants.queries import MERCHANT_BY_ID, PRINCIPAL_BY_HASH
from tests.support.postgres import Cluster

READ = PRINCIPAL_BY_HASH(secret_hash=b"x" * 32)


class Reading:
    """Requests that read, on a loop of the test's own."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = Hub(self.loop, threads=2)
        self.reader = CooperativePostgresReader(url, hub=self.hub, connections_max=2)
        self.results: list[object] = []

    def ask(self, read: Callable[[], object]) -> None:
        def request() -> None:
            try:
                self.results.append(read())
            except (StoreUnavailable, NotReadable) as error:
                self.results.append(type(error))

        self.hub.spawn(request)

    def until(self, count: int) -> list[object]:
        end = time.monotonic() + 20
        while len(self.results) < count and time.monotonic() < end:
            self.loop.run_until_complete(asyncio.sleep(0.002))
        return self.results

    def close(self) -> None:
        self.reader.close()
        self.hub.stop()
        self.loop.close()


@pytest.fixture(scope="module")
def database(quick_cluster: Cluster) -> Database:
    return quick_cluster.database(migrated=True)


@pytest.fixture
def reading(database: Database) -> Iterator[Reading]:
    made = Reading(database.reader)
    yield made
    made.close()


@pytest.fixture
def locked(quick_cluster: Cluster, database: Database) -> Iterator[Callable[[], object]]:
    """Hold a lock against which reads of keys wait; the value gives it back."""
    name = database.reader.partition("?")[0].rpartition("/")[2]
    with quick_cluster.connect(name) as connection:
        connection.execute("BEGIN")
        connection.execute("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE")
        yield lambda: connection.execute("ROLLBACK")


def test_many_requests_share_few_connections_and_read_what_a_thread_reads(
    reading: Reading, database: Database
) -> None:
    for _ in range(50):
        reading.ask(lambda: reading.reader.fetch(READ))

    assert reading.until(50) == [open_reader(database).fetch(READ)] * 50
    assert len(reading.reader._pool()._idle) == 2


def test_a_value_that_does_not_fit_is_told_and_the_connection_goes_on(reading: Reading) -> None:
    reading.ask(lambda: reading.reader.maybe(MERCHANT_BY_ID(merchant_id="\0")))
    reading.until(1)
    reading.ask(lambda: reading.reader.maybe(READ))

    assert reading.until(2) == [NotReadable, None]


@pytest.mark.usefixtures("locked")
def test_reads_that_hang_hold_up_nobody_and_end_in_time(reading: Reading) -> None:
    began = time.monotonic()
    for _ in range(4):
        reading.ask(lambda: reading.reader.maybe(READ))
    reading.hub.spawn(lambda: reading.results.append("another"))
    assert reading.results == ["another"]

    assert reading.until(5) == ["another", *[StoreUnavailable] * 4]
    assert time.monotonic() - began < 10


def test_reads_go_on_when_what_they_waited_for_is_over(
    reading: Reading, locked: Callable[[], object]
) -> None:
    for _ in range(2):
        reading.ask(lambda: reading.reader.maybe(READ))
    releasing = threading.Timer(0.1, locked)
    releasing.start()

    assert reading.until(2) == [None, None]
    releasing.join()


def test_a_connection_that_is_lost_costs_its_read_and_no_more(
    reading: Reading, quick_cluster: Cluster
) -> None:
    reading.ask(lambda: reading.reader.maybe(READ))
    reading.until(1)
    with quick_cluster.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name LIKE 'payguard reader%'"
        )
    reading.ask(lambda: reading.reader.maybe(READ))
    reading.until(2)
    reading.ask(lambda: reading.reader.maybe(READ))

    assert reading.until(3) == [None, StoreUnavailable, None]


def test_a_server_that_is_away_is_told() -> None:
    reading = Reading("postgresql://nobody@127.0.0.1:1/none")
    reading.ask(lambda: reading.reader.maybe(READ))

    assert reading.until(1) == [StoreUnavailable]
    reading.close()
