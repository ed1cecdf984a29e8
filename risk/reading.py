"""Values of windows, from one series into a vector. Exact, or it says why it is not known. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from risk.amounts import NORMAL_FROM, SQUARED_MAX, deviation_of, ratio_of, z_of
from risk.history import ABNORMAL, NUMBER, OVER, SQUARES
from risk.plan import Aggregate, TierReads, WindowReads
from risk.series import NONE_SEEN, Series, Span

Unknown = Literal["not_loaded", "outside_kept_range", "no_history"]
THOUSANDTHS: Final = 1_000


class Asked(msgspec.Struct, frozen=True):
    """The payment that values are read for, and where they go.

    Attributes:
        second: Its event time, see `second_of`.
        others: Kind -> keyed value of each entity it involves.
        into: The vector being filled.
        missing: What to write for a value that is not known.
    """

    second: int
    currency: str
    amount_minor: int
    others: dict[str, int]
    into: list[Any] = []
    missing: Mapping[Unknown, Any] = {}


def fill(slots: Iterable[int], why: Unknown, asked: Asked) -> None:
    """Write one reason into places."""
    into, found = asked.into, asked.missing[why]
    for slot in slots:
        into[slot] = found


def read_tier(series: Series, tier: TierReads, asked: Asked, *, is_unsummed: bool) -> None:
    """Write the values of a tier's windows into their places.

    Args:
        series: The tier's.
        tier: What to read.
        asked: The payment.
        is_unsummed: Its currency may have come and had no place.
    """
    into = asked.into
    last = asked.second // tier.bucket_s
    for window in tier.windows:
        span = series.span(last - window.buckets + 1, last)
        if span is None:
            fill(window.slots, "outside_kept_range", asked)
            continue
        if window.counts:
            count = series.count_in(span)
            for slot in window.counts:
                into[slot] = count
        for slot in window.sums:
            into[slot] = _sum(series, span, asked, is_unsummed=is_unsummed)
        if window.has_more:
            _read_more(series, window, span, asked, is_unsummed=is_unsummed)


def _read_more(
    series: Series, window: WindowReads, span: Span, asked: Asked, *, is_unsummed: bool
) -> None:
    into, missing = asked.into, asked.missing
    if window.means:
        _means(series, window, span, asked, is_unsummed=is_unsummed)
    has_abnormal = ABNORMAL in series.sums
    for slot in window.abnormal:
        into[slot] = series.sum_in(ABNORMAL, span) if has_abnormal else 0
    for slot in window.farthest:
        most = series.max_in(ABNORMAL, span) if has_abnormal else NONE_SEEN
        into[slot] = missing["no_history"] if most == NONE_SEEN else most
    for slot in window.maxes:
        into[slot] = _max(series, span, asked, is_unsummed=is_unsummed)
    for slot in window.shares:
        declined, judged = series.declined_in(span)
        into[slot] = THOUSANDTHS * declined // judged if judged else missing["no_history"]
    for slot, kind in window.distincts:
        if kind in series.heads:
            into[slot] = series.distinct(kind, span)
        else:
            into[slot] = missing["not_loaded"]
    for slot, kind, is_share in window.pairs:
        # Whoever fills the vector says which entity the payment lacks.
        if kind in asked.others:
            into[slot] = _pair(series, kind, span, asked, is_share)


def read_means(
    means: tuple[tuple[int, Aggregate], ...],
    asked: Asked,
    number: int,
    total: int,
    squares: int,
    over: int,
) -> None:
    """Write what is read of the mean of a window.

    Args:
        means: Places, and what is read.
        asked: The payment.
        number: How many amounts of its currency there are in the window.
        total: Their sum.
        squares: The sum of their squares, none greater than that of `SQUARED_MAX`.
        over: By how much they are greater than `SQUARED_MAX`, together. Of no matter, as the
            squares, where no deviation is read.
    """
    into, none = asked.into, asked.missing["no_history"]
    for slot, aggregate in means:
        if aggregate == "window_mean":
            into[slot] = total // number if number else none
        elif number < NORMAL_FROM or not total:
            into[slot] = none
        elif aggregate == "to_window_mean":
            into[slot] = ratio_of(asked.amount_minor, float(total) / float(number))
        else:
            mean = float(total - over) / float(number)
            variance = max(float(squares) / float(number) - mean * mean, 0.0)
            amount = min(asked.amount_minor, SQUARED_MAX)
            into[slot] = z_of(amount, mean, deviation_of(variance, mean))


def _means(
    series: Series, window: WindowReads, span: Span, asked: Asked, *, is_unsummed: bool
) -> None:
    currency, sums = asked.currency, series.sums
    if not series.plan.has_numbers or currency not in sums:
        why: Unknown = "not_loaded" if not series.plan.has_numbers else "no_history"
        if why == "no_history" and is_unsummed:
            why = "outside_kept_range"
        fill((slot for slot, _ in window.means), why, asked)
        return
    squares, over = currency + SQUARES, currency + OVER
    read_means(
        window.means,
        asked,
        series.sum_in(currency + NUMBER, span),
        series.sum_in(currency, span),
        series.sum_in(squares, span) if squares in sums else 0,
        series.sum_in(over, span) if over in sums else 0,
    )


def _sum(series: Series, span: Span, asked: Asked, *, is_unsummed: bool) -> Any:
    if asked.currency in series.sums:
        return series.sum_in(asked.currency, span)
    if not series.plan.has_sums:
        return asked.missing["not_loaded"]
    return asked.missing["outside_kept_range"] if is_unsummed else 0


def _max(series: Series, span: Span, asked: Asked, *, is_unsummed: bool) -> Any:
    if asked.currency in series.tops:
        most = series.max_in(asked.currency, span)
        return asked.missing["no_history"] if most == NONE_SEEN else most
    if not series.plan.has_maxes:
        return asked.missing["not_loaded"]
    return asked.missing["outside_kept_range" if is_unsummed else "no_history"]


def _pair(
    series: Series,
    kind: str,
    span: Span,
    asked: Asked,
    is_share: bool,  # noqa: FBT001  one of two values of a pair
) -> Any:
    if kind not in series.heads:
        return asked.missing["not_loaded"]
    part = series.count_of(kind, asked.others[kind], span)
    if part is None:
        return asked.missing["outside_kept_range"]
    if not is_share:
        return part
    whole = series.count_in(span)
    return THOUSANDTHS * part // whole if whole else asked.missing["no_history"]
