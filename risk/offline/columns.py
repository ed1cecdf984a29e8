"""Features over columns: the same definitions as online, for rows in the order of their coming.

Every value of a row is from the rows before it, by event time, which may fall by as much as a
payment may be late. Some things are exact here and not known online, where state is bounded: a
pair counted after `DISTINCT_MAX` others in one bucket, and what an entity with more buckets than
its tier keeps would need for a late payment. What labels say of more payments than an entity keeps
is not known here either, nor is the last use of a pair after which `LAST_USES_MAX` others came.
"""

from functools import cached_property
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from risk.amounts import NEW_WEIGHT, NORMAL_FROM, NORMAL_MAX_MILLI
from risk.entity_state import CURRENCIES_MAX, LAST_USES_MAX
from risk.feature import Entity, Feature, FeatureSet, Other
from risk.history import DISTINCT_MAX
from risk.offline.amounts import (
    Normal,
    is_abnormal,
    logarithms,
    normal_before,
    of_normal,
    of_window,
)
from risk.offline.groups import (
    ABSENT,
    MISSING,
    NO_LABELS,
    Bools,
    Columns,
    Grouped,
    Groups,
    Ints,
    Labels,
    Window,
    below,
    count_in,
    max_in,
    sum_in,
    thousandths,
)
from risk.offline.kept import Want
from risk.offline.labels import label_values
from risk.plan import OF_LABELS
from risk.windows import LATE_S

__all__ = ["ABSENT", "MISSING", "NO_LABELS", "Columns", "Ints", "Labels", "compute"]

_OF_NORMAL: Final = frozenset({"mean", "deviation", "to_normal", "to_usual", "z", "log_z"})
_OF_ABNORMAL: Final = frozenset({"abnormal_count", "abnormal_max", "since_abnormal"})
_OF_WINDOW: Final = frozenset({"window_mean", "to_window_mean", "window_z"})


def compute(columns: Columns, features: FeatureSet) -> dict[str, Ints]:
    """Return name -> values; `MISSING` where online says why there is none.

    Raises:
        ValueError: A row is further behind one before it than a payment may be late.
        KeyError: A feature's entity has no column.
    """
    if np.any(np.maximum.accumulate(columns.second) - columns.second > LATE_S):
        raise ValueError("rows stand in the order of their coming, none later than it may be")
    history = _History(columns, features)
    # Neighbours share groups and window.
    order = sorted(features.features, key=lambda one: (one.entity, one.of or "", one.window_s))
    found = {one.name: _feature(history, one) for one in order}
    return {name: found[name] for name in features.names}


class _History:
    """The columns, and what several features need, made once."""

    def __init__(self, columns: Columns, features: FeatureSet) -> None:
        self.columns = columns
        self.by = Grouped(columns)
        self._features = features
        self._normal: dict[Entity, Normal] = {}
        self._unsummed: dict[Entity, Ints] = {}
        self._labels: dict[Entity, dict[Want, Ints]] = {}

    @cached_property
    def logs(self) -> npt.NDArray[np.float64]:
        """Logarithms of amounts, by row."""
        return logarithms(self.columns.amount_minor)

    def normal(self, entity: Entity) -> Normal:
        """Return what amounts were normal before each row, by place among those of a currency."""
        if entity not in self._normal:
            groups = self.by(entity, by_currency=True)
            amount, logs = self.columns.amount_minor[groups.order], self.logs[groups.order]
            self._normal[entity] = normal_before(amount, logs, groups)
        return self._normal[entity]

    def unsummed(self, entity: Entity) -> Ints:
        """Return the rows in a currency for which their entity has no place left."""
        if entity not in self._unsummed:
            self._unsummed[entity] = _unsummed(self.by, entity)
        return self._unsummed[entity]

    @cached_property
    def ratio(self) -> Ints:
        """Amounts in thousandths of what is usual for their payers, by row."""
        return _of_normal(self, "payer", "to_usual")

    @cached_property
    def was_normal(self) -> Bools:
        """Whether the amount was normal for its payer, by row."""
        found: Bools = (self.ratio != MISSING) & (self.ratio <= NORMAL_MAX_MILLI)
        return found

    def labels(self, one: Feature) -> Ints:
        """Return what labels say, by place."""
        if one.entity not in self._labels:
            wants = [
                Want(other.aggregate, other.window_s)
                for other in self._features.features
                if other.entity == one.entity and other.aggregate in OF_LABELS
            ]
            groups = self.by(one.entity)
            found = label_values(self.columns, groups, self.was_normal, wants)
            self._labels[one.entity] = found
        return self._labels[one.entity][Want(one.aggregate, one.window_s)]


