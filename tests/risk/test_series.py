"""Any stream in any order, copied and dropped as the writer does, against a plain recount."""

import datetime as dt
import math
from collections import defaultdict
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.amounts import z_of
from risk.compiled import compiled_reads
from risk.entity_state import CURRENCIES_MAX, LAST_USES_MAX, EntityState
from risk.history import DISTINCT_MAX, keyed
from risk.plan import Plan, Reads, Want, make_plan, make_reads
from risk.reading import Asked
from risk.series import FEW, SUM_MAX
from risk.windows import EPOCH, TIERS, tier_of

DAY_S = 86_400
NOON_S = 20_000 * DAY_S + DAY_S // 2
WINDOWS_S = (1, 60, 120, 3_600, 7_200, DAY_S, 7 * DAY_S, 8 * DAY_S, 30 * DAY_S)
LONG_S = (7 * DAY_S, 14 * DAY_S)
UNKNOWN = {why: why for why in ("not_loaded", "outside_kept_range", "no_history")}
WANTS = [
    Want(slot, *want)
    for slot, want in enumerate(
        [
            *((one, s, None) for s in WINDOWS_S for one in ("count", "sum", "max")),
            *(("declined_share", s, None) for s in WINDOWS_S),
            *((one, s, "device") for s in WINDOWS_S for one in ("distinct", "count", "share")),
            *(("distinct", s, "payee") for s in (3_600, DAY_S)),
            *((one, s, None) for s in (60, *LONG_S) for one in ("window_mean", "abnormal_count")),
            *((one, s, None) for s in LONG_S for one in ("abnormal_max", "window_z")),
            *((one, 0, None) for one in ("mean", "deviation", "to_normal", "to_usual", "z")),
            *((one, 0, None) for one in ("since_last", "since_first", "since_abnormal")),
            ("since_last", 0, "device"),
        ]
    )
]
PLAN: Plan = make_plan(WANTS)
READS: Reads = make_reads(WANTS)
READER = compiled_reads(PLAN, READS)


class Paid(NamedTuple):
    """One payment."""

    second: int
    amount_minor: int = 100
    currency: str = "CNY"
    is_declined: bool | None = None
    device: str | None = None
    payee: str = "p"
    ratio: int | None = None


