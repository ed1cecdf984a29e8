"""The writer's loop: it answers after the commit, ends when told, and stops where it must."""

import datetime as dt
import io
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from service.db.places import Place
from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.kernel.errors import Overloaded, ResultUnknown
from service.kernel.logs import logger
from service.state.entities import ENTITIES
from service.unit_of_work.batch import Done
from service.unit_of_work.commands import Reply
from service.unit_of_work.fence import RAISE_EPOCH
from service.unit_of_work.run import WriterStops
from service.writer.assemble import assemble
from service.writer.checkpoint import Checkpointer
from tests.support.jars import JARS, Drop, Linger, linger
from tests.support.writer import Bench, Noted, until

LOG = logger(stream=io.BytesIO(), clock=SystemClock())


@pytest.fixture
def bench(place: Place) -> Iterator[Bench]:
    bench = Bench(place)
    yield bench
    bench.kill()


class Mistaken(Noted):
    @override
    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        raise ZeroDivisionError


def put(bench: Bench, jar: str, results: list[Any], coins: int = 1) -> None:
    ticket = bench.ticket(Drop(jar=jar, coins=coins))
    bench.writer.inbox.put(ticket, lane="now", settle=results.append)


def test_what_waits_is_finished_before_the_loop_ends(bench: Bench) -> None:
    results: list[Any] = []
    for jar in "aab":
        put(bench, jar, results)
    bench.writer.loop.stop()

    bench.writer.loop.run(ready=lambda: None)

    assert [one.kind for one in results] == ["accepted"] * 3
    assert sorted(row["coins"] for row in bench.rows(JARS)) == [1, 2]
    with pytest.raises(Overloaded):
        put(bench, "c", results)


def test_an_answer_is_given_after_its_commit(bench: Bench) -> None:
    seen: list[int] = []
    ticket = bench.ticket(Drop(jar="a", coins=1))
    bench.writer.inbox.put(ticket, lane="now", settle=lambda _: seen.append(len(bench.rows(JARS))))
    bench.writer.loop.stop()

    bench.writer.loop.run(ready=lambda: None)

    assert seen == [1]


def test_what_a_batch_had_no_time_for_is_done_in_the_next(place: Place) -> None:
    bench = Bench(place)
    bench.handlers = type(bench.handlers)([*bench.handlers.names.values(), linger(bench.clock)])
    bench.restart()
    results: list[Any] = []
    for number in range(7):
        ticket = bench.ticket(Linger(jar=f"j{number}", microseconds=3_000))
        bench.writer.inbox.put(ticket, lane="later", settle=results.append)
    bench.writer.loop.stop()

    bench.writer.loop.run(ready=lambda: None)

    assert len(results) == 7
    assert all(isinstance(one, Reply) for one in results)
    assert bench.observer.sizes == [2, 2, 2, 1]
    bench.kill()


def test_a_writer_that_was_replaced_stops_and_tells_everyone_who_waits(bench: Bench) -> None:
    other = open_store(bench.place)
    transaction = other.begin()
    transaction.run([RAISE_EPOCH(of_shard=0)])
    transaction.commit()
    other.close()
    results: list[Any] = []
    for _ in range(2):
        put(bench, "a", results)

    with pytest.raises(WriterStops):
        bench.writer.loop.run(ready=lambda: None)

    # The first was in the batch that failed; the second was never taken.
    assert [type(one) for one in results] == [ResultUnknown, Overloaded]
    assert bench.rows(JARS) == []


def test_a_mistake_of_our_own_ends_the_writer_and_tells_everyone(bench: Bench) -> None:
    bench.observer = Mistaken()
    bench.restart()
    results: list[Any] = []
    put(bench, "a", results)

    with pytest.raises(ZeroDivisionError):
        bench.writer.loop.run(ready=lambda: None)

    # It had been committed; only a retry can tell.
    assert [type(one) for one in results] == [ResultUnknown]
    assert len(bench.rows(JARS)) == 1


def test_an_idle_writer_writes_feature_state_back(bench: Bench) -> None:
    bench.kill()
    bench.store = open_store(bench.place)
    bench.writer = assemble(bench.parts(SystemClock()))
    results: list[Any] = []
    thread = threading.Thread(target=bench.writer.loop.run, kwargs={"ready": lambda: None})
    thread.start()

    put(bench, "a", results)
    until(lambda: len(bench.rows(ENTITIES)) == 2)

    bench.writer.loop.stop()
    thread.join()
    assert bench.states() == bench.folded()


def test_ready_is_told_before_the_first_batch(bench: Bench) -> None:
    results: list[Any] = []
    put(bench, "a", results)
    told: list[int] = []
    bench.writer.loop.stop()

    bench.writer.loop.run(ready=lambda: told.append(len(results)))

    assert told == [0]


def test_checkpoints_keep_the_log_s_pages_out_of_commits(tmp_path: Path) -> None:
    path = tmp_path / "payguard.sqlite"
    bench = Bench(path)
    bench.clock.advance(dt.timedelta(seconds=1))
    bench.one(Drop(jar="a", coins=1))
    before = path.stat().st_mtime_ns
    checkpointer = Checkpointer(path, LOG)

    checkpointer.start()
    until(lambda: path.stat().st_mtime_ns > before)

    checkpointer.stop()
    assert bench.one(Drop(jar="a", coins=1)).kind == "accepted"
