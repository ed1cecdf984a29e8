"""What was known of the payments of a group before each row, over columns.

Most groups are plain: their rows came in the order of their times and nobody took back what a
label said. There, what is known only grows, so each labelled payment counts in one range of rows,
and all ranges are summed at once. In any other group each row looks at all labels. A group with
more labelled payments than an entity keeps is read as online, with all that is let go: `kept.py`.
"""

from collections.abc import Iterable

import numpy as np

from risk.known import FRAUDS_MAX, MILLIONTHS, NEVER, PRIOR, PRIOR_PAYMENTS
from risk.offline.groups import (
    MISSING,
    Bools,
    Columns,
    Groups,
    Ints,
    Labels,
    count_in,
    thousandths,
)
from risk.offline.kept import Telling, Want, fill_busy, is_busy
from risk.windows import TIERS, tier_of


class _Known:
    """What is known before each row, by place.

    Attributes:
        genuine, fraud, unexplained: Time of the newest payment that is known as such.
        run, run_first: How many known frauds are newer than the newest genuine payment, and the
            time of the first of these; `bare_run` and `bare_first` of unexplained ones alone.
        since: How many known genuine payments are not older than the newest known fraud.
        frauds, bare, told: Window -> how many payments in it are known as fraud, as unexplained
            fraud, as anything.
    """

    def __init__(self, size: int, windows: Iterable[int]) -> None:
        def never() -> Ints:
            return np.full(size, NEVER, np.int64)

        self.genuine, self.fraud, self.unexplained = never(), never(), never()
        self.run_first, self.bare_first = never(), never()
        self.run, self.bare_run, self.since = (np.zeros(size, np.int64) for _ in range(3))
        self.frauds, self.bare, self.told = (
            {one: np.zeros(size, np.int64) for one in windows} for _ in range(3)
        )


def label_values(
    columns: Columns, groups: Groups, was_normal: Bools, wants: Iterable[Want]
) -> dict[Want, Ints]:
    """Return what labels say before each row, by place.

    Args:
        columns: The history.
        groups: Its rows by an entity.
        was_normal: By row, whether the amount was normal for its payer.
        wants: Which values.
    """
    wanted = list(wants)
    windows = sorted({one.window_s for one in wanted if one.window_s})
    known = _Known(len(groups.order), windows)
    said = _said(columns.labels, columns.second, groups, was_normal)
    busy = is_busy(said, groups)
    odd = _is_odd(said, groups) & ~busy
    _sweep(_first(said.only(~(odd | busy)[said.place]), groups), groups, known)
    _look(said.only(odd[said.place]), groups, known, np.flatnonzero(odd))
    found = {one: _value(one, groups, known) for one in wanted}
    if np.any(busy):
        whole = {one: count_in(groups, groups.window(one)) for one in windows}
        fill_busy(said.only(busy[said.place]), groups, whole, found)
    return found


def _said(labels: Labels, second: Ints, groups: Groups, was_normal: Bools) -> Telling:
    place = groups.at()[labels.row]
    told = np.arange(len(place))
    known = np.maximum(labels.known, second[labels.row])
    order = np.lexsort((told, known, place))
    row = labels.row[order]
    after = np.maximum(labels.after[order], row + 1)
    is_fraud = labels.is_fraud[order] > 0
    found = Telling(place[order], after, known[order], is_fraud, was_normal[row], told[order])
    return found.only(~groups.is_absent[found.place])


def _is_odd(said: Telling, groups: Groups) -> Bools:
    """Say by place which groups have labels and rows out of order, or labels that disagree."""
    groups_of = groups.code[said.place]
    odd = np.zeros(groups.code[-1] + 1, np.bool_)
    same = said.place[1:] == said.place[:-1]
    odd[groups_of[1:][same & (said.is_fraud[1:] != said.is_fraud[:-1])]] = True
    late = (np.diff(groups.second) < 0) & (np.diff(groups.code) == 0)
    has_labels = np.zeros(len(odd), np.bool_)
    has_labels[groups_of] = True
    odd[groups.code[1:][late]] = True
    return (odd & has_labels)[groups.code]