class Recount:
    """The definition, with nothing but buckets in plain dictionaries: slow and short."""

    def __init__(self) -> None:
        self.tiers: list[dict[int, list[Paid]]] = [defaultdict(list) for _ in PLAN.tiers]
        self.floors: list[int | None] = [None for _ in PLAN.tiers]
        self.currencies: list[str] = []
        self.all: list[Paid] = []
        self.amounts: dict[str, list[int]] = defaultdict(list)

    def add(self, paid: Paid) -> None:
        if paid.currency not in self.currencies:
            self.currencies.append(paid.currency)
        if paid.currency in self.currencies[:CURRENCIES_MAX]:
            self.amounts[paid.currency].append(paid.amount_minor)
        self.all.append(paid)
        for place, tier in enumerate(PLAN.tiers):
            buckets, floor = self.tiers[place], self.floors[place]
            key = paid.second // tier.bucket_s
            if floor is not None and key < floor:
                continue
            buckets[key].append(paid)
            floor = max(buckets) - tier.kept + 1
            kept = sorted(one for one in buckets if one >= floor)
            if len(kept) > tier.buckets_max:
                floor = kept[-tier.buckets_max - 1] + 1
            gone = [one for one in buckets if one < floor]
            for one in gone:
                del buckets[one]
            if gone:
                self.floors[place] = floor

    def read(self, asked: Paid) -> list[Any]:
        return [self._value(want, asked) for want in WANTS]

    def _value(self, want: Want, asked: Paid) -> Any:
        if not want.window_s:
            return self._scalar(want, asked)
        place = tier_of(want.window_s)
        size = TIERS[place].bucket_s
        last = asked.second // size
        first, floor = last - want.window_s // size + 1, self.floors[place]
        if floor is not None and first < floor:
            return "outside_kept_range"
        buckets = [held for key, held in sorted(self.tiers[place].items()) if first <= key <= last]
        if want.of is not None:
            return self._of_others(want, asked, buckets)
        found = [paid for held in buckets for paid in held]
        if want.aggregate.startswith("abnormal"):
            far = [paid.ratio for paid in found if (paid.ratio or 0) > 2_500]
            is_count = want.aggregate == "abnormal_count"
            return len(far) if is_count else max(far, default="no_history")
        if want.aggregate in {"count", "declined_share"}:
            said = [paid.is_declined for paid in found if paid.is_declined is not None]
            share = 1_000 * sum(said) // len(said) if said else "no_history"
            return len(found) if want.aggregate == "count" else share
        return self._of_money(want, asked, buckets)

    def _of_money(self, want: Want, asked: Paid, buckets: list[list[Paid]]) -> Any:
        if asked.currency in self.currencies[CURRENCIES_MAX:] or (
            asked.currency not in self.currencies and len(self.currencies) > CURRENCIES_MAX
        ):
            return "outside_kept_range"
        money = [
            [paid.amount_minor for paid in held if paid.currency == asked.currency]
            for held in buckets
        ]
        if want.aggregate in {"window_mean", "window_z"}:
            return self._of_mean(want.aggregate, asked, money)
        if want.aggregate == "sum":
            return sum(min(sum(held), SUM_MAX) for held in money)
        return max((amount for held in money for amount in held), default="no_history")

    def _of_mean(self, aggregate: str, asked: Paid, money: list[list[int]]) -> Any:
        number, total = sum(map(len, money)), sum(min(sum(held), SUM_MAX) for held in money)
        if aggregate == "window_mean":
            return total // number if number else "no_history"
        if number < 3 or not total:
            return "no_history"
        over = sum(min(sum(max(one - 10**8, 0) for one in held), SUM_MAX) for held in money)
        mean = float(total - over) / float(number)
        squares = sum(sum(min(amount, 10**8) ** 2 for amount in held) for held in money)
        variance = max(float(squares) / float(number) - mean * mean, 0.0)
        return z_of(min(asked.amount_minor, 10**8), mean, max(math.sqrt(variance), mean / 16))

    def _of_others(self, want: Want, asked: Paid, buckets: list[list[Paid]]) -> Any:
        counted = []
        for held in buckets:
            times: dict[str, int] = {}
            for paid in held:
                value = getattr(paid, want.of)
                if value is not None and (value in times or len(times) <= DISTINCT_MAX):
                    times[value] = times.get(value, 0) + 1
            counted.append(times)
        if want.aggregate == "distinct":
            return min(len({value for times in counted for value in times}), DISTINCT_MAX + 1)
        value = getattr(asked, want.of)
        if value is None:
            return None
        if any(value not in times and len(times) > DISTINCT_MAX for times in counted):
            return "outside_kept_range"
        part, whole = sum(times.get(value, 0) for times in counted), sum(map(len, buckets))
        if want.aggregate == "count":
            return part
        return 1_000 * part // whole if whole else "no_history"

    def _since(self, want: Want, asked: Paid) -> Any:
        found = [
            paid
            for paid in self.all
            if want.aggregate != "since_abnormal" or (paid.ratio or 0) > 2_500
        ]
        if want.of is not None:
            if asked.device is None:
                return None
            used = {keyed(one.device): one.second for one in found if one.device is not None}
            for one in found:
                if one.device is not None:
                    used[keyed(one.device)] = max(used[keyed(one.device)], one.second)
            newest = sorted(used, key=lambda key: (used[key], key))[-LAST_USES_MAX:]
            if keyed(asked.device) in newest:
                return max(asked.second - used[keyed(asked.device)], 0)
            return "outside_kept_range" if len(used) > LAST_USES_MAX else "no_history"
        pick = min if want.aggregate == "since_first" else max
        times = [paid.second for paid in found]
        return max(asked.second - pick(times), 0) if times else "no_history"

    def _scalar(self, want: Want, asked: Paid) -> Any:
        aggregate = want.aggregate
        if aggregate.startswith("since"):
            return self._since(want, asked)
        amounts = self.amounts.get(asked.currency, [])
        if not amounts and len(self.currencies) > CURRENCIES_MAX:
            return "outside_kept_range"
        mean, variance = float(amounts[0]) if amounts else 0.0, 0.0
        usual = mean
        for number, amount in enumerate(amounts[1:], start=1):
            by = amount - mean
            mean, variance = mean + 0.125 * by, 0.875 * (variance + 0.125 * by * by)
            cut = min(float(amount), 2.0 * usual) if usual > 0 else float(amount)
            usual += max(1.0 / (number + 1), 0.0625) * (cut - usual)
        if len(amounts) < 3 or mean <= 0:
            return "no_history"
        amount, deviation = asked.amount_minor, math.sqrt(variance)
        return {
            "to_normal": int(min(1_000.0 * amount / mean, 1_000_000)),
            "to_usual": int(min(1_000.0 * amount / usual, 1_000_000)),
            "z": z_of(amount, mean, max(deviation, mean / 16)),
            "mean": int(mean + 0.5),
            "deviation": int(deviation + 0.5),
        }[aggregate]


