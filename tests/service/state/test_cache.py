"""Feature state in memory: what waits is never forgotten, and the limit holds for the rest."""

import itertools

import pytest
from typing_extensions import override

from service.state.cache import (
    BEHIND,
    CELL_OVERHEAD_BYTES,
    LATE_COMMANDS_MAX,
    MEASURED_EVERY,
    PACK_WORK_BEHIND_NS,
    PACK_WORK_NS,
    STATE_SCHEMA,
    WAITING_MAX,
    WRITE_BACK_AT_ONCE,
    WRITE_BACK_AT_ONCE_MAX,
    EntityCache,
    Overlay,
)
from service.state.entities import EntityKey, Observation
from tests.support.jars import Tally, TallyCodec
from tests.support.writer import START

CELL_BYTES = CELL_OVERHEAD_BYTES + 100


def key(name: object) -> EntityKey:
    return EntityKey("ten_1", "live", "payer", str(name))


def seen(name: object, amount_minor: int = 1, currency: str = "CNY") -> Observation:
    return Observation(
        kind="payer", key=str(name), at=START, amount_minor=amount_minor, currency=currency
    )


def a_cache(*names: object, bytes_max: int = 1 << 20) -> EntityCache:
    cache = EntityCache(TallyCodec(), bytes_max=bytes_max)
    for name in names:
        cache.load(key(name), [])
    return cache


def change(cache: EntityCache, *names: object, sequence: int) -> None:
    overlay = Overlay(cache)
    for name in names:
        if cache.missing([key(name)]):
            cache.load(key(name), [])
        overlay.add(key(name), seen(name))
    cache.commit(overlay.states, first=sequence, last=sequence)


def test_an_overlay_leaves_what_is_below_as_it_was() -> None:
    cache = a_cache("a")
    batch = Overlay(cache)
    command = Overlay(batch)

    command.add(key("a"), seen("a"))

    assert (command.get(key("a")).count, batch.get(key("a")).count) == (1, 0)
    batch.join(command)
    assert (batch.get(key("a")).count, cache.get(key("a")).count) == (1, 0)


def test_an_overlay_that_failed_half_way_leaves_nothing() -> None:
    batch = Overlay(a_cache("a"))
    batch.add(key("a"), seen("a"))
    command = Overlay(batch)
    command.add(key("a"), seen("a"))

    with pytest.raises(ValueError, match="half"):
        command.add(key("a"), seen("a", currency="XXX"))

    assert batch.get(key("a")).count == 1


def test_two_commands_of_a_batch_add_to_one_state() -> None:
    cache = a_cache("a")
    batch = Overlay(cache)
    for _ in range(2):
        command = Overlay(batch)
        command.add(key("a"), seen("a"))
        batch.join(command)

    cache.commit(batch.states, first=1, last=2)

    assert cache.get(key("a")).count == 2


def test_the_longest_waiting_are_written_first() -> None:
    cache = a_cache()
    for sequence, name in enumerate("abca", start=1):
        change(cache, name, sequence=sequence)

    chosen = [one.key for one, _ in cache.write_back(2)]

    assert chosen == ["a", "b"]
    assert cache.folded(written=[key("a"), key("b")]) == 2
    assert cache.folded(written=[]) == 0


