"""Buckets of one size, as totals before each: a window is a difference. Never reads a clock."""

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

import msgspec

from risk.history import AFTER_ALL, DISTINCT_MAX, History, Recent, append, column_of, raise_from
from risk.plan import TierPlan

# Sums stop here rather than overflow: 92 quadrillion yuan in one bucket is a fault, not a payment.
SUM_MAX: Final = 2**63 - 1
NONE_SEEN: Final = -1
# Before every bucket.
NEVER: Final = -(2**62)
# A window's first bucket, and the places where those that there are begin and end.
Span = tuple[int, int, int]
# What was let go stays in shared columns until it is so many buckets, and half of them.
_LEFT_MAX: Final = 32


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What one payment adds to each series of an entity.

    Attributes:
        currency: None where the entity has no place left for it.
        is_declined: None where the outcome is not known.
        values: Kind -> keyed value, for the other entities of the payment.
    """

    amount_minor: int
    currency: str | None
    is_declined: bool | None
    values: dict[str, int]


class Series(msgspec.Struct, eq=False):
    """Buckets of one tier, with what its plan asks for; counts always.

    A copy shares the columns and has totals of its own; whoever appends first keeps the shared
    columns, any other copy makes its own. An event of an earlier bucket makes new columns too.
    Dictionaries are replaced, never changed.

    Attributes:
        plan: What is kept.
        history: Columns; ours are those from `begin` to `end`.
        newest: Number of the newest bucket; `NEVER` for none.
        floor: Buckets below it were let go.
        count, judged, declined, sums: Totals with the newest bucket.
        tops, heads: What the newest bucket has for `maxes` and `values`.
        entries: How many values all buckets hold.
        recent: Kind -> what was kept up for reads; it goes with the newest copy, and whoever
            lacks it counts anew.
    """

    plan: TierPlan
    history: History
    heads: dict[str, dict[int, int]]
    begin: int = 0
    end: int = 0
    newest: int = NEVER
    floor: int = NEVER
    count: int = 0
    judged: int = 0
    declined: int = 0
    entries: int = 0
    sums: dict[str, int] = {}
    tops: dict[str, int] = {}
    recent: dict[str, tuple[Recent, ...]] = {}

    def copy(self) -> "Series":
        """Return an equal series that shares nothing that changes what is read."""
        other: Series = self.__copy__()  # type: ignore[attr-defined]  # msgspec has it, in C
        if self.recent:
            self.recent = {}
        return other

    def add(self, key: int, seen: Seen) -> None:
        """Count one payment in its bucket, unless that was let go; then let go what is too old."""
        if key != self.newest:
            if key < self.floor:
                return
            if key < self.newest:
                self._add_late(key, seen)
                return
            self._open(key)
        plan = self.plan
        self.count += 1
        if plan.has_shares and seen.is_declined is not None:
            self.judged += 1
            self.declined += seen.is_declined
        if plan.of:
            self._add_values(seen.values, plan.of)
        if seen.currency is not None and plan.has_sums:
            self._add_sum(seen.currency, seen.amount_minor)
        if seen.currency is not None and plan.has_maxes:
            self._add_max(seen.currency, seen.amount_minor)

    def span(self, first: int, last: int) -> Span | None:
        """Return what is there of the buckets from first to last; None where some were let go."""
        if first < self.floor:
            return None
        begin, end = self.begin, self.end
        if first > self.newest:
            return first, end, end
        keys = self.history.keys
        if last < self.newest:
            end = bisect_right(keys, last, begin, end)
        if begin == end or keys[begin] >= first:
            return first, begin, end
        return first, bisect_left(keys, first, begin, end), end

    def count_in(self, span: Span) -> int:
        """Return the number of payments in buckets."""
        _, low, end = span
        if low == end:
            return 0
        counts = self.history.counts
        return (self.count if end == self.end else counts[end]) - counts[low]

    def sum_in(self, currency: str, span: Span) -> int:
        """Return the sum in buckets of a currency that came."""
        _, low, end = span
        if low == end:
            return 0
        column = self.history.sums[currency]
        return (self.sums[currency] if end == self.end else column[end]) - column[low]

    def max_in(self, currency: str, span: Span) -> int:
        """Return the greatest amount in buckets of a currency that came, or `NONE_SEEN`."""
        _, low, end = span
        if low == end:
            return NONE_SEEN
        closed = self.end - 1
        most = self.tops[currency] if end > closed else NONE_SEEN
        before = self.history.maxes[currency][low : min(end, closed)]
        return max(most, max(before, default=NONE_SEEN))

    def declined_in(self, span: Span) -> tuple[int, int]:
        """Return how many payments in buckets were declined, and of how many that is known."""
        _, low, end = span
        if low == end or not self.plan.has_shares:
            return 0, 0
        history = self.history
        if end == self.end:
            declined, judged = self.declined, self.judged
        else:
            declined, judged = history.declined[end], history.judged[end]
        return declined - history.declined[low], judged - history.judged[low]

    def distinct(self, kind: str, buckets: int, span: Span) -> int:
        """Return how many different values; one more than `DISTINCT_MAX` stands for more.

        Args:
            kind: Of the values.
            buckets: Length of the window.
            span: What is there of it.
        """
        _, low, end = span
        if low == end:
            return 0
        if end < self.end:
            found: set[int] = set()
            for bucket in self._buckets(kind, low, end):
                found.update(bucket)
            return min(len(found), DISTINCT_MAX + 1)
        if low == end - 1:
            return len(self.heads[kind])
        return min(len(self._recent(kind, buckets, span).times), DISTINCT_MAX + 1)

    def count_of(self, kind: str, value: int, buckets: int, span: Span) -> int | None:
        """Return how often a value came; None where a bucket had no place left for it."""
        _, low, end = span
        if low == end:
            return 0
        if end == self.end:
            recent = self._recent(kind, buckets, span)
            if not recent.full:
                return recent.times.get(value, 0)
        count = 0
        for bucket in self._buckets(kind, low, end):
            times = bucket.get(value)
            if times is not None:
                count += times
            elif len(bucket) > DISTINCT_MAX:
                return None
        return count

    @property
    def size_bytes(self) -> int:
        """About how much memory the series takes."""
        size, heads = self.end - self.begin, self.heads
        columns = 2 + len(self.sums) + len(self.tops)
        filled = 700 + columns * (90 + 9 * size) + 120 * (len(self.sums) + len(self.tops))
        if self.judged:
            filled += 18 * size
        if heads:
            filled += len(heads) * (150 + 250 * size) + 40 * max(self.entries - 4 * size, 0)
            for kept in self.recent.values():
                for recent in kept:
                    filled += 300 + 100 * len(recent.times)
        return filled

    def _open(self, key: int) -> None:
        """Begin a bucket after all others."""
        plan = self.plan
        if len(self.history.keys) != self.end:
            self._own()
        history, end = self.history, self.end
        history.keys.append(key)
        history.counts.append(self.count)
        if plan.has_shares:
            history.judged.append(self.judged)
            history.declined.append(self.declined)
        for currency, total in self.sums.items():
            append(history.sums, currency, total)
        if end:
            self._close()
        self.newest = key
        self.end = end + 1
        begin = self.begin
        if key - history.keys[begin] >= plan.kept or end - begin >= plan.buckets_max:
            self._trim()

    def _close(self) -> None:
        """Put the newest bucket's own values beside it."""
        history = self.history
        if self.tops:
            for currency, most in self.tops.items():
                history.maxes[currency].append(most)
            self.tops = dict.fromkeys(self.tops, NONE_SEEN)
        if self.heads:
            for kind, bucket in self.heads.items():
                history.values[kind].append(bucket)
            self.heads = {kind: {} for kind in self.heads}

    def _add_values(self, values: dict[str, int], of: tuple[str, ...]) -> None:
        heads = self.heads.copy()
        for kind in of:
            value = values.get(kind)
            if value is None:
                continue
            bucket = heads[kind]
            times = bucket.get(value, 0)
            if not times:
                if len(bucket) > DISTINCT_MAX:
                    continue
                self.entries += 1
            heads[kind] = {**bucket, value: times + 1}
            for recent in self.recent.get(kind, ()):
                recent.count(value, self.newest, is_full=not times and len(bucket) == DISTINCT_MAX)
        self.heads = heads

    def _add_sum(self, currency: str, amount_minor: int) -> None:
        before = self.sums.get(currency)
        if before is None:
            before = self._new_sums(currency)
        total = before + amount_minor
        if total > SUM_MAX:
            least = self.history.sums[currency][self.end - 1]
            total = min(total, least + SUM_MAX)
        self.sums = {**self.sums, currency: total}

    def _add_max(self, currency: str, amount_minor: int) -> None:
        most = self.tops.get(currency)
        if most is None:
            most = self._new_maxes(currency)
        if amount_minor > most:
            self.tops = {**self.tops, currency: amount_minor}

    def _add_late(self, key: int, seen: Seen) -> None:
        """Count a payment of a bucket before the newest one."""
        plan = self.plan
        self._own()
        # Whatever was kept up may lack it now.
        self.recent = {}
        history = self.history
        place = bisect_left(history.keys, key)
        if history.keys[place] != key:
            self._insert(place, key)
        after = place + 1
        self.count += 1
        raise_from(history.counts, after, 1)
        if plan.has_shares and seen.is_declined is not None:
            self.judged += 1
            raise_from(history.judged, after, 1)
            self.declined += seen.is_declined
            raise_from(history.declined, after, int(seen.is_declined))
        for kind in plan.of:
            value, buckets = seen.values.get(kind), history.values[kind]
            if value is not None and (
                value in buckets[place] or len(buckets[place]) <= DISTINCT_MAX
            ):
                self.entries += value not in buckets[place]
                buckets[place] = {**buckets[place], value: buckets[place].get(value, 0) + 1}
        if seen.currency is not None:
            self._add_late_money(place, seen.currency, seen.amount_minor)
        if self.newest - history.keys[0] >= plan.kept or self.end > plan.buckets_max:
            self._trim()

    def _add_late_money(self, place: int, currency: str, amount_minor: int) -> None:
        plan = self.plan
        if plan.has_sums:
            if currency not in self.sums:
                self._new_sums(currency)
            columns = self.history.sums
            column = columns[currency]
            held = column[place + 1] - column[place]
            by = min(held + amount_minor, SUM_MAX) - held
            self.sums = {**self.sums, currency: self.sums[currency] + by}
            columns[currency] = column_of(
                [*column[: place + 1], *(n + by for n in column[place + 1 :])]
            )
        if plan.has_maxes:
            if currency not in self.tops:
                self._new_maxes(currency)
            maxes = self.history.maxes[currency]
            maxes[place] = max(maxes[place], amount_minor)

    def _insert(self, place: int, key: int) -> None:
        """Make an empty bucket before another one, in columns of our own."""
        history = self.history
        history.keys.insert(place, key)
        for column in (history.counts, history.judged, history.declined, *history.sums.values()):
            if column:
                column.insert(place, column[place])
        for maxes in history.maxes.values():
            maxes.insert(place, NONE_SEEN)
        for values in history.values.values():
            values.insert(place, {})
        self.end += 1

    def _trim(self) -> None:
        plan = self.plan
        keys, begin, end = self.history.keys, self.begin, self.end
        floor = self.newest - plan.kept + 1
        first = bisect_left(keys, floor, begin, end)
        if end - first > plan.buckets_max:
            first = end - plan.buckets_max
            floor = keys[first - 1] + 1
        if first == begin:
            return
        for column in self.history.values.values():
            self.entries -= sum(map(len, column[begin:first]))
        self.begin, self.floor = first, floor
        if any(recent.first < floor for kept in self.recent.values() for recent in kept):
            self.recent = {}
        if first > _LEFT_MAX and 2 * first > end:
            self._own()

    def _own(self) -> None:
        """Take columns that no copy shares."""
        self.history = self.history.part(self.begin, self.end)
        self.begin, self.end = 0, self.end - self.begin

    def _new_sums(self, currency: str) -> int:
        self._own()
        self.history.sums[currency] = array("q", [0]) * self.end
        self.sums = {**self.sums, currency: 0}
        return 0

    def _new_maxes(self, currency: str) -> int:
        self._own()
        self.history.maxes[currency] = array("q", [NONE_SEEN]) * (self.end - 1)
        self.tops = {**self.tops, currency: NONE_SEEN}
        return NONE_SEEN

    def _buckets(self, kind: str, low: int, end: int) -> list[dict[int, int]]:
        closed = self.end - 1
        found = self.history.values[kind][low : min(end, closed)]
        return [*found, self.heads[kind]] if end > closed else found

    def _recent(self, kind: str, buckets: int, span: Span) -> Recent:
        """Return the values of a window that ends with the newest bucket or after it."""
        first, low, end = span
        kept = self.recent.get(kind, ())
        recent = next((one for one in kept if one.buckets == buckets), None)
        keys = self.history.keys
        if recent is None or first < recent.first:
            others = [one for one in kept if one.buckets != buckets]
            recent = Recent(buckets)
            self.recent = {**self.recent, kind: (*others, recent)}
            for bucket in self._buckets(kind, low, end):
                recent.take(bucket)
        elif first > recent.next:
            place = bisect_left(keys, recent.next, self.begin, end)
            for bucket in self._buckets(kind, place, low):
                recent.drop(bucket)
        else:
            return recent
        recent.first = first
        recent.next = keys[low] if low < end else AFTER_ALL
        return recent


def new_series(plan: TierPlan) -> Series:
    """Return an empty series."""
    return Series(plan, History(plan.of), {kind: {} for kind in plan.of})
