"""run_batch: what commits, what is rolled back, who is told what."""

import datetime as dt
from pathlib import Path

import pytest
from typing_extensions import override

from service.db.places import Place
from service.db.stores import open_store
from service.kernel.clock import FrozenClock
from service.kernel.errors import Faulted, Overloaded, ResultUnknown
from service.state.cache import PACK_WORK_NS
from service.state.entities import ENTITIES
from service.unit_of_work import tables
from service.unit_of_work.commands import Reply
from service.unit_of_work.run import GUILTY_MAX, Deferred
from tests.support.jars import (
    BUDGETS,
    COUPONS,
    EXHAUSTED,
    JARS,
    Count,
    Drop,
    Held,
    Linger,
    Spend,
    Tally,
    TallyCodec,
    linger,
)
from tests.support.unfenced_writer import LOCKED_ROW
from tests.support.writer import START, Bench, a_call


def test_an_accepted_command_commits_rows_event_entry_message_and_reply(bench: Bench) -> None:
    reply = bench.one(Drop(jar="a", coins=3), a_call(key="k"))

    assert reply.read(Held).coins == 3
    assert [row["coins"] for row in bench.rows(JARS)] == [3]
    assert [row["type"] for row in bench.rows(tables.EVENTS)] == ["jar.filled"]
    assert [row["kind"] for row in bench.rows(tables.MESSAGES)] == ["jar.filled"]
    assert [row["kind"] for row in bench.rows(tables.ENTRIES)] == ["jar.filled"]
    assert len(bench.rows(tables.IDEMPOTENCY)) == 1


def test_a_refused_command_commits_only_what_it_carries_and_its_reply(bench: Bench) -> None:
    reply = bench.one(Drop(jar="a", coins=3, refuses=True), a_call(key="k"))

    assert (reply.kind, reply.problem, reply.fields) == ("refused", EXHAUSTED, {"jar": "full"})
    assert bench.rows(JARS) == []
    assert bench.rows(tables.MESSAGES) == []
    assert bench.kinds() == ["jar.filled"]
    assert len(bench.rows(tables.EVENTS)) == 1
    assert len(bench.rows(tables.IDEMPOTENCY)) == 1


def test_every_row_of_a_batch_bears_its_number(bench: Bench) -> None:
    replies = bench.run(Drop(jar="a", coins=1), Drop(jar="b", coins=1), Drop(jar="c", coins=1))

    numbered = (tables.ENTRIES, tables.EVENTS, tables.MESSAGES)
    batches = {row["batch"] for table in numbered for row in bench.rows(table)}
    assert batches == {reply.batch for reply in replies if isinstance(reply, Reply)} == {3}
    assert sorted(row["sequence"] for row in bench.rows(tables.ENTRIES)) == [1, 2, 3]


def test_later_commands_of_a_batch_see_what_earlier_ones_observed(bench: Bench) -> None:
    replies = bench.run(*(Drop(jar=jar, coins=1) for jar in "abc"))

    assert [r.read(Held).seen for r in replies if isinstance(r, Reply)] == [0, 1, 2]


def test_a_refused_command_is_observed_as_well(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1, refuses=True))

    assert bench.one(Drop(jar="b", coins=1)).read(Held).seen == 1


def test_a_failed_guard_drops_its_command_alone(bench: Bench) -> None:
    bench.seed(coupons=["c1"])
    bench.one(Spend(coupon="c1"))

    first, spent, last = bench.run(
        Drop(jar="a", coins=1), Spend(coupon="c1"), Drop(jar="b", coins=2)
    )

    assert isinstance(first, Reply)
    assert isinstance(last, Reply)
    assert isinstance(spent, Faulted)
    assert [row["coins"] for row in bench.rows(JARS)] == [1, 2]
    assert [row["left"] for row in bench.rows(BUDGETS)] == [999]
    assert bench.kinds() == ["coupon.spent", "jar.filled", "jar.filled", "command.faulted"]
    # The others together, then the guilty one, whose fault is the last commit.
    assert bench.observer.sizes[-2:] == [2, 1]


