"""Features over columns: the same definitions as online, for rows in the order of their times.

Every value of a row is from the rows before it. Where times only rise, nothing is let go that a
window still needs, so no value is outside of what is kept; one thing differs: a pair counted after
`DISTINCT_MAX` others in one bucket is exact here, and not known online.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.entity_state import NEW_WEIGHT, NORMAL_FROM, RATIO_MAX
from risk.feature import Entity, Feature, FeatureSet
from risk.history import DISTINCT_MAX
from risk.windows import TIERS, tier_of

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ABSENT: Final = -1
MISSING: Final = -1


class Columns(NamedTuple):
    """A history, one element for each payment, in the order of event times and of coming to us.

    Attributes:
        second: Event time, whole seconds since 1970.
        amount_minor: 0 or more.
        currency: Any number for each currency.
        is_declined: 1, 0, or -1 where it is not known.
        keys: Entity -> any number from 0 for each key, or `ABSENT`.
    """

    second: Ints
    amount_minor: Ints
    currency: Ints
    is_declined: Ints
    keys: Mapping[Entity, Ints]


def compute(columns: Columns, features: FeatureSet) -> dict[str, Ints]:
    """Return name -> values; `MISSING` where online says why there is none.

    Raises:
        ValueError: Times do not rise.
        KeyError: A feature's entity has no column.
    """
    if np.any(np.diff(columns.second) < 0):
        raise ValueError("rows stand in the order of their times")
    return {one.name: _feature(columns, one) for one in features.features}


class _Groups:
    """Rows of equal keys side by side, each in its order."""

    def __init__(self, columns: Columns, *keys: Ints) -> None:
        absent = np.any([key == ABSENT for key in keys], axis=0)
        stacked = np.stack(keys)
        _, code = np.unique(stacked, axis=1, return_inverse=True)
        code = code.reshape(-1).astype(np.int64)
        order = np.argsort(code, kind="stable")
        self.order, self.code = order, code[order]
        self.is_absent = absent[order]
        self.second = columns.second[order]
        starts = np.flatnonzero(np.r_[True, self.code[1:] != self.code[:-1]])
        lengths = np.diff(np.r_[starts, len(order)])
        self.first = np.repeat(starts, lengths)
        self.place = np.arange(len(order))

    def window(self, window_s: int) -> Ints:
        """Return for each row the place of the first row of its window."""
        bucket_s = TIERS[tier_of(window_s)].bucket_s
        bucket = self.second // bucket_s
        low = bucket.min()
        reach = int(bucket.max() - low) + window_s // bucket_s + 2
        where = self.code * reach + (bucket - low) + window_s // bucket_s
        found: Ints = np.searchsorted(where, where - window_s // bucket_s + 1, side="left")
        return found

    def back(self, values: Ints) -> Ints:
        """Return values in the rows' own order."""
        found = np.empty(len(values), np.int64)
        found[self.order] = np.where(self.is_absent, MISSING, values)
        return found


def _between(values: Ints, start: Ints, end: Ints) -> Ints:
    total: Ints = np.r_[0, np.cumsum(values)]
    return np.subtract(total[end], total[start])


def _feature(columns: Columns, one: Feature) -> Ints:
    own = columns.keys[one.entity]
    if one.aggregate in {"sum", "max", "mean", "deviation", "to_normal"}:
        return _of_money(columns, one, _Groups(columns, own, columns.currency))
    groups = _Groups(columns, own)
    if one.aggregate == "since_last":
        before = groups.second[np.maximum(groups.place - 1, 0)]
        since = np.where(groups.place > groups.first, groups.second - before, MISSING)
        return groups.back(since)
    if one.aggregate == "since_first":
        since = groups.second - groups.second[groups.first]
        return groups.back(np.where(groups.place > groups.first, since, MISSING))
    return _of_counts(columns, one, groups)


def _of_counts(columns: Columns, one: Feature, groups: _Groups) -> Ints:
    start = groups.window(one.window_s)
    count = groups.place - start
    if one.aggregate == "declined_share":
        said = columns.is_declined[groups.order]
        judged = _between((said >= 0).astype(np.int64), start, groups.place)
        declined = _between((said > 0).astype(np.int64), start, groups.place)
        return groups.back(_thousandths(declined, judged))
    if one.of is None:
        return groups.back(count)
    of = columns.keys[one.of]
    if one.aggregate == "distinct":
        return groups.back(_distinct(of[groups.order], groups, start))
    pairs = _Groups(columns, columns.keys[one.entity], of)
    together = pairs.back(pairs.place - pairs.window(one.window_s))
    if one.aggregate == "count":
        return together
    share = _thousandths(together, groups.back(count))
    return np.where(together == MISSING, MISSING, share)


def _thousandths(part: Ints, whole: Ints) -> Ints:
    return np.where(whole > 0, 1_000 * part // np.maximum(whole, 1), MISSING)


def _distinct(values: Ints, groups: _Groups, start: Ints) -> Ints:
    """Return how many different values stand in each window before its row.

    A value counts where it stands first in the window: where its last place before is outside.
    """
    size = len(values)
    _, code = np.unique(np.stack([groups.code, values]), axis=1, return_inverse=True)
    order = np.argsort(code.reshape(-1), kind="stable")
    before = np.full(size, -1, np.int64)
    same = code.reshape(-1)[order][1:] == code.reshape(-1)[order][:-1]
    before[order[1:][same]] = order[:-1][same]
    found = np.zeros(size, np.int64)
    rows, step = groups.place[groups.place > start], 1
    while len(rows):
        at = rows - step
        found[rows] += (before[at] < start[rows]) & (values[at] != ABSENT)
        step += 1
        rows = rows[(rows - step >= start[rows]) & (found[rows] <= DISTINCT_MAX)]
    return np.minimum(found, DISTINCT_MAX + 1)


def _of_money(columns: Columns, one: Feature, groups: _Groups) -> Ints:
    amount = columns.amount_minor[groups.order]
    if one.aggregate == "sum":
        return groups.back(_between(amount, groups.window(one.window_s), groups.place))
    if one.aggregate == "max":
        return groups.back(_max(amount, groups.window(one.window_s), groups.place))
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