def at(second: int) -> dt.datetime:
    return EPOCH + dt.timedelta(seconds=second)


def add(state: EntityState, paid: Paid) -> None:
    others = {"payee": paid.payee, **({"device": paid.device} if paid.device else {})}
    state.add(
        at(paid.second),
        paid.amount_minor,
        paid.currency,
        paid.is_declined,
        others,
        ratio_milli=paid.ratio,
    )


def read(state: EntityState, asked: Paid) -> list[Any]:
    into: list[Any] = [None] * len(WANTS)
    others = {"payee": keyed(asked.payee)}
    if asked.device is not None:
        others["device"] = keyed(asked.device)
    question = Asked(asked.second, asked.currency, asked.amount_minor, others, into, UNKNOWN)
    state.read(READS, question, READER)
    general: list[Any] = [None] * len(WANTS)
    state.read(READS, msgspec.structs.replace(question, into=general))
    assert into == general
    return into


def steps(*, far: bool) -> st.SearchStrategy[list[tuple[str, Paid]]]:
    """Payments mostly after each other, some at once, late, long past or far ahead."""
    gaps = [0, 0, 1, 30, 59, 60, 600, 3_600, 40_000, -1, -45, -3_600, -80_000]
    if far:
        gaps += [-9 * DAY_S, -100 * DAY_S, 33 * DAY_S, 100 * DAY_S]
    one = st.tuples(
        # What is dropped is a command that was refused: the state before it stays.
        st.sampled_from(["kept", "kept", "kept", "dropped", "packed"]),
        st.sampled_from(gaps),
        st.builds(
            Paid,
            second=st.just(0),
            amount_minor=st.one_of(
                st.integers(0, 10**6), st.sampled_from([10**8, 3 * 10**8, SUM_MAX])
            ),
            currency=st.sampled_from(["CNY", "CNY", "USD", *(f"C{n:02d}" for n in range(8))]),
            is_declined=st.sampled_from([None, True, False]),
            device=st.sampled_from([None, *(f"d{n}" for n in range(5))]),
            payee=st.sampled_from(["p", "q"]),
            ratio=st.sampled_from([None, 2_500, 2_501, 9_000]),
        ),
    )

    def placed(drawn: list[tuple[str, int, Paid]]) -> list[tuple[str, Paid]]:
        second, found = NOON_S, []
        for what, gap, paid in drawn:
            found.append((what, paid._replace(second=second + gap)))
            second += gap if abs(gap) < 50_000 or gap > 0 else 0
        return found

    return st.lists(one, max_size=40).map(placed)


def check(stream: list[tuple[str, Paid]]) -> None:
    state, recount = EntityState(PLAN), Recount()
    for what, paid in stream:
        assert read(state, paid) == recount.read(paid)
        earlier = paid._replace(second=paid.second - 4_000)
        assert read(state, earlier) == recount.read(earlier)
        changed = state.copy()
        add(changed, paid)
        if what == "dropped":
            continue
        state = EntityState.unpack(changed.pack(), PLAN) if what == "packed" else changed
        recount.add(paid)
    again = EntityState(PLAN)
    for what, paid in stream:
        if what != "dropped":
            add(again, paid)
    assert again.pack() == state.pack()