def test_a_shared_counter_that_is_used_up_refuses(bench: Bench) -> None:
    bench.seed(coupons=["c1", "c2"], budget=1)

    first, second = bench.run(Spend(coupon="c1"), Spend(coupon="c2"))

    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert (first.kind, second.kind) == ("accepted", "refused")
    assert second.problem == EXHAUSTED
    assert bench.kinds() == ["coupon.spent", "coupon.refused"]
    assert [row["spent_at"] is None for row in bench.rows(COUPONS)] == [False, True]


def test_what_a_failed_guard_s_refusal_observed_is_in_memory_as_in_the_log(bench: Bench) -> None:
    bench.seed(coupons=["c1"], budget=0)

    bench.one(Spend(coupon="c1"))

    assert bench.states() == bench.folded() != {}


def test_a_failed_guard_s_refusal_is_a_stored_reply(bench: Bench) -> None:
    bench.seed(coupons=["c1"], budget=0)
    bench.one(Spend(coupon="c1"), a_call(key="k"))

    replay = bench.one(Spend(coupon="c1"), a_call(key="k"))

    assert (replay.problem, replay.replayed) == (EXHAUSTED, True)


def test_a_batch_of_guilty_commands_ends_each_in_its_own_way(bench: Bench) -> None:
    bench.seed(coupons=[f"c{n}" for n in range(40)], budget=7)

    results = bench.run(*(Spend(coupon=f"c{n}") for n in range(40)))

    kinds = [one.kind for one in results if isinstance(one, Reply)]
    assert (kinds.count("accepted"), kinds.count("refused")) == (7, 33)
    assert [row["left"] for row in bench.rows(BUDGETS)] == [0]
    assert len(bench.kinds()) == 40


def test_a_batch_of_guilty_commands_is_not_run_again_for_each_of_them(lingering: Bench) -> None:
    lingering.seed(coupons=[f"c{n}" for n in range(40)], budget=0)
    before = lingering.clock.now()

    results = lingering.run(
        Linger(jar="a", microseconds=1), *(Spend(coupon=f"c{n}") for n in range(40))
    )

    assert [one.kind for one in results if isinstance(one, Reply)] == ["accepted"] + [
        "refused"
    ] * 40
    # Each run of the whole batch takes a microsecond.
    assert (lingering.clock.now() - before).microseconds <= GUILTY_MAX + 1


def test_a_batch_of_256_faults_stays_within_the_stack(bench: Bench) -> None:
    results = bench.run(*(Drop(jar=f"j{n}", coins=2_000) for n in range(256)))

    assert all(isinstance(one, Faulted) for one in results)
    assert bench.kinds() == ["command.faulted"] * 256


def test_a_command_past_its_deadline_is_dropped_unrun(bench: Bench) -> None:
    late = bench.ticket(Drop(jar="a", coins=1), deadline_ns=0)

    results = bench.run(late, Drop(jar="b", coins=1))

    assert isinstance(results[0], ResultUnknown)
    assert [row["jar"] for row in bench.rows(JARS)] == ["b"]
    assert len(bench.kinds()) == 1


def test_a_batch_ends_after_5_ms_of_work(lingering: Bench) -> None:
    results = lingering.run(*(Linger(jar=f"j{n}", microseconds=2_000) for n in range(5)))

    assert [type(one) for one in results] == [Reply, Reply, Reply, Deferred, Deferred]
    assert len(lingering.kinds()) == 3


class Starved(FrozenClock):
    """The clock of a thread that waits for a processor and does no work."""

    @override
    def worked_ns(self) -> int:
        return 0


def test_a_busy_machine_makes_no_small_batches(bench: Bench) -> None:
    bench.kill()
    bench.clock = Starved(START)
    bench.handlers = type(bench.handlers)([*bench.handlers.names.values(), linger(bench.clock)])
    bench.start()

    results = bench.run(*(Linger(jar=f"j{n}", microseconds=20_000) for n in range(5)))

    assert [type(one) for one in results] == [Reply] * 5


