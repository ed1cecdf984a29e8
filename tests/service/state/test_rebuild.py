"""Whenever the writer is killed, what it holds after a restart is the fold of every event."""

import contextlib
import random
from collections.abc import Callable, Iterator, Sequence

import pytest
import sqlalchemy as sa
from typing_extensions import override

from service.db.places import Place
from service.db.statements import Bound, Row, Statement
from service.db.store import Store, Transaction
from service.db.stores import open_store
from service.state.cache import WAITING_MAX, Overlay
from service.state.entities import ENTITIES
from service.unit_of_work import events, tables
from service.unit_of_work.batch import Done
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.perform import prepare
from service.unit_of_work.run import _Guilty
from service.writer.assemble import assemble
from tests.support.jars import Drop, Spend, TallyCodec
from tests.support.writer import Bench, a_call

TINY_BYTES = 2_000


@pytest.fixture
def bench(place: Place) -> Iterator[Bench]:
    bench = Bench(place, bytes_max=TINY_BYTES)
    yield bench
    bench.kill()


def write_back(bench: Bench, count: int) -> None:
    overlay = Overlay(bench.writer.cache)
    bench.writer.work._commit([], overlay, now=bench.clock.now(), write_back=count)


def run_and_write_back(bench: Bench, commands: list[tuple[Command, Call]], count: int) -> None:
    """Run a batch that writes states back in its own transaction, as a busy writer does."""
    work, overlay, now = bench.writer.work, Overlay(bench.writer.cache), bench.clock.now()
    tickets = enumerate(bench.ticket(*one) for one in commands)
    prepared, rows = work._fetch({place: prepare(bench.handlers, one) for place, one in tickets})
    handled = [
        work._handle(place, one, rows=rows, overlay=overlay, now=now)
        for place, one in prepared.items()
    ]
    done = [one for one in handled if isinstance(one, Done)]
    with contextlib.suppress(_Guilty):
        work._commit(done, overlay, now=now, write_back=count)
    bench.writer.cache.trim()


def load(bench: Bench, chance: random.Random, *, batches: int) -> None:
    """Run random batches, with faults, rollbacks, refusals, write-backs and kills between them."""
    for _ in range(batches):
        jars = chance.sample("abcdefgh", chance.randrange(1, 6))
        commands = [
            Drop(
                jar=jar,
                coins=chance.choice([0, 1, 5, 2_000]),
                shared=chance.choice(["x", "y"]),
                events=chance.choice([0, 1, 1, 3]),
                refuses=chance.random() < 0.1,
            )
            for jar in jars
        ]
        calls = [a_call(tenant_id=chance.choice(["ten_1", "ten_2"])) for _ in commands]
        pairs = list(zip(commands, calls, strict=True))
        if chance.random() < 0.2:
            bench.run(*pairs, Spend(coupon="none"))
        elif chance.random() < 0.4:
            run_and_write_back(bench, pairs, count=chance.randrange(1, 5))
        else:
            bench.run(*pairs)
        if chance.random() < 0.3:
            write_back(bench, chance.randrange(1, 4))
        if chance.random() < 0.2:
            bench.restart()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_state_is_the_fold_of_all_events_whatever_happened(
    bench: Bench, seed: int, sized: Callable[..., int]
) -> None:
    chance = random.Random(seed)  # noqa: S311  seeded on purpose
    bench.seed()
    for _ in range(sized(quick=3, ci=8, full=100)):
        load(bench, chance, batches=8)
        assert bench.states() == bench.folded()
        bench.restart()
        assert bench.states() == bench.folded()
        assert bench.writer.cache.size_bytes <= TINY_BYTES or bench.writer.cache.waiting > 0


def test_the_events_of_one_command_are_folded_together(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=5, events=3))

    bench.restart()

    assert bench.states() == bench.folded()


def test_a_batch_that_writes_a_state_back_and_changes_it_loses_nothing(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))

    run_and_write_back(bench, [(Drop(jar="a", coins=2), a_call())], count=10)
    bench.one(Drop(jar="b", coins=1, shared="y"))
    write_back(bench, 10)

    assert bench.states() == bench.folded()
    bench.restart()
    assert bench.states() == bench.folded()


