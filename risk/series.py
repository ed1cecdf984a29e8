"""Buckets of one size, as totals before each: a window is a difference. Never reads a clock."""

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

from risk.amounts import SQUARED_MAX
from risk.history import (
    ABNORMAL,
    DISTINCT_MAX,
    NUMBER,
    OVER,
    SQUARES,
    History,
    Recent,
    Seen,
    column_of,
    raise_from,
)
from risk.plan import TierPlan

# Sums stop here rather than overflow: 92 quadrillion yuan in one bucket is a fault, not a payment.
SUM_MAX: Final = 2**63 - 1
NONE_SEEN: Final = -1
# Before every bucket.
NEVER: Final = -(2**62)
# A window's first bucket, and the places where those that there are begin and end.
Span = tuple[int, int, int]
# Values of so many buckets are counted as fast as they are kept up.
FEW: Final = 3
# What was let go stays in shared columns until it is so many buckets, and half of them.
_LEFT_MAX: Final = 32


class Series:
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
        recent: What was kept up for the reads of one window; it goes with the newest copy, and
            whoever lacks it counts anew.
    """

    # No msgspec.Struct: to set an attribute of one costs eight times as much.
    __slots__ = (
        *("begin", "count", "declined", "end", "entries", "floor", "heads", "history", "judged"),
        *("newest", "plan", "recent", "sums", "tops"),
    )

    def __init__(self, plan: TierPlan) -> None:
        self.plan = plan
        self.history = History(plan.of)
        self.heads: dict[str, dict[int, int]] = {kind: {} for kind in plan.of}
        self.begin = self.end = self.count = self.judged = self.declined = self.entries = 0
        self.newest = self.floor = NEVER
        self.sums: dict[str, int] = {}
        self.tops: dict[str, int] = {}
        self.recent: Recent | None = None

    def copy(self) -> "Series":
        """Return an equal series that shares nothing that changes what is read."""
        other = Series.__new__(Series)
        other.plan = self.plan
        other.history = self.history
        other.heads = self.heads
        other.begin = self.begin
        other.end = self.end
        other.newest = self.newest
        other.floor = self.floor
        other.count = self.count
        other.judged = self.judged
        other.declined = self.declined
        other.entries = self.entries
        other.sums = self.sums
        other.tops = self.tops
        other.recent = self.recent
        self.recent = None
        return other

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

    def distinct(self, kind: str, span: Span) -> int:
        """Return how many different values; one more than `DISTINCT_MAX` stands for more."""
        _, low, end = span
        found: set[int] = set()
        for bucket in self._buckets(kind, low, end):
            found.update(bucket)
        return min(len(found), DISTINCT_MAX + 1)

    def count_of(self, kind: str, value: int, span: Span) -> int | None:
        """Return how often a value came; None where a bucket had no place left for it."""
        _, low, end = span
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
            if self.recent is not None:
                filled += 300 + sum(250 + 70 * len(one) for one in self.recent.times.values())
        return filled

    def add_sum(self, currency: str, amount_minor: int) -> None:
        """Add an amount to the newest bucket, as far as sums go."""
        before = self.sums.get(currency)
        if before is None:
            before = self.new_sums(currency)
        total = before + amount_minor
        if total > SUM_MAX:
            least = self.history.sums[currency][self.end - 1]
            total = min(total, least + SUM_MAX)
        self.sums = {**self.sums, currency: total}

    def add_amount(self, currency: str, amount_minor: int) -> None:
        """Add an amount to the newest bucket: its sum and what goes with it."""
        for name, by in _parts(self.plan, currency, amount_minor):
            self.add_sum(name, by)

    def add_abnormal(self, milli: int) -> None:
        """Count an abnormal amount in the newest bucket."""
        self.add_sum(ABNORMAL, 1)
        most = self.tops.get(ABNORMAL)
        if most is None:
            most = self.new_maxes(ABNORMAL)
        self.tops = {**self.tops, ABNORMAL: max(most, milli)}

    def add_late(self, key: int, seen: Seen) -> None:
        """Count a payment in a bucket before the newest one, unless that was let go."""
        if key < self.floor:
            return
        plan = self.plan
        self.own()
        # Whatever was kept up may lack it now.
        self.recent = None
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
        if plan.has_abnormal and seen.abnormal_milli is not None:
            self._add_late_sum(place, ABNORMAL, 1)
            self._raise_late(place, ABNORMAL, seen.abnormal_milli)
        if self.newest - history.keys[0] >= plan.kept or self.end > plan.buckets_max:
            self.trim()

    def _add_late_money(self, place: int, currency: str, amount_minor: int) -> None:
        if self.plan.has_sums:
            for name, by in _parts(self.plan, currency, amount_minor):
                self._add_late_sum(place, name, by)
        if self.plan.has_maxes:
            self._raise_late(place, currency, amount_minor)

    def _add_late_sum(self, place: int, name: str, by: int) -> None:
        if name not in self.sums:
            self.new_sums(name)
        columns = self.history.sums
        column = columns[name]
        held = column[place + 1] - column[place]
        by = min(held + by, SUM_MAX) - held
        self.sums = {**self.sums, name: self.sums[name] + by}
        columns[name] = column_of([*column[: place + 1], *(n + by for n in column[place + 1 :])])

    def _raise_late(self, place: int, name: str, value: int) -> None:
        if name not in self.tops:
            self.new_maxes(name)
        maxes = self.history.maxes[name]
        maxes[place] = max(maxes[place], value)

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

    def trim(self) -> None:
        """Let go what is too old, or too much."""
        plan, keys, end = self.plan, self.history.keys, self.end
        first, floor = self.begin, self.newest - plan.kept + 1
        while keys[first] < floor:
            first += 1
        if end - first > plan.buckets_max:
            first = end - plan.buckets_max
            floor = keys[first - 1] + 1
        if first == self.begin:
            return
        for column in self.history.values.values():
            for bucket in column[self.begin : first]:
                self.entries -= len(bucket)
        self.begin, self.floor = first, floor
        if self.recent is not None and self.recent.first < floor:
            self.recent = None
        if first > _LEFT_MAX and 2 * first > end:
            self.own()

    def own(self) -> None:
        """Take columns that no copy shares."""
        self.history = self.history.part(self.begin, self.end)
        self.begin, self.end = 0, self.end - self.begin

    def new_sums(self, currency: str) -> int:
        """Begin the sums of a currency, and return its total."""
        self.own()
        self.history.sums[currency] = array("q", [0]) * self.end
        self.sums = {**self.sums, currency: 0}
        return 0

    def new_maxes(self, currency: str) -> int:
        """Begin the greatest amounts of a currency, and return that of the newest bucket."""
        self.own()
        self.history.maxes[currency] = array("q", [NONE_SEEN]) * (self.end - 1)
        self.tops = {**self.tops, currency: NONE_SEEN}
        return NONE_SEEN

    def _buckets(self, kind: str, low: int, end: int) -> list[dict[int, int]]:
        closed = self.end - 1
        if low >= end:
            return []
        found = self.history.values[kind][low : min(end, closed)]
        return [*found, self.heads[kind]] if end > closed else found

    def recent_of(self, buckets: int, span: Span) -> Recent | None:
        """Return the values of a window; None where they are as well counted.

        That is where it holds few buckets, and where another window's values are kept up.

        Args:
            buckets: Length of the window.
            span: What is there of it; what ends before the newest bucket is not kept up.
        """
        first, low, end = span
        recent = self.recent
        if end != self.end or (recent is not None and recent.buckets != buckets):
            return None
        if end - low <= FEW:
            self.recent = None
            return None
        keys, of = self.history.keys, self.plan.of
        if recent is None or first < recent.first:
            recent = self.recent = Recent(buckets, of)
            for kind in of:
                for bucket in self._buckets(kind, low, end):
                    recent.take(kind, bucket)
        elif first > recent.next:
            place = bisect_left(keys, recent.next, self.begin, end)
            for kind in of:
                for bucket in self._buckets(kind, place, low):
                    recent.drop(kind, bucket)
        else:
            return recent
        recent.first = first
        # A bucket inside is not after the newest, so whatever comes next is inside as well.
        recent.next = keys[low]
        return recent


def _parts(plan: TierPlan, currency: str, amount_minor: int) -> list[tuple[str, int]]:
    """Return what an amount adds to which sums."""
    parts = [(currency, amount_minor)]
    if plan.has_numbers:
        parts.append((currency + NUMBER, 1))
    if plan.has_squares:
        parts.append((currency + SQUARES, min(amount_minor, SQUARED_MAX) ** 2))
        if amount_minor > SQUARED_MAX:
            parts.append((currency + OVER, amount_minor - SQUARED_MAX))
    return parts