def test_what_will_not_fit_by_the_pace_of_earlier_batches_is_not_prepared(
    lingering: Bench,
) -> None:
    for n in range(40):
        lingering.run(Linger(jar=f"before{n}", microseconds=2_000))

    results = lingering.run(*(Linger(jar=f"j{n}", microseconds=1) for n in range(5)))

    assert [type(one) for one in results] == [Reply, Reply, Deferred, Deferred, Deferred]


def test_one_command_that_was_held_up_makes_no_small_batches(lingering: Bench) -> None:
    lingering.run(Linger(jar="a", microseconds=1_000_000))

    results = lingering.run(*(Linger(jar=f"j{n}", microseconds=1) for n in range(5)))

    assert [type(one) for one in results] == [Reply] * 5


def test_a_command_longer_than_a_batch_s_work_is_run_all_the_same(lingering: Bench) -> None:
    results = lingering.run(Linger(jar="a", microseconds=60_000), Linger(jar="b", microseconds=1))

    assert [type(one) for one in results] == [Reply, Deferred]


def test_a_deadline_that_passes_while_others_work_drops_the_command(lingering: Bench) -> None:
    soon = lingering.clock.monotonic_ns() + 1_000_000
    waiting = lingering.ticket(Drop(jar="a", coins=1), deadline_ns=soon)

    results = lingering.run(Linger(jar="b", microseconds=2_000), waiting)

    assert [type(one) for one in results] == [Reply, ResultUnknown]
    assert lingering.rows(JARS) == []


def test_a_lone_command_reads_as_it_likes(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=5))

    assert bench.one(Count(jar="a")).read(Held).coins == 5


def test_a_store_that_is_full_refuses_whole_batches_until_there_is_room(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "payguard.sqlite")
    bench.one(Drop(jar="a", coins=1))
    before = bench.dump()
    connection = bench.store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    results = bench.run(*(Drop(jar=f"{n}" * 60, coins=n) for n in range(60)))

    assert all(isinstance(one, Overloaded) for one in results)
    assert bench.observer.untaken == [(60, "database or disk is full")]
    assert bench.dump() == before
    connection.execute("PRAGMA max_page_count = 100000")
    assert isinstance(bench.one(Drop(jar="b", coins=1)), Reply)
    assert bench.states() == bench.folded()


def test_a_store_that_another_process_locks_refuses_and_recovers(bench: Bench) -> None:
    if isinstance(bench.place, Path):
        bench.store._connection.execute("PRAGMA busy_timeout = 0")
    other = open_store(bench.place)
    transaction = other.begin()
    transaction.fetch(LOCKED_ROW(shard=0))

    refused = bench.one(Drop(jar="a", coins=1))
    transaction.rollback()
    other.close()

    assert isinstance(refused, Overloaded)
    assert isinstance(bench.one(Drop(jar="a", coins=1)), Reply)
    assert [one["number"] for one in bench.entries()] == [1]


@pytest.mark.parametrize("size", [1, 16, 256])
def test_a_batch_is_one_commit(bench: Bench, size: int) -> None:
    bench.run(*(Drop(jar=f"j{n}", coins=1) for n in range(size)))

    assert bench.observer.sizes == [size]


class Heavy(Tally):
    """A state that takes half a share of a step to pack."""

    clock: FrozenClock

    @override
    def copy(self) -> "Heavy":
        return Heavy(self.count, self.total, self.digest)

    @override
    def pack(self) -> bytes:
        self.clock.advance(dt.timedelta(microseconds=PACK_WORK_NS // 2_000))
        return super().pack()


class HeavyCodec(TallyCodec):
    @override
    def new(self, kind: str) -> Heavy:
        return Heavy()


def test_a_step_packs_no_more_states_than_its_share_of_work_allows(place: Place) -> None:
    bench = Bench(place)
    bench.kill()
    bench.codec, Heavy.clock = HeavyCodec(), bench.clock
    bench.start()
    bench.run(*(Drop(jar=f"jar-{place}", coins=1) for place in range(10)))

    bench.writer.work.write_back()

    assert len(bench.rows(ENTITIES)) == 2
    while bench.writer.work.write_back():
        pass
    assert len(bench.rows(ENTITIES)) == 11
    bench.kill()
