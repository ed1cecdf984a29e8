"""A worker that lost its lock does nothing until it has it again, and ends if another has it."""

import asyncio
import io
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.db.advisory import AdvisorySession
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.kernel.errors import Overloaded
from service.kernel.logs import logger
from service.settings import Settings
from service.unit_of_work.commands import Reply
from service.worker.crew import Crew
from service.worker.holding import Holding, WorkerStops
from service.worker.main import keeping
from service.worker.parcels import Outcome, Parcel
from service.worker.post import Kept
from service.writer.lock import WriterRuns, worker_lock
from tests.service.worker.conftest import a_parcel
from tests.service.worker.office import Note
from tests.service.worker.test_crew import Waiting
from tests.support.postgres import Cluster
from tests.support.uow import START, a_call

NOTE = Note(ids=(), causes=())


class StandIn:
    """A lock of which a test says how it is."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = threading.Event()

    def __call__(self) -> None:
        self.asked.set()
        if self.error is not None:
            raise self.error


class Worker:
    """A holding over a stand-in, and how often what it guards was used."""

    def __init__(self) -> None:
        self.lock = StandIn()
        self.lines = io.BytesIO()
        log = logger(stream=self.lines, clock=SystemClock())
        self.holding = Holding(self.lock, log, every_s=0.01)
        self.sent = 0

    def submit(self, *_: Any, **__: Any) -> Reply:
        return Reply(kind="accepted", batch=1, now=START)

    async def send(self, parcel: Parcel, _kept: Kept) -> Outcome:
        self.sent += 1
        return Outcome(parcel, delivered=True, status=200, cause="ok", latency_ms=1)

    def logged(self) -> list[str]:
        return [msgspec.json.decode(line)["event"] for line in self.lines.getvalue().splitlines()]


@pytest.fixture
def worker() -> Worker:
    return Worker()


def test_while_the_lock_is_lost_nothing_is_found_and_nothing_reported(worker: Worker) -> None:
    find = worker.holding.finds(lambda: "found")
    submit = worker.holding.submits(worker.submit)
    worker.lock.error = StoreUnavailable("away")
    for _ in range(2):
        worker.holding.look()

    with pytest.raises(StoreUnavailable):
        find()
    with pytest.raises(Overloaded):
        submit(NOTE, call=a_call(), deadline_ns=1)

    worker.lock.error = None
    worker.holding.look()
    assert find() == "found"
    assert submit(NOTE, call=a_call(), deadline_ns=1).batch == 1
    assert worker.logged() == ["lock_lost", "lock_held_again"]


def test_while_the_lock_is_lost_nothing_is_sent_and_nothing_waits(worker: Worker) -> None:
    send = worker.holding.sends(worker.send)
    worker.lock.error = StoreUnavailable("away")
    worker.holding.look()

    async def try_it() -> Outcome:
        return await asyncio.wait_for(send(a_parcel(""), Kept()), 10)

    with pytest.raises(StoreUnavailable):
        asyncio.run(try_it())
    assert worker.sent == 0

    worker.lock.error = None
    worker.holding.look()
    assert asyncio.run(try_it()).delivered


def test_another_that_has_the_lock_ends_all_of_the_worker(worker: Worker) -> None:
    other = Waiting()
    worker.lock.error = WorkerStops("another")

    with pytest.raises(WorkerStops):
        Crew([worker.holding, other]).run()

    assert other.stopped.is_set()
    with pytest.raises(StoreUnavailable):
        worker.holding.finds(lambda: "found")()


def test_it_stops_when_told_to(worker: Worker) -> None:
    thread = threading.Thread(target=worker.holding.run)
    thread.start()
    assert worker.lock.asked.wait(10)

    worker.holding.stop()
    thread.join(10)

    assert not thread.is_alive()


@pytest.fixture
def settings(quick_cluster: Cluster, tmp_path: Path) -> Settings:
    place = quick_cluster.database()
    return Settings(
        data_dir=tmp_path,
        database_url=place.writer,
        reader_url=place.reader,
        owner_url=place.owner,
    )


def test_a_session_that_ended_is_made_good(settings: Settings) -> None:
    with worker_lock(settings) as lock:
        AdvisorySession(settings.database, "worker").end_holder()

        keeping(lock)()

        with pytest.raises(WriterRuns), worker_lock(settings):
            pass


def test_who_took_the_lock_meanwhile_keeps_it(settings: Settings) -> None:
    with worker_lock(settings) as lock:
        AdvisorySession(settings.database, "worker").end_holder()

        with worker_lock(settings), pytest.raises(WorkerStops, match="worker's lock"):
            keeping(lock)()
