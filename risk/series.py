"""Buckets of one size: parallel columns, oldest first, and what was let go. Never reads a clock."""

import hashlib
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from risk.plan import TierPlan

# Sums stop here rather than overflow: 92 quadrillion yuan in one bucket is a fault, not a payment.
SUM_MAX: Final = 2**63 - 1
# Beyond so many different values in one window we say only that it is more.
DISTINCT_MAX: Final = 64
NONE_SEEN: Final = -1


@lru_cache(maxsize=8_192)
def keyed(value: str) -> int:
    """Return the 64 bits that stand for a value in a state: the value itself is not kept."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")


class Seen(NamedTuple):
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


class Series:
    """Buckets of one tier, with the columns that its plan asks for; counts always.

    Attributes:
        keys: Bucket numbers, rising.
        values: Kind -> for each bucket how often each keyed value came; at most one value more
            than `DISTINCT_MAX` in a bucket. The dictionaries are shared by copies: replaced,
            never changed.
        floor: Buckets below it were let go.
    """

    __slots__ = ("counts", "declined", "floor", "judged", "keys", "maxes", "sums", "values")

    def __init__(self, of: Iterable[str] = ()) -> None:
        self.keys = array("q")
        self.counts = array("q")
        self.judged = array("q")
        self.declined = array("q")
        self.sums: dict[str, array[int]] = {}
        self.maxes: dict[str, array[int]] = {}
        self.values: dict[str, list[dict[int, int]]] = {kind: [] for kind in of}
        self.floor: int | None = None

    def copy(self) -> "Series":
        """Return an equal series that shares nothing that changes."""
        other = Series.__new__(Series)
        other.keys = self.keys[:]
        other.counts = self.counts[:]
        other.judged = self.judged[:]
        other.declined = self.declined[:]
        # Most series have few of these columns; an empty comprehension costs more than a look.
        sums, maxes, values = self.sums, self.maxes, self.values
        other.sums = {currency: column[:] for currency, column in sums.items()} if sums else {}
        other.maxes = {currency: column[:] for currency, column in maxes.items()} if maxes else {}
        other.values = {kind: column[:] for kind, column in values.items()} if values else {}
        other.floor = self.floor
        return other

    def add(self, key: int, seen: Seen, plan: TierPlan) -> None:
        """Count one payment in its bucket, unless that was let go; then let go what is too old."""
        if self.floor is not None and key < self.floor:
            return
        place = self._bucket(key, plan)
        self.counts[place] += 1
        if plan.has_shares and seen.is_declined is not None:
            self.judged[place] += 1
            self.declined[place] += seen.is_declined
        for kind in plan.of:
            value = seen.values.get(kind)
            if value is not None:
                self._count_value(kind, place, value)
        currency = seen.currency
        if currency is not None:
            if plan.has_sums:
                column = _column(self.sums, currency, len(self.keys), 0)
                column[place] = min(column[place] + seen.amount_minor, SUM_MAX)
            if plan.has_maxes:
                column = _column(self.maxes, currency, len(self.keys), NONE_SEEN)
                column[place] = max(column[place], seen.amount_minor)
        keys = self.keys
        if keys[-1] - keys[0] >= plan.kept or len(keys) > plan.buckets_max:
            self._trim(plan)

    def span(self, first: int, last: int) -> tuple[int, int] | None:
        """Return the places of buckets from first to last; None where some were let go."""
        if self.floor is not None and first < self.floor:
            return None
        keys = self.keys
        size = len(keys)
        end = size if size and keys[-1] <= last else bisect_right(keys, last)
        return bisect_left(keys, first, 0, end), end

    def distinct(self, kind: str, span: tuple[int, int]) -> int:
        """Return how many different values; one more than `DISTINCT_MAX` stands for more."""
        column = self.values[kind][span[0] : span[1]]
        if len(column) == 1:
            return len(column[0])
        found: set[int] = set()
        for bucket in column:
            found.update(bucket)
            if len(found) > DISTINCT_MAX:
                return DISTINCT_MAX + 1
        return len(found)

    def count_of(self, kind: str, value: int, span: tuple[int, int]) -> int | None:
        """Return how often a value came; None where a bucket had no place left for it."""
        count = 0
        for bucket in self.values[kind][span[0] : span[1]]:
            times = bucket.get(value)
            if times is not None:
                count += times
            elif len(bucket) > DISTINCT_MAX:
                return None
        return count

    @property
    def size_bytes(self) -> int:
        """About how much memory the series takes."""
        size = len(self.keys)
        columns = 2 + len(self.sums) + len(self.maxes)
        filled = 350 + columns * (90 + 9 * size) + 60 * (len(self.sums) + len(self.maxes))
        if self.judged:
            filled += 18 * size
        for column in self.values.values():
            filled += 150 + 250 * size + 40 * sum(max(len(one) - 4, 0) for one in column)
        return filled

    def _bucket(self, key: int, plan: TierPlan) -> int:
        keys = self.keys
        if keys and keys[-1] == key:
            return len(keys) - 1
        place = len(keys) if not keys or key > keys[-1] else bisect_left(keys, key)
        if place == len(keys) or keys[place] != key:
            keys.insert(place, key)
            self.counts.insert(place, 0)
            if plan.has_shares:
                self.judged.insert(place, 0)
                self.declined.insert(place, 0)
            for column in self.sums.values():
                column.insert(place, 0)
            for column in self.maxes.values():
                column.insert(place, NONE_SEEN)
            for buckets in self.values.values():
                buckets.insert(place, {})
        return place

    def _count_value(self, kind: str, place: int, value: int) -> None:
        buckets = self.values[kind]
        bucket = buckets[place]
        if value in bucket or len(bucket) <= DISTINCT_MAX:
            buckets[place] = {**bucket, value: bucket.get(value, 0) + 1}

    def _trim(self, plan: TierPlan) -> None:
        keys = self.keys
        floor = keys[-1] - plan.kept + 1
        gone = bisect_left(keys, floor) if keys[0] < floor else 0
        if len(keys) - gone > plan.buckets_max:
            gone = len(keys) - plan.buckets_max
            floor = keys[gone - 1] + 1
        if gone:
            self.floor = floor
            for column in (keys, self.counts, self.judged, self.declined):
                del column[:gone]
            for column in (*self.sums.values(), *self.maxes.values()):
                del column[:gone]
            for buckets in self.values.values():
                del buckets[:gone]


class PackedSeries(msgspec.Struct, array_like=True):
    """A series as it is stored; keys as the first and the steps, since small numbers pack small."""

    floor: int | None
    keys: list[int]
    counts: list[int]
    sums: dict[str, list[int]]
    maxes: dict[str, list[int]]
    judged: list[int]
    declined: list[int]
    values: dict[str, list[list[int]]]


def pack_series(series: Series) -> PackedSeries:
    """Return a series as it is stored; equal series pack equal."""
    keys = series.keys
    steps = [key - before for before, key in pairwise(keys)]
    return PackedSeries(
        series.floor,
        [keys[0], *steps] if keys else [],
        series.counts.tolist(),
        {currency: series.sums[currency].tolist() for currency in sorted(series.sums)},
        {currency: series.maxes[currency].tolist() for currency in sorted(series.maxes)},
        series.judged.tolist(),
        series.declined.tolist(),
        {
            kind: [[part for pair in sorted(one.items()) for part in pair] for one in buckets]
            for kind, buckets in sorted(series.values.items())
        },
    )


def unpack_series(packed: PackedSeries, plan: TierPlan) -> Series:
    """Return the series that was packed.

    Raises:
        ValueError: Columns of several lengths, keys that do not rise, or columns of another plan.
    """
    size = len(packed.keys)
    columns = [packed.counts, *packed.sums.values(), *packed.maxes.values()]
    if plan.has_shares:
        columns += [packed.judged, packed.declined]
    lengths = {len(column) for column in columns} | {len(one) for one in packed.values.values()}
    if lengths - {size} or any(step <= 0 for step in packed.keys[1:]):
        raise ValueError("a packed series has columns of one length and growing keys")
    if packed.values.keys() != set(plan.of):
        raise ValueError("a packed series of another plan")
    series = Series()
    series.floor = packed.floor
    key = 0
    for step in packed.keys:
        key += step
        series.keys.append(key)
    series.counts = array("q", packed.counts)
    series.judged = array("q", packed.judged)
    series.declined = array("q", packed.declined)
    series.sums = {currency: array("q", column) for currency, column in packed.sums.items()}
    series.maxes = {currency: array("q", column) for currency, column in packed.maxes.items()}
    series.values = {
        kind: [dict(zip(one[::2], one[1::2], strict=True)) for one in buckets]
        for kind, buckets in packed.values.items()
    }
    return series


def _column(columns: dict[str, "array[int]"], currency: str, size: int, empty: int) -> "array[int]":
    column = columns.get(currency)
    if column is None:
        column = columns[currency] = array("q", [empty]) * size
    return column