def _of_normal(history: _History, entity: Entity, aggregate: str) -> Ints:
    groups = history.by(entity, by_currency=True)
    amount, logs = history.columns.amount_minor[groups.order], history.logs[groups.order]
    found = groups.back(of_normal(aggregate, amount, logs, history.normal(entity)))
    found[history.unsummed(entity)] = MISSING
    return found


def _unsummed(by: Grouped, entity: Entity) -> Ints:
    """Return rows whose currency is beyond those an entity keeps, once such a one has come."""
    currencies = len(np.unique(by.columns.currency))
    if currencies <= CURRENCIES_MAX:
        return np.empty(0, np.int64)
    groups, own = by(entity), by(entity, by_currency=True)
    # Of each row's currency, where it came to the entity first.
    came = np.empty(len(groups.order), np.int64)
    came[own.order] = groups.at()[own.order[own.first]]
    came = came[groups.order]
    firsts = np.cumsum(came == groups.place)
    rank = firsts[came] - firsts[groups.first]
    beyond = (rank >= CURRENCIES_MAX) & ~groups.is_absent
    before = np.r_[0, np.cumsum(beyond)]
    found: Ints = groups.order[beyond & (before[groups.place] > before[groups.first])]
    return found


def _feature(history: _History, one: Feature) -> Ints:
    if one.aggregate in _OF_NORMAL:
        return _of_normal(history, one.entity, one.aggregate)
    if one.aggregate in {"sum", "max"} | _OF_WINDOW:
        found = _of_money(history.columns, one, history.by(one.entity, by_currency=True))
        found[history.unsummed(one.entity)] = MISSING
        return found
    if one.aggregate in {"since_last", "since_first"}:
        return _of_times(history, one)
    groups = history.by(one.entity)
    if one.aggregate in _OF_ABNORMAL:
        return groups.back(_of_abnormal(history.ratio, one, groups))
    if one.aggregate in OF_LABELS or one.aggregate == "usual_gap":
        is_gap = one.aggregate == "usual_gap"
        return groups.back(_usual_gap(groups) if is_gap else history.labels(one))
    return _of_counts(history.by, one, groups)


def _of_money(columns: Columns, one: Feature, groups: Groups) -> Ints:
    amount = columns.amount_minor[groups.order]
    if one.aggregate in _OF_WINDOW:
        return groups.back(of_window(one.aggregate, one.window_s, amount, groups))
    window = groups.window(one.window_s)
    found = sum_in if one.aggregate == "sum" else max_in
    return groups.back(found(amount, groups, window))


def _of_abnormal(ratio: Ints, one: Feature, groups: Groups) -> Ints:
    far = np.where(is_abnormal(ratio), ratio, MISSING)[groups.order]
    if one.aggregate == "abnormal_count":
        return sum_in((far != MISSING).astype(np.int64), groups, groups.window(one.window_s))
    if one.aggregate == "abnormal_max":
        return max_in(far, groups, groups.window(one.window_s))
    return _since(groups, far != MISSING)


def _of_times(history: _History, one: Feature) -> Ints:
    groups = history.by(one.entity) if one.of is None else history.by(one.entity, one.of)
    if one.aggregate == "since_first":
        return groups.back(_since_first(groups))
    since = groups.back(_since(groups, np.ones(len(groups.order), np.bool_)))
    return since if one.of is None else _unless_let_go(since, history, one.entity, one.of)


def _unless_let_go(since: Ints, history: _History, entity: Entity, of: Other) -> Ints:
    """Return seconds since a pair came, where the entity still knows: it keeps the newest pairs."""
    pairs, groups = history.by(entity, of), history.by(entity)
    later = np.flatnonzero((pairs.place > pairs.first) & ~pairs.is_absent)
    place = groups.at()
    last, now = place[pairs.order[later - 1]], place[pairs.order[later]]
    before = _last_places(history.columns.keys[of][groups.order], groups)
    others = below(before, last + 1, now, last + 2)
    found = since.copy()
    found[pairs.order[later[others >= LAST_USES_MAX]]] = MISSING
    return found


