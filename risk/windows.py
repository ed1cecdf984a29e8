"""Counts and sums over time windows, per entity, by event time. Never reads a clock; never guesses.

A window is the sum of the buckets of its size that end with, and include, the bucket of the event
it is read for. Buckets are aligned to UTC. Later buckets do not count. A late event adds to the
bucket of its own time. What was let go to keep the state small is remembered as a floor, and a
window that would reach below it is unknown (`None`): a read is exact, or it says that it is not.
"""

import datetime as dt
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Self

import msgspec

# Payments may come from 24 h ago to 2 min ahead. Buckets are kept that much longer than their
# longest window, so that one payment ahead of its time cannot push the present out of memory.
LATE_S: Final = 24 * 3600 + 120
# A payer or device seen in more currencies than this is no payer we can sum; the rest is unknown.
CURRENCIES_MAX: Final = 8
# Sums stop here rather than overflow: 92 quadrillion yuan in one bucket is a fault, not a payment.
SUM_MAX: Final = 2**63 - 1
SCHEMA: Final = 1
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND: Final = dt.timedelta(seconds=1)


class Tier(NamedTuple):
    """Buckets of one size, and the windows that are made of them.

    Attributes:
        bucket_s: Length of a bucket.
        window_s_max: Longest window made of these buckets.
        buckets_max: Buckets kept at most; the oldest go first. Busy entities only: the two long
            tiers can never reach it.
    """

    bucket_s: int
    window_s_max: int
    buckets_max: int

    @property
    def buckets_kept(self) -> int:
        """Return how many buckets back from the newest one a permitted read can reach."""
        return self.window_s_max // self.bucket_s + -(-LATE_S // self.bucket_s)


TIERS: Final = (
    Tier(bucket_s=1, window_s_max=60, buckets_max=256),
    Tier(bucket_s=60, window_s_max=3_600, buckets_max=512),
    Tier(bucket_s=3_600, window_s_max=7 * 86_400, buckets_max=256),
    Tier(bucket_s=86_400, window_s_max=90 * 86_400, buckets_max=128),
)
_KEPT: Final = tuple(tier.buckets_kept for tier in TIERS)


def tier_of(window_s: int) -> int:
    """Return the place in TIERS of the buckets that make up a window.

    Raises:
        ValueError: The window is not a whole number of its buckets, or longer than any.
    """
    for place, tier in enumerate(TIERS):
        if window_s <= tier.window_s_max:
            if window_s < tier.bucket_s or window_s % tier.bucket_s:
                raise ValueError(f"a window of {window_s} s is not whole buckets")
            return place
    raise ValueError(f"a window of {window_s} s is longer than any kept")


def second_of(at: dt.datetime) -> int:
    """Return whole seconds since 1970 in UTC, rounded down.

    Raises:
        TypeError: The time has no offset.
    """
    return (at - EPOCH) // _SECOND


class _Series:
    """Buckets of one tier: parallel columns, oldest first."""

    __slots__ = ("counts", "floor", "keys", "sums")

    def __init__(self) -> None:
        self.keys = array("q")
        self.counts = array("q")
        self.sums: dict[str, array[int]] = {}
        self.floor: int | None = None

    def copy(self) -> "_Series":
        other = _Series.__new__(_Series)
        other.keys = self.keys[:]
        other.counts = self.counts[:]
        other.sums = {currency: column[:] for currency, column in self.sums.items()}
        other.floor = self.floor
        return other

    def add(self, key: int, amount_minor: int, currency: str | None) -> None:
        if self.floor is not None and key < self.floor:
            return
        keys = self.keys
        place = len(keys) if not keys or key > keys[-1] else bisect_left(keys, key)
        if place == len(keys) or keys[place] != key:
            keys.insert(place, key)
            self.counts.insert(place, 0)
            for column in self.sums.values():
                column.insert(place, 0)
        self.counts[place] += 1
        if currency is None:
            return
        column = self.sums.get(currency) or self.sums.setdefault(
            currency, array("q", bytes(8 * len(keys)))
        )
        column[place] = min(column[place] + amount_minor, SUM_MAX)

    def trim(self, *, kept: int, buckets_max: int) -> None:
        keys = self.keys
        floor = keys[-1] - kept + 1
        gone = bisect_left(keys, floor) if keys[0] < floor else 0
        if len(keys) - gone > buckets_max:
            gone = len(keys) - buckets_max
            floor = keys[gone - 1] + 1
        if gone:
            self.floor = floor
            del keys[:gone], self.counts[:gone]
            for column in self.sums.values():
                del column[:gone]

    def span(self, first: int, last: int) -> tuple[int, int] | None:
        if self.floor is not None and first < self.floor:
            return None
        keys = self.keys
        size = len(keys)
        end = size if size and keys[-1] <= last else bisect_right(keys, last)
        return bisect_left(keys, first, 0, end), end


class _PackedSeries(msgspec.Struct, array_like=True):
    floor: int | None
    keys: list[int]  # first key, then the steps between keys: small numbers pack small
    counts: list[int]
    sums: dict[str, list[int]]


class _Packed(msgspec.Struct, array_like=True):
    schema: int
    has_other_currencies: bool
    series: list[_PackedSeries]


class _Head(msgspec.Struct, array_like=True):
    schema: int


Upcaster = Callable[[list[Any]], list[Any]]
# Schema number -> a pure function from its body to the body of the next schema.
UPCASTERS: Final[Mapping[int, Upcaster]] = MappingProxyType({})


