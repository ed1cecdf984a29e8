"""Rows of equal keys side by side, and which of them a window holds. Computes no feature."""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.feature import Entity, Other
from risk.windows import TIERS, tier_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
ABSENT: Final = -1
MISSING: Final = -1


class Labels(NamedTuple):
    """What was told of payments, one element for each label, in the order of telling.

    Attributes:
        row: Of which payment.
        after: How many payments had come when it was told.
        known: When it became known, whole seconds since 1970; not before its payment.
        is_fraud: 1, or 0 for a payment that was normal after all.
    """

    row: Ints
    after: Ints
    known: Ints
    is_fraud: Ints


NO_LABELS: Final = Labels(*(np.zeros(0, np.int64) for _ in range(4)))


class Columns(NamedTuple):
    """A history, one element for each payment, in the order in which they came to us.

    Attributes:
        second: Event time, whole seconds since 1970.
        amount_minor: 0 or more.
        currency: Any number for each currency.
        is_declined: 1, 0, or -1 where it is not known.
        keys: Entity, or what entities count -> any number from 0 for each key, or `ABSENT`.
        labels: What was told of them.
    """

    second: Ints
    amount_minor: Ints
    currency: Ints
    is_declined: Ints
    keys: Mapping[Other, Ints]
    labels: Labels = NO_LABELS


class Window(NamedTuple):
    """The rows that a window holds, for each row.

    Attributes:
        start: The first place that may be in it; where rows came in the order of their times, all
            from there up to the row itself are.
        mixed: The rows that others in another order stand before: for these each one is looked at.
        bucket: Bucket numbers, apart for each group.
        low: The window's first bucket.
    """

    start: Ints
    mixed: Ints
    bucket: Ints
    low: Ints

    def mend(self, found: Ints, value: Callable[[Ints], Any]) -> Ints:
        """Write into `found` what mixed rows have: `value` of the places in their window."""
        for row in self.mixed:
            start, bucket = self.start[row], self.bucket
            before = bucket[start:row]
            found[row] = value(
                start + np.flatnonzero((before >= self.low[row]) & (before <= bucket[row]))
            )
        return found


class Groups:
    """Rows of equal keys side by side, each in its order.

    Attributes:
        order: Row at each place.
        code: Number of the group at each place.
        is_absent: Whether the row has no such key.
        second: Event time at each place.
        first, end: Where the group of each place begins and ends.
        place: 0, 1, 2, ...
    """

    def __init__(self, second: Ints, *keys: Ints) -> None:
        absent = np.any([key == ABSENT for key in keys], axis=0)
        # The first key is the first to sort by, and equal ones stay as they came.
        order = np.lexsort(keys[::-1])
        is_next = np.any([key[order][1:] != key[order][:-1] for key in keys], axis=0)
        self.order, self.code = order, np.r_[0, np.cumsum(is_next)]
        self.is_absent = absent[order]
        self.second = second[order]
        starts = np.flatnonzero(np.r_[True, is_next])
        lengths = np.diff(np.r_[starts, len(order)])
        self.first = np.repeat(starts, lengths)
        self.end = self.first + np.repeat(lengths, lengths)
        self.place = np.arange(len(order))
        self._last: tuple[int, Window] | None = None

    def window(self, window_s: int) -> Window:
        """Return which rows the windows hold that end with each row's bucket."""
        if self._last is None or self._last[0] != window_s:
            self._last = window_s, self._window(window_s)
        return self._last[1]

    def _window(self, window_s: int) -> Window:
        bucket_s = TIERS[tier_of(window_s)].bucket_s
        buckets = window_s // bucket_s
        bucket = self.second // bucket_s
        reach = int(bucket.max() - bucket.min()) + buckets + 2
        where = self.code * reach + (bucket - bucket.min()) + buckets
        low = where - buckets + 1
        # Before `start` all are too old; from `certain` on none is.
        newest = np.maximum.accumulate(where)
        start = np.searchsorted(newest, low, side="left")
        certain = np.searchsorted(np.minimum.accumulate(where[::-1])[::-1], low, side="left")
        # What has no such key has no value, and its rows would be one large group.
        is_mixed = ((certain > start) | (newest > where)) & ~self.is_absent
        return Window(start, np.flatnonzero(is_mixed), where, low)

    def at(self) -> Ints:
        """Return the place of each row."""
        found = np.empty(len(self.order), np.int64)
        found[self.order] = self.place
        return found

    def back(self, values: Ints) -> Ints:
        """Return values in the rows' own order."""
        found = np.empty(len(values), np.int64)
        found[self.order] = np.where(self.is_absent, MISSING, values)
        return found