def test_nothing_is_replayed_once_everything_was_written_back(bench: Bench) -> None:
    bench.run(*(Drop(jar=jar, coins=1) for jar in "abc"))
    while bench.writer.work.write_back():
        pass

    bench.restart()

    assert bench.writer.rebuilt_events == 0
    assert bench.states() == bench.folded()


def test_a_page_is_never_cut_inside_a_command(bench: Bench) -> None:
    bench.run(*(Drop(jar=f"j{n}", coins=1, events=5) for n in range(4)))
    pages = []

    after = 0
    while page := events.observations_after(bench.reader.fetch, after):
        pages.append([row["sequence"] for row in page])
        after = page[-1]["sequence"] + 1

    assert pages == [[sequence for sequence in (1, 2, 3, 4) for _ in range(5)]]


def test_more_commands_than_a_page_holds_are_all_replayed(bench: Bench) -> None:
    for batch in range(5):
        bench.run(*(Drop(jar=f"{batch}.{n}", coins=n) for n in range(256)))
        bench.run(*(Drop(jar="idle", coins=0, events=0) for _ in range(1)))

    bench.restart()

    assert bench.writer.rebuilt_events == 5 * 256
    assert bench.states() == bench.folded()


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.mark.long
def test_a_rebuild_writes_back_what_it_cannot_hold_and_may_die_at_it(bench: Bench) -> None:
    for batch in range(12):
        bench.run(*(Drop(jar=f"{batch}.{n}", coins=n) for n in range(200)))
    transaction = bench.store.begin()
    unfolded = sa.update(tables.WRITER).values(folded=0)
    transaction.run([Statement(one)() for one in (unfolded, sa.delete(ENTITIES))])
    transaction.commit()
    bench.kill()

    bench.store = DyingStore(open_store(bench.place), commits=1)
    with pytest.raises(Killed):
        assemble(bench.parts(bench.clock))
    bench.restart()

    assert bench.writer.cache.waiting <= WAITING_MAX
    assert bench.states() == bench.folded()


class DyingStore(Store):
    """Dies after some commits."""

    def __init__(self, within: Store, *, commits: int) -> None:
        self._within = within
        self._left = commits

    @override
    def fetch(self, reads: Sequence[Bound]) -> list[list[Row]]:
        return self._within.fetch(reads)

    @override
    def begin(self) -> Transaction:
        if self._left == 0:
            raise Killed
        self._left -= 1
        return self._within.begin()

    @override
    def close(self) -> None:
        self._within.close()


@pytest.mark.long
@pytest.mark.parametrize("commits", range(2, 8))
def test_another_feature_set_is_built_from_all_events(bench: Bench, commits: int) -> None:
    for batch in range(12):
        bench.run(*(Drop(jar=f"{batch}.{n}", coins=n) for n in range(200)))
    while bench.writer.work.write_back():
        pass
    bench.kill()
    bench.codec = TallyCodec("tally-2")

    # It is killed on the way, having committed: taken over, portions forgotten, some write-backs.
    bench.store = DyingStore(open_store(bench.place), commits=commits)
    with contextlib.suppress(Killed):
        assemble(bench.parts(bench.clock))
    bench.restart()

    assert bench.states() == bench.folded()
    while bench.writer.work.write_back():
        pass
    assert {row["feature_set"] for row in bench.rows(ENTITIES)} == {"tally-2"}
    assert len(bench.rows(ENTITIES)) == len(bench.folded())


def test_rows_of_another_schema_are_built_anew(bench: Bench) -> None:
    bench.run(*(Drop(jar=jar, coins=1) for jar in "abc"))
    while bench.writer.work.write_back():
        pass
    transaction = bench.store.begin()
    spoilt = {"schema": 99, "state": b"not to be read"}
    transaction.run([Statement(sa.update(ENTITIES).values(**spoilt), name="spoil")()])
    transaction.run([Statement(sa.update(tables.WRITER).values(schema=99), name="spoil writer")()])
    transaction.commit()

    bench.restart()

    assert bench.states() == bench.folded()


def test_load_without_a_pause_keeps_what_waits_and_what_is_replayed_small(bench: Bench) -> None:
    for batch in range(16):
        bench.run(*(Drop(jar=f"{batch}.{n}", coins=n) for n in range(256)))

    assert bench.writer.cache.waiting <= WAITING_MAX + 2 * 257
    [writer] = bench.rows(tables.WRITER)
    assert writer["folded"] >= 16 * 256 - WAITING_MAX - 3 * 256
