"""The fence and the writer's clock: who was replaced commits nothing; time never goes back."""

import datetime as dt

import pytest
import sqlalchemy as sa
from typing_extensions import override

from service.db.statements import Statement
from service.db.stores import open_store
from service.kernel.clock import FrozenClock
from service.unit_of_work import tables
from service.unit_of_work.fence import RAISE_EPOCH, WriterClock
from service.unit_of_work.run import WriterStops
from tests.support.jars import Drop
from tests.support.writer import START, Bench

HOUR = dt.timedelta(hours=1)
SECOND = dt.timedelta(seconds=1)


class Ticking(FrozenClock):
    """A wall clock that stands, and a monotonic one that gains a little under a microsecond."""

    @override
    def monotonic_ns(self) -> int:
        self._monotonic_ns += 999
        return self._monotonic_ns


def raise_epoch(bench: Bench) -> None:
    other = open_store(bench.place)
    transaction = other.begin()
    transaction.run([RAISE_EPOCH(of_shard=0)])
    transaction.commit()
    other.close()


def test_a_writer_whose_epoch_was_raised_commits_nothing_and_stops(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    raise_epoch(bench)
    before = bench.dump()

    with pytest.raises(WriterStops):
        bench.run(Drop(jar="b", coins=1), Drop(jar="c", coins=1))

    assert bench.dump() == before


def test_a_writer_whose_epoch_was_raised_writes_no_state_back(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    raise_epoch(bench)
    before = bench.dump()

    with pytest.raises(WriterStops):
        bench.writer.work.write_back()

    assert bench.dump() == before


def test_a_store_that_lost_commits_takes_none_of_a_writer_that_remembers_them(
    bench: Bench,
) -> None:
    for jar in ("a", "b"):
        bench.one(Drop(jar=jar, coins=1))
    # As after a failover to a standby that had not received the last commit.
    transaction = bench.store.begin()
    back = sa.update(tables.WRITER).values(sequence=1)
    transaction.run([Statement(back, name="lose a commit")()])
    transaction.commit()
    before = bench.dump()

    with pytest.raises(WriterStops):
        bench.one(Drop(jar="c", coins=1))

    assert bench.dump() == before


def test_each_start_raises_the_epoch_and_counts_on(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    bench.restart()

    bench.one(Drop(jar="b", coins=1))

    [row] = bench.rows(tables.WRITER)
    assert (row["epoch"], row["sequence"], row["entries"]) == (2, 2, 2)


def test_a_writer_row_that_is_gone_stops_the_writer(bench: Bench) -> None:
    transaction = bench.store.begin()
    transaction.run([Statement(sa.delete(tables.WRITER), name="lose the writer row")()])
    transaction.commit()

    with pytest.raises(WriterStops):
        bench.one(Drop(jar="a", coins=1))


def test_the_fence_keeps_the_batch_s_instant(bench: Bench) -> None:
    bench.clock.advance(SECOND)

    reply = bench.one(Drop(jar="a", coins=1))

    [row] = bench.rows(tables.WRITER)
    assert row["now"] == reply.now == START + SECOND


def test_a_clock_set_back_moves_on_from_where_it_was() -> None:
    system = FrozenClock(START)
    clock = WriterClock(system, last=START)
    system.step(-HOUR)

    seen = []
    for _ in range(3):
        system.advance(SECOND)
        seen.append(clock.now() - START)

    assert seen == [SECOND, 2 * SECOND, 3 * SECOND]


def test_a_clock_set_back_loses_no_time_between_many_looks() -> None:
    system = Ticking(START)
    clock = WriterClock(system, last=START + HOUR)

    for _ in range(10_000):
        last = clock.now()

    assert last - START - HOUR >= dt.timedelta(microseconds=9_989)


def test_a_clock_set_back_while_no_writer_ran_revives_nothing(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    bench.clock.step(-HOUR)
    bench.restart()
    bench.clock.advance(SECOND)

    assert bench.one(Drop(jar="b", coins=1)).now == START + SECOND


def test_a_clock_set_forward_is_followed(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    bench.clock.step(HOUR)

    assert bench.one(Drop(jar="b", coins=1)).now == START + HOUR


def test_the_clock_follows_the_system_s_again_once_that_has_caught_up() -> None:
    system = FrozenClock(START)
    clock = WriterClock(system, last=START)
    system.step(-SECOND)
    assert clock.now() == START
    system.step(2 * SECOND)

    assert clock.now() == START + SECOND