class EntityState:
    """What one payer or device did lately: counts, and sums per currency, in buckets.

    Example:
        >>> noon = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
        >>> state = EntityState()
        >>> state.add(noon, 9_900, "CNY")
        >>> state.count(noon, 60), state.sum(noon, 3_600, "CNY"), state.sum(noon, 60, "JPY")
        (1, 9900, 0)
    """

    __slots__ = ("_has_other_currencies", "_series")

    def __init__(
        self, *, series: tuple[_Series, ...] | None = None, has_other_currencies: bool = False
    ) -> None:
        self._series = series or tuple(_Series() for _ in TIERS)
        # Set once a currency came that had no place; sums of absent currencies are then unknown.
        self._has_other_currencies = has_other_currencies

    def add(self, at: dt.datetime, amount_minor: int, currency: str) -> None:
        """Count one event in the bucket of its own time, where that bucket is still kept.

        Args:
            at: Aware event time.
            amount_minor: 0 or more.
            currency: ISO 4217 code.

        Raises:
            ValueError: The amount is negative; a window of sums would no longer only grow.
        """
        if amount_minor < 0:
            raise ValueError("an amount is 0 or more")
        second = second_of(at)
        held = self._place_for(currency)
        for tier, kept, series in zip(TIERS, _KEPT, self._series, strict=True):
            series.add(second // tier.bucket_s, amount_minor, held)
            series.trim(kept=kept, buckets_max=tier.buckets_max)

    def count(self, at: dt.datetime, window_s: int) -> int | None:
        """Return the number of events in the window that ends with `at`; None where unknown."""
        place = tier_of(window_s)
        bucket_s = TIERS[place].bucket_s
        last = second_of(at) // bucket_s
        series = self._series[place]
        span = series.span(last - window_s // bucket_s + 1, last)
        return None if span is None else sum(series.counts[span[0] : span[1]])

    def sum(self, at: dt.datetime, window_s: int, currency: str) -> int | None:
        """Return the sum in minor units of one currency in the window; None where unknown."""
        place = tier_of(window_s)
        bucket_s = TIERS[place].bucket_s
        last = second_of(at) // bucket_s
        series = self._series[place]
        span = series.span(last - window_s // bucket_s + 1, last)
        if span is None:
            return None
        column = series.sums.get(currency)
        if column is None:
            # Buckets of a held currency may all have been trimmed or never begun in this tier.
            return None if self._is_unknown(currency) else 0
        return sum(column[span[0] : span[1]])

    def copy(self) -> Self:
        """Return an equal state that shares nothing that changes."""
        return self.__class__(
            series=tuple(series.copy() for series in self._series),
            has_other_currencies=self._has_other_currencies,
        )

    def pack(self) -> bytes:
        """Return the state as bytes that every later version reads; equal states pack equal."""
        return msgspec.msgpack.encode(
            _Packed(
                SCHEMA,
                self._has_other_currencies,
                [_pack_series(series) for series in self._series],
            )
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Return the state that `pack` wrote, in this or any earlier version.

        Raises:
            ValueError: Not a packed state, or from a later version.
        """
        schema = msgspec.msgpack.decode(packed, type=_Head).schema
        if schema == SCHEMA:
            body = msgspec.msgpack.decode(packed, type=_Packed)
        else:
            raw = upcast(msgspec.msgpack.decode(packed), to=SCHEMA, upcasters=UPCASTERS)
            body = msgspec.convert(raw, type=_Packed)
        if len(body.series) != len(TIERS):
            raise ValueError("a packed state has one series per tier")
        return cls(
            series=tuple(_unpack_series(series) for series in body.series),
            has_other_currencies=body.has_other_currencies,
        )

    @property
    def size_bytes(self) -> int:
        """Return about how much memory the state takes, for the writer's limit."""
        size = 200
        for series in self._series:
            columns = 2 + len(series.sums)
            size += 250 + columns * (90 + 9 * len(series.keys)) + 60 * len(series.sums)
        return size

    def _place_for(self, currency: str) -> str | None:
        held = self._series[-1].sums
        if currency in held or len(held) < CURRENCIES_MAX:
            return currency
        self._has_other_currencies = True
        return None

    def _is_unknown(self, currency: str) -> bool:
        return self._has_other_currencies and currency not in self._series[-1].sums


def upcast(body: list[Any], *, to: int, upcasters: Mapping[int, Upcaster]) -> list[Any]:
    """Return a packed body, carried step by step to a schema.

    Raises:
        ValueError: No step leads from a schema on the way, or it is from a later version.
    """
    schema = body[0]
    while schema != to:
        if schema > to or schema not in upcasters:
            raise ValueError(f"no way from schema {schema} of a packed state to {to}")
        body = upcasters[schema](body)
        schema += 1
    return body


def _pack_series(series: _Series) -> _PackedSeries:
    keys = series.keys
    steps = [key - before for before, key in pairwise(keys)]
    return _PackedSeries(
        series.floor,
        [keys[0], *steps] if keys else [],
        series.counts.tolist(),
        {currency: series.sums[currency].tolist() for currency in sorted(series.sums)},
    )


def _unpack_series(packed: _PackedSeries) -> _Series:
    size = len(packed.keys)
    columns = (packed.counts, *packed.sums.values())
    if any(len(column) != size for column in columns) or any(s <= 0 for s in packed.keys[1:]):
        raise ValueError("a packed series has columns of one length and growing keys")
    series = _Series()
    series.floor = packed.floor
    key = 0
    for step in packed.keys:
        key += step
        series.keys.append(key)
    series.counts = array("q", packed.counts)
    series.sums = {currency: array("q", column) for currency, column in packed.sums.items()}
    return series
