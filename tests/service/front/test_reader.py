import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from service.db.statements import Bound, Row, Statement
from service.db.store import StoreUnavailable
from service.front.hub import Hub
from service.front.reader import ParkingReader
from service.rooms.merchants.queries import MERCHANT_BY_ID

READ = MERCHANT_BY_ID(merchant_id="mer_1")


class SlowStore:
    """A store over a network: a read takes as long as it is told, in the thread that asked."""

    def __init__(self) -> None:
        self.pause = threading.Event()
        self.threads: list[str] = []

    def fetch(self, read: Bound) -> list[Row]:
        self.threads.append(threading.current_thread().name)
        assert isinstance(read.statement, Statement)
        self.pause.wait(10)
        return []

    def maybe(self, read: Bound) -> Row | None:
        self.fetch(read)
        return None


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    yield made
    made.close()


def run_until(loop: asyncio.AbstractEventLoop, results: list[object], count: int) -> None:
    end = time.monotonic() + 10
    while len(results) < count and time.monotonic() < end:
        loop.run_until_complete(asyncio.sleep(0.002))


def test_a_slow_read_holds_up_its_own_request_alone(loop: asyncio.AbstractEventLoop) -> None:
    hub, store, results = Hub(loop, threads=2), SlowStore(), list[object]()
    reader = ParkingReader(store, hub=hub, timeout_s=10)
    hub.spawn(lambda: results.append(reader.fetch(READ)))
    hub.spawn(lambda: results.append(reader.maybe(READ)))
    hub.spawn(lambda: results.append("another"))
    assert results == ["another"]
    store.pause.set()

    run_until(loop, results, 3)

    hub.stop()
    assert len(results) == 3
    assert threading.current_thread().name not in store.threads


def test_a_read_that_takes_too_long_is_a_store_that_is_away(
    loop: asyncio.AbstractEventLoop,
) -> None:
    hub, store, results = Hub(loop, threads=1), SlowStore(), list[object]()
    reader = ParkingReader(store, hub=hub, timeout_s=0.05)

    def request() -> None:
        try:
            reader.fetch(READ)
        except StoreUnavailable:
            results.append("away")

    hub.spawn(request)
    hub.spawn(request)
    run_until(loop, results, 2)
    store.pause.set()

    hub.stop()
    assert results == ["away", "away"]


def test_at_the_start_of_a_process_it_reads_at_once(loop: asyncio.AbstractEventLoop) -> None:
    hub, store = Hub(loop, threads=1), SlowStore()
    store.pause.set()

    assert ParkingReader(store, hub=hub, timeout_s=1).fetch(READ) == []

    hub.stop()
    assert store.threads == [threading.current_thread().name]
