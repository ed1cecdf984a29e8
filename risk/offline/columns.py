"""Features over columns: the same definitions as online, for rows in the order of their coming.

Every value of a row is from the rows before it, by event time, which may fall by as much as a
payment may be late. Two things differ: a pair counted after `DISTINCT_MAX` others in one bucket is
exact here and not known online, and so is what an entity with more buckets than its tier keeps
would need for a late payment.
"""

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.entity_state import NEW_WEIGHT, NORMAL_FROM, RATIO_MAX
from risk.feature import Entity, Feature, FeatureSet, declare
from risk.frauds import FRAUDS_MAX, NORMAL_MAX_MILLI
from risk.history import DISTINCT_MAX
from risk.plan import OF_LABELS
from risk.windows import LATE_S, TIERS, tier_of

_RATIO: Final = declare("payer", "to_normal", en="", zh="")
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ABSENT: Final = -1
MISSING: Final = -1


class Labels(NamedTuple):
    """What was told of payments, one element for each label, in the order of telling.

    Attributes:
        row: Of which payment.
        after: How many payments had come when it was told.
        known: When it became known, whole seconds since 1970.
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
        keys: Entity -> any number from 0 for each key, or `ABSENT`.
        labels: What was told of them.
    """

    second: Ints
    amount_minor: Ints
    currency: Ints
    is_declined: Ints
    keys: Mapping[Entity, Ints]
    labels: Labels = NO_LABELS


def compute(columns: Columns, features: FeatureSet) -> dict[str, Ints]:
    """Return name -> values; `MISSING` where online says why there is none.

    Raises:
        ValueError: A row is further behind one before it than a payment may be late.
        KeyError: A feature's entity has no column.
    """
    if np.any(np.maximum.accumulate(columns.second) - columns.second > LATE_S):
        raise ValueError("rows stand in the order of their coming, none later than it may be")
    by = _Grouped(columns)
    return {one.name: _feature(by, one) for one in features.features}


class _Window(NamedTuple):
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


class _Groups:
    """Rows of equal keys side by side, each in its order."""

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
        self.place = np.arange(len(order))

    def window(self, window_s: int) -> _Window:
        """Return which rows the windows hold that end with each row's bucket."""
        bucket_s = TIERS[tier_of(window_s)].bucket_s
        buckets = window_s // bucket_s
        bucket = self.second // bucket_s
        reach = int(bucket.max() - bucket.min()) + buckets + 2
        where = self.code * reach + (bucket - bucket.min()) + buckets
        low = where - buckets + 1
        # Before `start` all are too old; from `certain` on none is.
        start = np.searchsorted(np.maximum.accumulate(where), low, side="left")
        certain = np.searchsorted(np.minimum.accumulate(where[::-1])[::-1], low, side="left")
        newest = np.maximum.accumulate(where)
        is_mixed = (certain > start) | (newest > where)
        return _Window(start, np.flatnonzero(is_mixed), where, low)

    def back(self, values: Ints) -> Ints:
        """Return values in the rows' own order."""
        found = np.empty(len(values), np.int64)
        found[self.order] = np.where(self.is_absent, MISSING, values)
        return found


class _Grouped:
    """The columns, grouped by each entity, or pair, once for all of its features."""

    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self._made: dict[tuple[Entity, Entity | None, bool], _Groups] = {}

    def __call__(
        self, entity: Entity, other: Entity | None = None, *, by_currency: bool = False
    ) -> _Groups:
        asked = (entity, other, by_currency)
        if asked not in self._made:
            keys = [self.columns.keys[one] for one in (entity, other) if one is not None]
            if by_currency:
                keys.append(self.columns.currency)
            self._made[asked] = _Groups(self.columns.second, *keys)
        return self._made[asked]


def _between(values: Ints, start: Ints, end: Ints) -> Ints:
    total: Ints = np.r_[0, np.cumsum(values)]
    return np.subtract(total[end], total[start])


def _feature(by: _Grouped, one: Feature) -> Ints:
    if one.aggregate in {"sum", "max", "mean", "deviation", "to_normal"}:
        return _of_money(by.columns, one, by(one.entity, by_currency=True))
    groups = by(one.entity)
    if one.aggregate in {"since_last", "since_first"}:
        return groups.back(_since(groups, is_last=one.aggregate == "since_last"))
    return _of_counts(by, one, groups)


def _since(groups: _Groups, *, is_last: bool) -> Ints:
    """Return seconds since the newest or the first event time among the rows before each."""
    reach = int(groups.second.max() - groups.second.min()) + 1
    shift = groups.code * reach if is_last else -groups.code * reach
    extreme = np.maximum if is_last else np.minimum
    so_far = extreme.accumulate(groups.second + shift) - shift
    before = so_far[np.maximum(groups.place - 1, 0)]
    since = np.maximum(groups.second - before, 0)
    return np.where(groups.place > groups.first, since, MISSING)


def _of_counts(by: _Grouped, one: Feature, groups: _Groups) -> Ints:
    window = groups.window(one.window_s)
    if one.aggregate in OF_LABELS:
        return groups.back(_of_labels(by, one, groups, window))
    if one.aggregate == "declined_share":
        said = by.columns.is_declined[groups.order]
        judged = _sum((said >= 0).astype(np.int64), groups, window)
        declined = _sum((said > 0).astype(np.int64), groups, window)
        return groups.back(_thousandths(declined, judged))
    if one.of is not None and one.aggregate == "distinct":
        of = by.columns.keys[one.of]
        return groups.back(_distinct(of[groups.order], groups, window))
    count = groups.back(_count(groups, window))
    if one.of is None:
        return count
    pairs = by(one.entity, one.of)
    together = pairs.back(_count(pairs, pairs.window(one.window_s)))
    if one.aggregate == "count":
        return together
    return np.where(together == MISSING, MISSING, _thousandths(together, count))