def _first(said: Telling, groups: Groups) -> Telling:
    """Return the label of each payment that a row sees first, in the order of their times.

    The place of that row stands in `after`.
    """
    reach = len(groups.order) + 1
    told = np.searchsorted(
        groups.code * reach + groups.order, _in(said, groups) * reach + said.after
    )
    span = int(groups.second.max()) + 2
    whole = groups.code * span + groups.second
    known = np.searchsorted(whole, _in(said, groups) * span + np.minimum(said.known, span - 1))
    seen = np.maximum(told, known)
    order = np.lexsort((seen, said.place))
    place = said.place[order]
    is_first = np.r_[True, place[1:] != place[:-1]][: len(place)]
    chosen = order[is_first]
    chosen = chosen[np.argsort(groups.second[said.place[chosen]], kind="stable")]
    return said._replace(after=seen).only(chosen)


def _in(said: Telling, groups: Groups) -> Ints:
    found: Ints = groups.code[said.place]
    return found


def _sweep(said: Telling, groups: Groups, known: _Known) -> None:
    """Fill in what plain groups know; payments are in the order of their times.

    Args:
        said: One label for each payment; `after` is the first place that sees it.
        groups: All groups.
        known: Filled in.
    """
    size, place, seen = len(groups.order), said.place, said.after
    end, paid = groups.end[place], groups.second[place]
    low = int(groups.second.min())
    span = int(groups.second.max()) - low + 1
    base = groups.code * span
    value = base[place] + paid - low
    fraud, bare = said.is_fraud, said.is_fraud & said.was_normal

    def newest(chosen: Bools) -> Ints:
        found = np.full(size, -1, np.int64)
        is_in = chosen & (seen < end)
        np.maximum.at(found, seen[is_in], value[is_in])
        return np.maximum.accumulate(found)

    def times(found: Ints) -> Ints:
        return np.where(found >= base, found - base + low, NEVER)

    genuine, last = newest(~fraud), newest(fraud)
    known.genuine, known.fraud = times(genuine), times(last)
    known.unexplained = times(newest(bare))
    until = np.minimum(np.searchsorted(genuine, value, side="left"), end)
    known.run, known.run_first = _runs(size, seen, until, paid, fraud)
    known.bare_run, known.bare_first = _runs(size, seen, until, paid, bare)
    until = np.minimum(np.searchsorted(last, value, side="right"), end)
    known.since = _covered(size, seen, until, ~fraud)
    for window_s in known.told:
        window = groups.window(window_s)
        lows = np.maximum.accumulate(window.low)
        until = np.minimum(np.searchsorted(lows, window.bucket[place], side="right"), end)
        known.told[window_s] = _covered(size, seen, until, np.ones(len(fraud), np.bool_))
        known.frauds[window_s] = _covered(size, seen, until, fraud)
        known.bare[window_s] = _covered(size, seen, until, bare)


def _covered(size: int, start: Ints, end: Ints, chosen: Bools) -> Ints:
    """Return in how many of the chosen ranges each place is."""
    is_in = chosen & (start < end)
    begun = np.bincount(start[is_in], minlength=size + 1)
    ended = np.bincount(end[is_in], minlength=size + 1)
    return np.cumsum(begun - ended)[:size]


def _runs(size: int, start: Ints, end: Ints, paid: Ints, chosen: Bools) -> tuple[Ints, Ints]:
    """Return in how many of the chosen ranges each place is, and the oldest payment of them."""
    first = np.full(size, NEVER, np.int64)
    rows = np.flatnonzero(chosen & (start < end))
    # The oldest is written last. Frauds are few.
    for one in rows[::-1]:
        first[start[one] : end[one]] = paid[one]
    return _covered(size, start, end, chosen), first