@pytest.mark.parametrize("each_ns", [1_000, 400_000, 9_000_000])
@pytest.mark.parametrize("waiting", [600, BEHIND + 1])
def test_packing_ends_with_the_state_that_uses_its_share_up(each_ns: int, waiting: int) -> None:
    cache = a_cache(bytes_max=1 << 30)
    change(cache, *range(waiting), sequence=1)
    times = itertools.count(step=each_ns)

    chosen = cache.write_back(WRITE_BACK_AT_ONCE_MAX, worked_ns=lambda: next(times))

    allowed = PACK_WORK_BEHIND_NS if waiting > BEHIND else PACK_WORK_NS
    assert (len(chosen) - 1) * each_ns < allowed
    assert len(chosen) == min(-(-allowed // each_ns), WRITE_BACK_AT_ONCE_MAX)


def test_what_changes_in_the_transaction_that_writes_it_waits_again() -> None:
    cache = a_cache()
    change(cache, "a", sequence=1)
    [(written, _)] = cache.write_back(1)

    cache.written([written])
    change(cache, "a", sequence=2)

    assert cache.waiting == 1
    assert cache.folded(written=[]) == 1


def test_everything_is_folded_once_everything_is_written() -> None:
    cache = a_cache()
    change(cache, "a", "b", sequence=7)

    cache.written([key("a"), key("b")])

    assert cache.folded(written=[]) == 7


def test_what_waits_is_not_forgotten_under_a_tiny_limit() -> None:
    cache = a_cache(*range(20), bytes_max=5 * CELL_BYTES)
    change(cache, *range(10), sequence=1)

    cache.trim()

    assert cache.missing([key(name) for name in range(10)]) == []
    assert len(cache.missing([key(name) for name in range(10, 20)])) == 10
    cache.written([key(name) for name in range(10)])
    cache.trim()
    assert cache.size_bytes == 5 * CELL_BYTES


def test_the_least_recently_used_go_first() -> None:
    cache = a_cache("a", "b", "c", bytes_max=2 * CELL_BYTES)
    cache.get(key("a"))

    cache.trim()

    assert cache.missing([key("a"), key("b"), key("c")]) == [key("b")]


def test_the_size_is_the_sum_of_what_is_held() -> None:
    cache = a_cache("a", "b")
    change(cache, "a", sequence=1)
    change(cache, "a", sequence=2)

    assert cache.size_bytes == 2 * CELL_BYTES


def test_a_state_that_grows_is_measured_now_and_then() -> None:
    class Growing(Tally):
        @property
        @override
        def size_bytes(self) -> int:
            return 10 * self.count

        @override
        def copy(self) -> "Growing":
            return Growing(self.count, self.total, self.digest)

    class Codec(TallyCodec):
        @override
        def new(self, kind: str) -> Growing:
            return Growing()

    cache = EntityCache(Codec(), bytes_max=1 << 20)
    sizes = []
    for sequence in range(1, 3 * MEASURED_EVERY + 1):
        change(cache, "a", sequence=sequence)
        sizes.append((cache.size_bytes - CELL_OVERHEAD_BYTES) // 10)

    assert sizes[:MEASURED_EVERY] == list(range(1, MEASURED_EVERY + 1))
    assert sizes[MEASURED_EVERY:][:MEASURED_EVERY] == [MEASURED_EVERY] * (MEASURED_EVERY - 1) + [
        2 * MEASURED_EVERY
    ]
    assert sizes[-1] == 3 * MEASURED_EVERY


def test_nothing_is_due_while_little_waits() -> None:
    cache = a_cache()
    change(cache, "a", sequence=1)

    assert cache.due() == 0


def test_a_hot_entity_is_due_before_a_restart_would_replay_too_much() -> None:
    cache = a_cache()
    change(cache, "a", sequence=1)
    change(cache, "a", sequence=LATE_COMMANDS_MAX + 2)

    assert cache.due() == WRITE_BACK_AT_ONCE


@pytest.mark.parametrize("changed", [1, 300, 5_000])
def test_what_waits_does_not_grow_under_load(changed: int) -> None:
    cache = a_cache()
    change(cache, *range(WAITING_MAX + 1), sequence=1)
    change(cache, *range(changed), sequence=2)

    assert cache.due() == min(max(changed, WRITE_BACK_AT_ONCE), WRITE_BACK_AT_ONCE_MAX)


@pytest.mark.parametrize(
    "other", [{"feature_set": "tally-2"}, {"schema": STATE_SCHEMA + 1}], ids=["set", "schema"]
)
def test_a_row_of_another_feature_set_never_counts_from_zero(other: dict[str, object]) -> None:
    row = {"feature_set": "tally-1", "schema": STATE_SCHEMA, "sequence": 4, "state": b'[4,4,""]'}
    cache = a_cache()

    with pytest.raises(ValueError, match="feature set"):
        cache.load(key("a"), [{**row, **other}])
    cache.load(key("a"), [row])

    assert (cache.get(key("a")).count, cache.sequence_of(key("a"))) == (4, 4)
