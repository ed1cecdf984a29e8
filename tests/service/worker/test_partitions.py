"""Ranges of the logs are looked after once an hour; a lock that others hold is given time."""

import datetime as dt
import io
import json
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import FrozenClock
from service.kernel.logs import logger
from service.rooms.audit.tables import LOG_CHECKPOINTS, LOG_KEYS
from service.rooms.webhooks.tables import CURSORS
from service.settings import Settings
from service.unit_of_work.partitions import HANDLERS, RecordDropped
from service.unit_of_work.tables import MESSAGES, WRITER
from service.worker.main import _postgres_only
from service.worker.partitions import EVERY, PAUSE, PartitionKeeping
from tests.service.unit_of_work.test_partitions import note
from tests.support.postgres import Cluster
from tests.support.rows import a_row_of, insert
from tests.support.servers import Service
from tests.support.uow import START, House


class Keeper:
    """Counts how often it was asked; fails when told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_blocked = False
        self.takes = dt.timedelta(0)
        self.clock = FrozenClock(START)

    def __call__(self) -> None:
        self.asked += 1
        self.clock.advance(self.takes)
        if self.is_blocked:
            raise StoreUnavailable("LockNotAvailable 55P03")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path / "payguard.sqlite", HANDLERS)
    yield house
    house.close()


def test_it_looks_once_an_hour(house: House) -> None:
    keeper = Keeper()
    timer = PartitionKeeping(keeper, house.spanning, clock=keeper.clock)

    for at in (START, START + EVERY / 2, START + EVERY):
        assert timer(at, 200) == ()

    assert keeper.asked == 2


def test_what_was_dropped_is_to_be_recorded_and_then_it_is_quiet(house: House) -> None:
    note(house, "events_0", 0)
    keeper = Keeper()
    timer = PartitionKeeping(keeper, house.spanning, clock=keeper.clock)

    [due] = timer(START, 200)
    assert isinstance(due.command, RecordDropped)
    house.accept(due.command, due.call)

    assert timer(START, 200) == ()
    assert len(house.entries("partitions.dropped")) == 1


def test_a_lock_that_others_hold_is_given_time(house: House) -> None:
    keeper = Keeper()
    keeper.is_blocked = True
    timer = PartitionKeeping(keeper, house.spanning, clock=keeper.clock)
    with pytest.raises(StoreUnavailable):
        timer(START, 200)
    keeper.is_blocked = False

    assert timer(START + PAUSE / 2, 200) == ()
    assert keeper.asked == 1

    timer(START + PAUSE, 200)
    assert keeper.asked == 2


def test_the_pause_begins_when_the_failed_try_ended(house: House) -> None:
    keeper = Keeper()
    keeper.is_blocked = True
    keeper.takes = dt.timedelta(minutes=1)
    timer = PartitionKeeping(keeper, house.spanning, clock=keeper.clock)
    with pytest.raises(StoreUnavailable):
        timer(START, 200)

    assert timer(START + PAUSE + keeper.takes / 2, 200) == ()
    assert keeper.asked == 1

    with pytest.raises(StoreUnavailable):
        timer(START + PAUSE + keeper.takes, 200)


def test_what_one_log_dropped_is_recorded_though_another_fails(house: House) -> None:
    note(house, "events_0", 0)
    keeper = Keeper()
    keeper.is_blocked = True
    timer = PartitionKeeping(keeper, house.spanning, clock=keeper.clock)

    [due] = timer(START, 200)

    assert isinstance(due.command, RecordDropped)
    assert timer(START + PAUSE / 2, 200) == ()
    assert keeper.asked == 1


LENGTH = 10_000_000
LOG = logger(stream=io.BytesIO(), clock=FrozenClock(START))
WAIT_S = 30
ENTRY = "SELECT body FROM entries WHERE kind = 'partitions.dropped'"


def test_the_workers_timer_asks_where_cursors_and_tree_stand(
    quick_cluster: Cluster, tmp_path: Path
) -> None:
    place = quick_cluster.database(migrated=True)
    settings = Settings(
        data_dir=tmp_path,
        database_url=place.writer,
        reader_url=place.reader,
        owner_url=place.owner,
        partition_length=LENGTH,
    )
    with psycopg.connect(place.owner, autocommit=True) as owner:
        insert(owner, WRITER, a_row_of(WRITER, "", "", 2 * LENGTH) | {"entries": 0})
        insert(owner, MESSAGES, a_row_of(MESSAGES, "ten_1", "mer_1", 7) | {"mode": "live"})
        insert(owner, CURSORS, {"tenant_id": "ten_1", "sequence": 6, "ordinal": 0})
        owner.execute("UPDATE writer SET now = clock_timestamp()")
        owner.execute("UPDATE partitions SET filled_at = '2000-01-01' WHERE lower = 0")

        def look() -> list[str]:
            timer, _ = _postgres_only(settings, open_spanning_reader(place), LOG)
            timer(START, 200)
            gone = owner.execute("SELECT log FROM partitions WHERE dropped_at IS NOT NULL")
            return sorted(name for (name,) in gone)

        assert look() == ["events"]
        # The log's tree takes them in, and what is left are its hashes.
        of_log = {"log": "0", "key_id": "01234567"}
        key = a_row_of(LOG_KEYS, "house", "", 1) | {"state": "active"}
        insert(owner, LOG_KEYS, key | of_log)
        insert(owner, LOG_CHECKPOINTS, a_row_of(LOG_CHECKPOINTS, "house", "", LENGTH) | of_log)
        assert look() == ["entries", "events"]
        owner.execute("UPDATE webhook_cursors SET sequence = 7")
        owner.execute("UPDATE webhook_cursors SET ordinal = 100")
        assert look() == ["entries", "events", "messages"]


@pytest.mark.servers
def test_the_worker_drops_and_the_writer_records(quick_cluster: Cluster, tmp_path: Path) -> None:
    place = quick_cluster.database(migrated=True)
    with psycopg.connect(place.owner) as owner:
        owner.execute("UPDATE partitions SET filled_at = '2000-01-01' WHERE lower = 0")

    with (
        Service(tmp_path / "house", database=place),
        psycopg.connect(place.writer, autocommit=True) as look,
    ):
        until = time.monotonic() + WAIT_S
        while (row := look.execute(ENTRY).fetchone()) is None:
            assert time.monotonic() < until
            time.sleep(0.05)
        gone = look.execute("SELECT name FROM partitions WHERE recorded_at IS NOT NULL").fetchall()

    names = [one["name"] for one in json.loads(row[0])["fields"]["partitions"]]
    assert names == [f"{log}_{0:019}" for log in ("events", "messages")]
    assert sorted(name for (name,) in gone) == names
