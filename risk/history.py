"""Columns that copies of a series share, and values kept up beside them. Never reads a clock."""

import hashlib
from array import array
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, TypeAlias

import msgspec

# Beyond so many different values in one window we say only that it is more.
DISTINCT_MAX: Final = 64

# Beside the sums of a currency's amounts, under names that no currency has: how many there were,
# the sums of their squares, by how much amounts were greater than what is squared (only where one
# was); and of any currency, how many amounts were abnormal for their payers.
NUMBER: Final = "#"
SQUARES: Final = "^"
OVER: Final = ">"
ABNORMAL: Final = "!"

Column: TypeAlias = "array[int] | list[int]"


@lru_cache(maxsize=8_192)
def keyed(value: str) -> int:
    """Return the 64 bits that stand for a value in a state: the value itself is not kept."""
    return int.from_bytes(hashlib.blake2b(value.encode(), digest_size=8).digest(), "big")


class Seen(msgspec.Struct, frozen=True, gc=False):
    """What one payment adds to each series of an entity.

    Attributes:
        currency: None where the entity has no place left for it.
        is_declined: None where the outcome is not known.
        values: Kind -> keyed value, for the other entities of the payment.
        abnormal_milli: The amount in thousandths of what was usual for its payer, where that is
            abnormally much; None where not.
    """

    amount_minor: int
    currency: str | None
    is_declined: bool | None
    values: dict[str, int]
    abnormal_milli: int | None = None


class History:
    """Columns of buckets, oldest first. Copies of a series share them: only ever appended to.

    A total stands before its bucket, so the buckets from `low` to `end` hold `total[end] -
    total[low]`, however many they are. What is not a sum stands beside its bucket, once that is
    not the newest any more.

    Attributes:
        keys: Bucket numbers, rising.
        counts, judged, declined: Totals of payments.
        sums: Currency, or what else is summed, -> totals; a list where they are too great for 64
            bits.
        maxes: Currency, or `ABNORMAL`, -> greatest amount of each bucket, or `NONE_SEEN`.
        values: Kind -> for each bucket how often each keyed value came; at most one value more
            than `DISTINCT_MAX` in a bucket. The dictionaries are replaced, never changed.
    """

    __slots__ = ("counts", "declined", "judged", "keys", "maxes", "sums", "values")

    def __init__(self, of: Iterable[str] = ()) -> None:
        self.keys = array("q")
        self.counts = array("q")
        self.judged = array("q")
        self.declined = array("q")
        self.sums: dict[str, Column] = {}
        self.maxes: dict[str, array[int]] = {}
        self.values: dict[str, list[dict[int, int]]] = {kind: [] for kind in of}

    def part(self, begin: int, end: int) -> "History":
        """Return columns of some buckets; the last of them is the newest."""
        other, closed = History.__new__(History), max(end - 1, 0)
        other.keys, other.counts = self.keys[begin:end], self.counts[begin:end]
        other.judged, other.declined = self.judged[begin:end], self.declined[begin:end]
        other.sums = {currency: column[begin:end] for currency, column in self.sums.items()}
        other.maxes = {currency: column[begin:closed] for currency, column in self.maxes.items()}
        other.values = {kind: column[begin:closed] for kind, column in self.values.items()}
        return other


class Recent:
    """How often each value came in the newest buckets: kept up so that a read need not count.

    Attributes:
        buckets: Length of the window it is for.
        first: Every bucket from this number on is inside.
        next: The oldest bucket inside.
        full: How many buckets inside had no place for some value.
        times: Kind -> value -> how often.
    """

    __slots__ = ("buckets", "first", "full", "next", "times")

    def __init__(self, buckets: int, of: Iterable[str]) -> None:
        self.buckets = buckets
        self.first = self.next = 0
        self.full = 0
        self.times: dict[str, dict[int, int]] = {kind: {} for kind in of}

    def take(self, kind: str, bucket: dict[int, int]) -> None:
        """Count the values of a bucket."""
        times = self.times[kind]
        for value, count in bucket.items():
            times[value] = times.get(value, 0) + count
        self.full += len(bucket) > DISTINCT_MAX

    def drop(self, kind: str, bucket: dict[int, int]) -> None:
        """Count the values of a bucket no longer."""
        times = self.times[kind]
        for value, count in bucket.items():
            left = times[value] - count
            if left:
                times[value] = left
            else:
                del times[value]
        self.full -= len(bucket) > DISTINCT_MAX


def append(columns: dict[str, Column], currency: str, total: int) -> None:
    """Append a total to a currency's column."""
    try:
        columns[currency].append(total)
    except OverflowError:
        # An equal beginning: whoever shares the old column may read this one.
        columns[currency] = [*columns[currency], total]


def column_of(totals: list[int]) -> Column:
    """Return totals as a column."""
    try:
        return array("q", totals)
    except OverflowError:
        return totals


def raise_from(column: "array[int]", place: int, by: int) -> None:
    """Add to every total from a place on."""
    for at in range(place, len(column)):
        column[at] += by
