"""Windows against their definition, by brute force; packing; what is unknown is never 0."""

import datetime as dt
import sys
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.entity_state import CURRENCIES_MAX, EntityState
from risk.feature import load_features
from risk.packed_state import SCHEMA, upcast
from risk.series import SUM_MAX
from risk.windows import TIERS

BASE = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
WINDOWS = (1, 30, 60, 120, 3_600, 7_200, 86_400, 7 * 86_400, 8 * 86_400, 30 * 86_400, 90 * 86_400)
DAY_S = 86_400


class Event(NamedTuple):
    at: dt.datetime
    amount_minor: int
    currency: str


def bucket_s(window_s: int) -> int:
    """The definition's table, written down a second time on purpose."""
    if window_s <= 60:
        return 1
    if window_s <= 3_600:
        return 60
    return 3_600 if window_s <= 7 * DAY_S else DAY_S


def inside(events: list[Event], at: dt.datetime, window_s: int) -> list[Event]:
    """Return the events of the window: its buckets end with the one that holds `at`."""
    size = bucket_s(window_s)
    end = (int(at.timestamp()) // size + 1) * size
    start = end - window_s
    return [event for event in events if start <= event.at.timestamp() < end]


def fold(events: list[Event]) -> EntityState:
    state = EntityState()
    for event in events:
        state.add(event.at, event.amount_minor, event.currency)
    return state


def instants(*, back_s: int, ahead_s: int) -> st.SearchStrategy[dt.datetime]:
    """Instants around BASE, with many on, just before and just after a bucket's border."""
    border = st.builds(
        lambda size, steps, by: dt.timedelta(seconds=size * steps, microseconds=by),
        st.sampled_from([1, 60, 3_600, DAY_S]),
        st.integers(-3, 3),
        st.sampled_from([-1, 0, 1]),
    )
    anywhere = st.timedeltas(dt.timedelta(seconds=-back_s), dt.timedelta(seconds=ahead_s))
    low, high = BASE - dt.timedelta(seconds=back_s), BASE + dt.timedelta(seconds=ahead_s)
    return st.one_of(border, anywhere).map(lambda by: min(max(BASE + by, low), high))


def events_of(times: st.SearchStrategy[dt.datetime]) -> st.SearchStrategy[list[Event]]:
    event = st.builds(Event, times, st.integers(0, 10**7), st.sampled_from(["CNY", "USD", "JPY"]))
    return st.lists(event, max_size=40)


FAR = instants(back_s=100 * DAY_S, ahead_s=100 * DAY_S)
NEAR = instants(back_s=24 * 3_600, ahead_s=120)


@settings(deadline=None)
@given(events_of(FAR), FAR, st.sampled_from(WINDOWS))
def test_a_read_is_exact_or_says_that_it_is_unknown(
    events: list[Event], at: dt.datetime, window_s: int
) -> None:
    state = fold(events)

    found = inside(events, at, window_s)

    assert state.count(at, window_s) in (None, len(found))
    for currency in ("CNY", "USD", "JPY"):
        total = sum(event.amount_minor for event in found if event.currency == currency)
        assert state.sum(at, window_s, currency) in (None, total)


@settings(deadline=None)
@given(events_of(NEAR), NEAR, st.sampled_from(WINDOWS))
def test_within_the_permitted_lateness_nothing_is_unknown(
    events: list[Event], at: dt.datetime, window_s: int
) -> None:
    state = fold(events)

    found = inside(events, at, window_s)

    assert state.count(at, window_s) == len(found)
    total = sum(event.amount_minor for event in found if event.currency == "USD")
    assert state.sum(at, window_s, "USD") == total


@settings(deadline=None)
@given(st.permutations([0, 1, 59, 60, 61, 3_599, 3_600, 80_000]), st.sampled_from(WINDOWS))
def test_the_order_of_arrival_changes_no_window(order: list[int], window_s: int) -> None:
    state = fold([Event(BASE - dt.timedelta(seconds=back), 100, "CNY") for back in order])
    sorted_state = fold(
        [Event(BASE - dt.timedelta(seconds=back), 100, "CNY") for back in sorted(order)]
    )

    assert state.count(BASE, window_s) == sorted_state.count(BASE, window_s)


@pytest.mark.parametrize(
    ("back", "window_s", "count"),
    [
        (dt.timedelta(seconds=59), 60, 1),
        (dt.timedelta(seconds=60), 60, 0),
        (dt.timedelta(seconds=59, microseconds=1), 60, 0),
        (dt.timedelta(minutes=59), 3_600, 1),
        (dt.timedelta(minutes=59, microseconds=1), 3_600, 0),
        (dt.timedelta(hours=23), DAY_S, 1),
        (dt.timedelta(hours=23, microseconds=1), DAY_S, 0),
        (dt.timedelta(days=29, hours=12), 30 * DAY_S, 1),
        (dt.timedelta(days=29, hours=12, microseconds=1), 30 * DAY_S, 0),
    ],
)
def test_a_window_begins_at_the_border_of_its_first_bucket(
    back: dt.timedelta, window_s: int, count: int
) -> None:
    state = fold([Event(BASE - back, 100, "CNY")])

    assert state.count(BASE, window_s) == count


@pytest.mark.parametrize(
    ("ahead", "window_s", "count"),
    [
        (dt.timedelta(microseconds=999_999), 60, 1),
        (dt.timedelta(seconds=1), 60, 0),
        (dt.timedelta(seconds=59), 3_600, 1),
        (dt.timedelta(minutes=1), 3_600, 0),
        (dt.timedelta(minutes=59), DAY_S, 1),
        (dt.timedelta(hours=1), DAY_S, 0),
    ],
)
def test_later_buckets_do_not_count(ahead: dt.timedelta, window_s: int, count: int) -> None:
    state = fold([Event(BASE + ahead, 100, "CNY")])

    assert state.count(BASE, window_s) == count


def test_a_time_in_another_zone_is_the_same_instant() -> None:
    zone = dt.timezone(dt.timedelta(hours=8))
    state = fold([Event(BASE.astimezone(zone), 100, "CNY")])

    assert state.count(BASE, 60) == 1


def test_a_payment_ahead_of_its_time_leaves_the_present_known() -> None:
    state = fold([Event(BASE, 100, "CNY"), Event(BASE + dt.timedelta(seconds=120), 100, "CNY")])

    assert state.count(BASE, 60) == 1


def test_what_was_let_go_is_unknown_and_not_zero() -> None:
    state = fold([Event(BASE, 100, "CNY"), Event(BASE + dt.timedelta(days=2), 100, "CNY")])

    assert state.count(BASE, 60) is None
    assert state.sum(BASE, 3_600, "CNY") is None
    assert state.count(BASE, DAY_S) == 1


def test_an_event_before_the_kept_range_adds_only_where_its_bucket_is_kept() -> None:
    newest = BASE + dt.timedelta(days=2)
    state = fold([Event(BASE, 1, "CNY"), Event(newest, 1, "CNY"), Event(BASE, 1, "CNY")])

    assert state.count(BASE, 60) is None
    assert state.count(newest, 7 * DAY_S) == 3


def test_a_busy_entity_keeps_its_newest_buckets_and_says_what_it_let_go() -> None:
    tier = TIERS[0]
    events = [Event(BASE + dt.timedelta(seconds=s), 1, "CNY") for s in range(tier.buckets_max + 60)]

    state = fold(events)

    assert state.count(events[-1].at, 60) == 60
    assert state.count(events[60].at, 60) is None
    assert state.count(events[-1].at, 3_600) == len(events)


def test_a_late_event_does_not_bring_back_what_a_busy_entity_let_go() -> None:
    tier = TIERS[0]
    events = [Event(BASE + dt.timedelta(seconds=s), 1, "CNY") for s in range(tier.buckets_max + 60)]

    state = fold([*events, events[10]])

    assert state.count(events[80].at, 60) is None
    assert state.count(events[-1].at, 3_600) == len(events) + 1


def test_a_currency_beyond_the_cap_is_unknown_and_not_zero() -> None:
    held = [f"C{number:02d}" for number in range(CURRENCIES_MAX)]
    state = fold([Event(BASE, 7, currency) for currency in (*held, "XXX")])

    assert state.sum(BASE, 60, "XXX") is None
    assert state.sum(BASE, 60, held[-1]) == 7
    assert state.count(BASE, 60) == CURRENCIES_MAX + 1


def test_a_currency_never_seen_sums_to_zero() -> None:
    state = fold([Event(BASE, 7, "CNY")])

    assert state.sum(BASE, 60, "JPY") == 0


def test_a_sum_stops_at_its_greatest_value() -> None:
    state = fold([Event(BASE, SUM_MAX, "CNY"), Event(BASE, 1, "CNY")])

    assert state.sum(BASE, 60, "CNY") == SUM_MAX


def test_a_copy_shares_nothing_that_changes() -> None:
    state = fold([Event(BASE, 100, "CNY")])
    before = state.pack()

    copy = state.copy()
    copy.add(BASE, 100, "CNY")
    copy.add(BASE, 100, "USD")

    assert state.pack() == before
    assert copy.count(BASE, 60) == 3


@settings(deadline=None)
@given(events_of(FAR), FAR)
def test_packing_loses_nothing(events: list[Event], later: dt.datetime) -> None:
    state = fold(events)

    again = EntityState.unpack(state.pack())
    same = again.pack() == state.pack()
    again.add(later, 5, "CNY")
    state.add(later, 5, "CNY")

    assert same
    assert again.pack() == state.pack()


# What the first release wrote; every later one reads it.
GOLDEN_1 = bytes.fromhex(
    "9301c29494ce6b06cd0d92ce6b081ee65a92010182a3434e59920700a355534492006494ce01c8a5"
    "5392ce01c8ab2e0292010182a3434e59920700a355534492006494c093ce00079c442f0193010101"
    "82a3434e5993cd26ac0700a35553449300006494c092cd512d0292010282a3434e5992cd26ac07a3"
    "555344920064"
)
GOLDEN_EVENTS = [
    Event(BASE, 9_900, "CNY"),
    Event(BASE + dt.timedelta(days=2), 100, "USD"),
    Event(BASE + dt.timedelta(days=2, seconds=-90), 7, "CNY"),
]


def test_the_bytes_of_the_first_schema_are_still_read() -> None:
    state = EntityState.unpack(GOLDEN_1)

    assert state.count(GOLDEN_EVENTS[1].at, 3_600) == 2
    assert state.sum(GOLDEN_EVENTS[1].at, 30 * DAY_S, "CNY") == 9_907
    assert state.count(BASE, 60) is None


def test_the_schema_number_leads() -> None:
    assert EntityState().pack()[1] == SCHEMA


def test_bytes_of_a_later_schema_are_refused() -> None:
    packed = bytearray(EntityState().pack())
    packed[1] = SCHEMA + 1

    with pytest.raises(ValueError, match="no way from schema"):
        EntityState.unpack(bytes(packed))


def test_upcasters_carry_a_body_step_by_step() -> None:
    steps = {1: lambda body: [2, *body[1:], "b"], 2: lambda body: [3, *body[1:], "c"]}

    assert upcast([1, "a"], to=3, upcasters=steps) == [3, "a", "b", "c"]


def test_a_missing_upcaster_is_an_error() -> None:
    with pytest.raises(ValueError, match="no way from schema 2"):
        upcast([1, "a"], to=3, upcasters={1: lambda body: [2, *body[1:]]})


@pytest.mark.parametrize(
    "body",
    [
        b"\x93\x01\xc2\x91\x94\xc0\x90\x90\x80",  # one series
        b"\x93\x01\xc2\x94" + b"\x94\xc0\x91\x01\x90\x80" * 4,  # a key without its count
        b"\x93\x01\xc2\x94" + b"\x94\xc0\x92\x01\x00\x92\x01\x01\x80" * 4,  # keys that do not grow
        b"\x93\x01\xc2",
        b"not a state",
    ],
)
def test_bytes_that_are_no_state_are_refused(body: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  whatever sentence says it
        EntityState.unpack(body)


def test_memory_is_bounded_whatever_comes() -> None:
    state = EntityState()
    for number in range(5_000):
        state.add(BASE + dt.timedelta(seconds=61 * number), 1, f"C{number % 20:02d}")

    assert state.size_bytes < 150_000


def test_the_estimate_of_memory_is_near_what_python_says() -> None:
    state = fold([Event(BASE + dt.timedelta(minutes=7 * n), 1, "CNY") for n in range(300)])
    parts = [
        part
        for series in state.series
        for part in (
            *(series, series.sums, series.history, series.history.keys, series.history.counts),
            *(series.history.sums, *series.history.sums.values()),
        )
    ]

    assert 0.8 < state.size_bytes / sum(sys.getsizeof(part) for part in parts) < 1.5


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more"):
        EntityState().add(BASE, -1, "CNY")


def test_the_state_of_a_merchant_with_every_payment_stays_small() -> None:
    plan = load_features().plans["merchant"]
    state, sizes = EntityState(plan), []
    for number in range(60_000):
        at = BASE + dt.timedelta(seconds=20 * number)
        state.add(at, 9_900, "CNY", number % 20 == 0, {"payer": f"c_{number}"})
        if number % 10_000 == 9_999:
            sizes.append((state.size_bytes, len(state.pack())))

    # A bucket a minute and one an hour, and no more of them than the tiers keep, however many
    # payments: those of hours are all there once the week and a day of lateness are full.
    assert max(size for size, _ in sizes) < 64 << 10
    assert max(packed for _, packed in sizes) < 16 << 10
    assert sizes[-1][0] <= sizes[3][0] * 1.05