def _of_labels(by: _Grouped, one: Feature, groups: _Groups, window: _Window) -> Ints:
    """Return how many rows in each window were known as fraud, or their share of all.

    Labels are few: each labelled payment is looked at with the rows of its group behind it.
    """
    labels = by.columns.labels
    place = np.empty(len(groups.order), np.int64)
    place[groups.order] = groups.place
    counts = np.ones(len(groups.order), np.bool_)
    if one.aggregate == "unexplained_fraud_count":
        ratio = _of_money(by.columns, _RATIO, by("payer", by_currency=True))
        counts = (ratio != MISSING) & (ratio <= NORMAL_MAX_MILLI)
    found = np.zeros(len(groups.order), np.int64)
    for row in np.unique(labels.row):
        at = place[row]
        if groups.is_absent[at] or not counts[row]:
            continue
        behind = np.arange(at + 1, np.searchsorted(groups.code, groups.code[at], side="right"))
        is_fraud = np.zeros(len(behind), np.bool_)
        own = np.flatnonzero(labels.row == row)
        for label in own[np.argsort(labels.known[own], kind="stable")]:
            is_told = groups.order[behind] >= labels.after[label]
            is_known = groups.second[behind] >= labels.known[label]
            is_fraud[is_told & is_known] = labels.is_fraud[label]
        bucket = window.bucket[at]
        is_in = (bucket >= window.low[behind]) & (bucket <= window.bucket[behind])
        found[behind] += is_fraud & is_in
    if one.aggregate == "fraud_share":
        return _thousandths(found, _count(groups, window))
    return np.minimum(found, FRAUDS_MAX + 1)


def _count(groups: _Groups, window: _Window) -> Ints:
    return window.mend(groups.place - window.start, len)


def _sum(values: Ints, groups: _Groups, window: _Window) -> Ints:
    found = _between(values, window.start, groups.place)
    return window.mend(found, lambda places: values[places].sum())


def _thousandths(part: Ints, whole: Ints) -> Ints:
    return np.where(whole > 0, 1_000 * part // np.maximum(whole, 1), MISSING)


def _distinct(values: Ints, groups: _Groups, window: _Window) -> Ints:
    """Return how many different values stand in each window before its row.

    A value counts where it stands first in the window: where its last place before is outside.
    """
    size, start = len(values), window.start
    if np.all(values == ABSENT):
        return np.zeros(size, np.int64)
    order = np.lexsort((values, groups.code))
    before = np.full(size, -1, np.int64)
    same = groups.code[order][1:] == groups.code[order][:-1]
    same &= values[order][1:] == values[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    found = np.zeros(size, np.int64)
    rows, step = groups.place[groups.place > start], 1
    while len(rows):
        at = rows - step
        found[rows] += (before[at] < start[rows]) & (values[at] != ABSENT)
        step += 1
        rows = rows[(rows - step >= start[rows]) & (found[rows] <= DISTINCT_MAX)]
    known = values != ABSENT
    found = window.mend(found, lambda places: len(np.unique(values[places][known[places]])))
    return np.minimum(found, DISTINCT_MAX + 1)


def _of_money(columns: Columns, one: Feature, groups: _Groups) -> Ints:
    amount = columns.amount_minor[groups.order]
    if one.aggregate == "sum":
        return groups.back(_sum(amount, groups, groups.window(one.window_s)))
    if one.aggregate == "max":
        window = groups.window(one.window_s)
        most = _max(amount, window.start, groups.place)
        return groups.back(window.mend(most, lambda places: amount[places].max(initial=MISSING)))
    count, mean, variance = _weighted(amount, groups)
    known = (count >= NORMAL_FROM) & (mean > 0)
    if one.aggregate == "to_normal":
        ratio = 1_000.0 * amount / np.where(known, mean, 1.0)
        found = np.minimum(ratio, RATIO_MAX)
    else:
        found = (mean if one.aggregate == "mean" else np.sqrt(variance)) + 0.5
    return groups.back(np.where(known, found, MISSING).astype(np.int64))


def _max(amount: Ints, start: Ints, end: Ints) -> Ints:
    """Return the greatest of each range, by the greatest of two ranges of a power of two."""
    found = np.full(len(amount), MISSING, np.int64)
    level, reach = amount, 1
    while True:
        rows = np.flatnonzero((end - start >= reach) & (end - start < 2 * reach))
        found[rows] = np.maximum(level[start[rows]], level[end[rows] - reach])
        if 2 * reach > len(amount):
            return found
        level = np.maximum(level[: len(level) - reach], level[reach:])
        reach *= 2


def _weighted(amount: Ints, groups: _Groups) -> tuple[Ints, Floats, Floats]:
    """Return count, mean and variance before each row: one step for each place in a group."""
    rank: Any = groups.place - groups.first
    mean, variance = np.zeros(len(amount)), np.zeros(len(amount))
    by_rank = np.argsort(rank, kind="stable")
    borders = np.searchsorted(rank[by_rank], np.arange(1, rank.max() + 2))
    rows = by_rank[borders[0] : borders[1]] if len(borders) > 1 else by_rank[:0]
    mean[rows] = amount[rows - 1]
    for low, high in pairwise(borders[1:]):
        rows = by_rank[low:high]
        by = amount[rows - 1] - mean[rows - 1]
        part = NEW_WEIGHT * by
        mean[rows] = mean[rows - 1] + part
        variance[rows] = (1.0 - NEW_WEIGHT) * (variance[rows - 1] + part * by)
    return rank, mean, variance