class Grouped:
    """The columns, grouped by each entity, or pair, once for all of its features."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._made: dict[tuple[Entity, Other | None, bool], Groups] = {}

    def __call__(
        self, entity: Entity, other: Other | None = None, *, by_currency: bool = False
    ) -> Groups:
        """Return the rows grouped by an entity, by a pair, or by an entity and currency."""
        asked = (entity, other, by_currency)
        if asked not in self._made:
            keys = [self.columns.keys[one] for one in (entity, other) if one is not None]
            if by_currency:
                keys.append(self.columns.currency)
            self._made[asked] = Groups(self.columns.second, *keys)
        return self._made[asked]


def between(values: Ints, start: Ints, end: Ints) -> Ints:
    """Return the sum of each range of places."""
    total: Ints = np.r_[0, np.cumsum(values)]
    return np.subtract(total[end], total[start])


def count_in(groups: Groups, window: Window) -> Ints:
    """Return how many rows before each are in its window."""
    return window.mend(groups.place - window.start, len)


def sum_in(values: Ints, groups: Groups, window: Window) -> Ints:
    """Return the sum of the rows before each that are in its window."""
    found = between(values, window.start, groups.place)
    return window.mend(found, lambda places: values[places].sum())


def max_in(values: Ints, groups: Groups, window: Window) -> Ints:
    """Return the greatest of the rows before each that are in its window; `MISSING` for none."""
    most = _max(values, window.start, groups.place)
    return window.mend(most, lambda places: values[places].max(initial=MISSING))


def thousandths(part: Ints, whole: Ints) -> Ints:
    """Return a share, rounded down; `MISSING` of nothing."""
    return np.where(whole > 0, 1_000 * part // np.maximum(whole, 1), MISSING)


def _max(values: Ints, start: Ints, end: Ints) -> Ints:
    """Return the greatest of each range, by the greatest of two ranges of a power of two."""
    found = np.full(len(values), MISSING, np.int64)
    level, reach, longest = values, 1, int((end - start).max(initial=0))
    while reach <= longest:
        rows = np.flatnonzero((end - start >= reach) & (end - start < 2 * reach))
        found[rows] = np.maximum(level[start[rows]], level[end[rows] - reach])
        if 2 * reach > len(values):
            break
        level = np.maximum(level[: len(level) - reach], level[reach:])
        reach *= 2
    return found


def below(values: Ints, start: Ints, end: Ints, bound: Ints) -> Ints:
    """Return how many of each range of places hold less than the range's bound.

    A wavelet matrix: values are parted by one bit after the other, from the highest, and each
    range is followed to where its values that agree with the bound so far went.

    Args:
        values: 0 or more.
        start: Of each range.
        end: Of each range; it is not in it.
        bound: 0 or more.
    """
    found = np.zeros(len(start), np.int64)
    if not len(start):
        return found
    for bit in reversed(range(int(max(values.max(), bound.max())).bit_length())):
        is_one = (values >> bit & 1).astype(np.bool_)
        zeros: Ints = np.r_[0, np.cumsum(~is_one)]
        low, high, wants_one = zeros[start], zeros[end], (bound >> bit & 1).astype(np.bool_)
        found += np.where(wants_one, high - low, 0)
        start = np.where(wants_one, zeros[-1] + start - low, low)
        end = np.where(wants_one, zeros[-1] + end - high, high)
        values = np.r_[values[~is_one], values[is_one]]
    return found