def _since(groups: Groups, chosen: Bools) -> Ints:
    """Return seconds since the newest event time among the chosen rows before each."""
    low = int(groups.second.min())
    reach = int(groups.second.max()) - low + 1
    base = groups.code * reach
    so_far = np.maximum.accumulate(np.where(chosen, base + groups.second - low, -1))
    before = so_far[np.maximum(groups.place - 1, 0)]
    since = np.maximum(groups.second - (before - base + low), 0)
    return np.where((groups.place > groups.first) & (before >= base), since, MISSING)


def _since_first(groups: Groups) -> Ints:
    """Return seconds since the first event time among the rows before each."""
    shift = groups.code * (int(groups.second.max() - groups.second.min()) + 1)
    so_far = np.minimum.accumulate(groups.second - shift) + shift
    before = so_far[np.maximum(groups.place - 1, 0)]
    since = np.maximum(groups.second - before, 0)
    return np.where(groups.place > groups.first, since, MISSING)


def _usual_gap(groups: Groups) -> Ints:
    """Return the weighted mean of seconds between each row and the newest before it."""
    gap = _since(groups, np.ones(len(groups.order), np.bool_))
    rank = groups.place - groups.first
    mean = np.zeros(len(rank))
    by_rank = np.argsort(rank, kind="stable")
    borders = np.searchsorted(rank[by_rank], np.arange(rank.max() + 2))
    # The first row has no gap, and the second one's is the first that a later row has behind it.
    for number, (low, high) in enumerate(pairwise(borders[2:])):
        rows = by_rank[low:high]
        before = mean[rows - 1] if number else gap[rows - 1]
        mean[rows] = before + NEW_WEIGHT * (gap[rows - 1] - before)
    # As many payments as NORMAL_FROM have one gap less.
    return np.where(rank >= NORMAL_FROM, mean + 0.5, MISSING).astype(np.int64)


def _of_counts(by: Grouped, one: Feature, groups: Groups) -> Ints:
    window = groups.window(one.window_s)
    if one.aggregate == "declined_share":
        said = by.columns.is_declined[groups.order]
        judged = sum_in((said >= 0).astype(np.int64), groups, window)
        declined = sum_in((said > 0).astype(np.int64), groups, window)
        return groups.back(thousandths(declined, judged))
    if one.of is not None and one.aggregate == "distinct":
        of = by.columns.keys[one.of]
        return groups.back(_distinct(of[groups.order], groups, window))
    count = groups.back(count_in(groups, window))
    if one.of is None:
        return count
    pairs = by(one.entity, one.of)
    together = pairs.back(count_in(pairs, pairs.window(one.window_s)))
    if one.aggregate == "count":
        return together
    return np.where(together == MISSING, MISSING, thousandths(together, count))


def _last_places(values: Ints, groups: Groups) -> Ints:
    """Return one more than the last place of the same value in the group: 0 where there is none.

    More than any place is returned for no value, so that it is never the first of its kind.
    """
    order = np.lexsort((values, groups.code))
    before = np.zeros(len(values), np.int64)
    same = groups.code[order][1:] == groups.code[order][:-1]
    same &= values[order][1:] == values[order][:-1]
    before[order[1:][same]] = order[:-1][same] + 1
    before[values == ABSENT] = len(values) + 1
    return before


def _distinct(values: Ints, groups: Groups, window: Window) -> Ints:
    """Return how many different values stand in each window before its row.

    A value counts where it stands first in the window: where its last place before is outside.
    """
    start, before = window.start, _last_places(values, groups)
    found = np.zeros(len(values), np.int64)
    rows = np.flatnonzero((groups.place > start) & ~groups.is_absent)
    found[rows] = below(before, start[rows], rows, start[rows] + 1)
    known = values != ABSENT
    found = window.mend(found, lambda places: len(np.unique(values[places][known[places]])))
    return np.minimum(found, DISTINCT_MAX + 1)