def _look(said: Telling, groups: Groups, known: _Known, rows: Ints) -> None:
    """Fill in what each of these rows knows, by looking at all labels of its group."""
    code = _in(said, groups)
    begin = np.searchsorted(code, groups.code[rows], side="left")
    end = np.searchsorted(code, groups.code[rows], side="right")
    for row, low, high in zip(rows, begin, end, strict=True):
        part = said.only(np.arange(low, high))
        second = groups.second[row]
        seen = np.flatnonzero((part.after <= groups.order[row]) & (part.known <= second))
        place = part.place[seen]
        # Of each payment the label that became known last, and of one time that was told last.
        chosen = seen[np.r_[place[1:] != place[:-1], True][: len(place)]]
        _fill(known, row, second, groups.second[part.place[chosen]], part.only(chosen))


def _fill(known: _Known, row: int, second: int, paid: Ints, said: Telling) -> None:
    fraud, bare = said.is_fraud, said.is_fraud & said.was_normal
    genuine = paid[~fraud].max(initial=NEVER)
    last = paid[fraud].max(initial=NEVER)
    run, bare_run = paid[fraud & (paid > genuine)], paid[bare & (paid > genuine)]
    known.genuine[row], known.fraud[row] = genuine, last
    known.unexplained[row] = paid[bare].max(initial=NEVER)
    known.run[row], known.bare_run[row] = len(run), len(bare_run)
    known.run_first[row] = run.min() if len(run) else NEVER
    known.bare_first[row] = bare_run.min() if len(bare_run) else NEVER
    known.since[row] = np.count_nonzero(~fraud & (paid >= last))
    for window_s in known.told:
        bucket_s = TIERS[tier_of(window_s)].bucket_s
        end = (second // bucket_s + 1) * bucket_s
        is_in = (paid >= end - window_s) & (paid < end)
        known.told[window_s][row] = np.count_nonzero(is_in)
        known.frauds[window_s][row] = np.count_nonzero(is_in & fraud)
        known.bare[window_s][row] = np.count_nonzero(is_in & bare)


def _value(want: Want, groups: Groups, known: _Known) -> Ints:
    if want.window_s:
        return _of_window(want, groups, known)
    aggregate = want.aggregate
    if aggregate == "last_label":
        none = np.where(known.genuine > NEVER, 0, MISSING)
        return np.where(known.run > 0, 1, none)
    if aggregate in {"fraud_run", "unexplained_fraud_run"}:
        has = (known.genuine > NEVER) | (known.fraud > NEVER)
        run = known.run if aggregate == "fraud_run" else known.bare_run
        return np.where(has, np.minimum(run, FRAUDS_MAX + 1), MISSING)
    if aggregate == "genuine_since_fraud":
        since = np.minimum(known.since, FRAUDS_MAX + 1)
        return np.where(known.fraud > NEVER, since, MISSING)
    of = {
        "since_fraud": known.fraud,
        "since_unexplained_fraud": known.unexplained,
        "fraud_run_age": known.run_first,
        "unexplained_fraud_run_age": known.bare_first,
    }[aggregate]
    return np.where(of > NEVER, np.maximum(groups.second - of, 0), MISSING)


def _of_window(want: Want, groups: Groups, known: _Known) -> Ints:
    frauds, told = known.frauds[want.window_s], known.told[want.window_s]
    if want.aggregate == "fraud_count":
        return np.minimum(frauds, FRAUDS_MAX + 1)
    if want.aggregate == "unexplained_fraud_count":
        return np.minimum(known.bare[want.window_s], FRAUDS_MAX + 1)
    if want.aggregate == "fraud_risk":
        return (MILLIONTHS * frauds + PRIOR) // (told + PRIOR_PAYMENTS)
    whole = count_in(groups, groups.window(want.window_s))
    if want.aggregate == "fraud_share":
        return thousandths(frauds, whole)
    unlabelled: Ints = np.maximum(whole - told, 0)
    return unlabelled