@pytest.mark.long
@settings(deadline=None)
@given(steps(far=False))
def test_a_stream_in_nearly_its_order_reads_as_the_recount(stream: list[tuple[str, Paid]]) -> None:
    check(stream)


@settings(deadline=None)
@given(steps(far=True))
def test_a_stream_of_far_times_reads_as_the_recount(stream: list[tuple[str, Paid]]) -> None:
    check(stream)


@pytest.mark.long
@pytest.mark.parametrize("gap_s", [0, 1, 7, 61, 3_599, 9_000])
def test_a_long_stream_lets_go_and_still_reads_as_the_recount(gap_s: int) -> None:
    state, recount = EntityState(PLAN), Recount()
    for number in range(700):
        late = 70 if number % 10 == 9 else 0
        paid = Paid(NOON_S + number * gap_s - late, number, device=f"d{number % 90}")
        if number % 50 == 0 or number > 690:
            assert read(state, paid) == recount.read(paid)
        state = state.copy()
        add(state, paid)
        recount.add(paid)
    assert EntityState.unpack(state.pack(), PLAN).pack() == state.pack()


def test_two_copies_of_one_state_go_apart() -> None:
    base = EntityState(PLAN)
    add(base, Paid(NOON_S, device="a"))
    before = base.pack()
    ways = [
        [Paid(NOON_S + gap_s * step, gap_s, device=f"{gap_s}") for step in (1, 2, 3)]
        for gap_s in (100, 9_000)
    ]
    copies, recounts = [base.copy() for _ in ways], [Recount() for _ in ways]
    for recount in recounts:
        recount.add(Paid(NOON_S, device="a"))
    for step in range(3):
        for way, copy, recount in zip(ways, copies, recounts, strict=True):
            assert read(copy, way[step]) == recount.read(way[step])
            add(copy, way[step])
            recount.add(way[step])

    for way, copy, recount in zip(ways, copies, recounts, strict=True):
        assert read(copy, way[-1]) == recount.read(way[-1])
        fresh = EntityState(PLAN)
        for paid in (Paid(NOON_S, device="a"), *way):
            add(fresh, paid)
        assert copy.pack() == fresh.pack()
    assert base.pack() == before


def test_what_was_let_go_is_kept_up_no_longer() -> None:
    state, recount = EntityState(PLAN), Recount()
    far = [0, 3_600, 7_200, 10_800, 14_400, *(100 * DAY_S + 3_600 * hour for hour in range(6))]
    for gap_s in far:
        paid = Paid(NOON_S + gap_s, device=f"d{gap_s}")
        if gap_s <= 14_400:
            assert read(state, paid) == recount.read(paid)
        add(state, paid)
        recount.add(paid)

    asked = Paid(NOON_S + far[-1], device="d")
    assert read(state, asked) == recount.read(asked)


def test_what_a_read_kept_up_is_counted_anew_by_the_copy_that_lacks_it() -> None:
    state, recount = EntityState(PLAN), Recount()
    for hour in range(FEW + 2):
        paid = Paid(NOON_S + 3_600 * hour, device=f"d{hour}")
        add(state, paid)
        recount.add(paid)
    asked = Paid(NOON_S + (FEW + 2) * 3_600, device="d1")
    read(state, asked)

    taken = state.copy()
    add(taken, asked)

    assert read(state, asked) == recount.read(asked)


def test_sums_beyond_64_bits_are_still_exact() -> None:
    state, recount = EntityState(PLAN), Recount()
    for hour in (0, 1, 2, 0, 3):
        paid = Paid(NOON_S + 3_600 * hour, SUM_MAX)
        add(state, paid)
        recount.add(paid)
    asked = Paid(NOON_S + 4 * 3_600)

    assert read(state, asked) == recount.read(asked)
    assert read(EntityState.unpack(state.pack(), PLAN), asked) == recount.read(asked)
