"""What was normal before each payment, over columns. Computes the same as risk/amounts.py."""

import math
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from risk.amounts import (
    ABNORMAL_MILLI,
    DEVIATION_SHARE_MIN,
    LOG_DEVIATION_MIN,
    NEW_WEIGHT,
    NORMAL_FROM,
    RATIO_MAX,
    SQUARED_MAX,
    USUAL_TIMES_MAX,
    USUAL_WEIGHT,
    Z_MAX,
    Z_MILLI,
)
from risk.offline.groups import MISSING, Columns, Floats, Groups, Ints, sum_in


class Normal(NamedTuple):
    """What was known before each row, by place.

    Attributes:
        number: How many amounts.
        mean, variance: Weighted.
        usual: Weighted mean of amounts, the great ones cut.
        log_mean, log_variance: Weighted, of logarithms.
    """

    number: Ints
    mean: Floats
    variance: Floats
    usual: Floats
    log_mean: Floats
    log_variance: Floats


def logarithms(amount: Ints) -> Floats:
    """Return the logarithm of 1 more than each, as online: by the same function."""
    values, inverse = np.unique(amount, return_inverse=True)
    found = np.array([math.log(1.0 + int(one)) for one in values], np.float64)
    return found[inverse.reshape(-1)]


def normal_before(amount: Ints, logs: Floats, groups: Groups) -> Normal:
    """Return what was normal before each row: one step for each place in a group."""
    rank: Any = groups.place - groups.first
    size = len(amount)
    mean, variance, usual = np.zeros(size), np.zeros(size), np.zeros(size)
    log_mean, log_variance = np.zeros(size), np.zeros(size)
    by_rank = np.argsort(rank, kind="stable")
    borders = np.searchsorted(rank[by_rank], np.arange(1, rank.max() + 2))
    rows = by_rank[borders[0] : borders[1]] if len(borders) > 1 else by_rank[:0]
    mean[rows] = usual[rows] = amount[rows - 1]
    log_mean[rows] = logs[rows - 1]
    for number, (low, high) in enumerate(pairwise(borders[1:]), start=1):
        rows = by_rank[low:high]
        before = rows - 1
        _step(mean, variance, amount[before], rows, NEW_WEIGHT)
        _step(log_mean, log_variance, logs[before], rows, USUAL_WEIGHT)
        known = usual[before]
        limit = USUAL_TIMES_MAX * known
        cut = np.where((known > 0) & (amount[before] > limit), limit, amount[before])
        usual[rows] = known + max(1.0 / (number + 1), USUAL_WEIGHT) * (cut - known)
    return Normal(rank, mean, variance, usual, log_mean, log_variance)


def _step(mean: Floats, variance: Floats, value: Any, rows: Any, weight: float) -> None:
    by = value - mean[rows - 1]
    part = weight * by
    mean[rows] = mean[rows - 1] + part
    variance[rows] = (1.0 - weight) * (variance[rows - 1] + part * by)


def ratios(amount: Ints, normal: Floats, known: Any) -> Ints:
    """Return amounts in thousandths of what is normal; `MISSING` where that is not known."""
    ratio = 1_000.0 * amount / np.where(known, normal, 1.0)
    return np.where(known, np.minimum(ratio, RATIO_MAX), MISSING).astype(np.int64)


def deviations(value: Any, mean: Floats, deviation: Floats, known: Any) -> Ints:
    """Return how far values are from a mean, as `risk.amounts.z_of`; `MISSING` where not known."""
    z = (value - mean) / np.where(known, deviation, 1.0)
    z = np.minimum(np.maximum(z, -Z_MAX), Z_MAX)
    return np.where(known, (z + Z_MAX) * Z_MILLI, MISSING).astype(np.int64)


def of_normal(aggregate: str, amount: Ints, logs: Floats, found: Normal) -> Ints:
    """Return one value of what was normal, by place."""
    known = (found.number >= NORMAL_FROM) & (found.mean > 0)
    if aggregate == "to_normal":
        return ratios(amount, found.mean, known)
    if aggregate == "to_usual":
        return ratios(amount, found.usual, known & (found.usual > 0))
    if aggregate == "z":
        least = DEVIATION_SHARE_MIN * found.mean
        deviation = np.maximum(np.sqrt(found.variance), least)
        return deviations(amount, found.mean, deviation, known)
    if aggregate == "log_z":
        deviation = np.maximum(np.sqrt(found.log_variance), LOG_DEVIATION_MIN)
        return deviations(logs, found.log_mean, deviation, known)
    value = (found.mean if aggregate == "mean" else np.sqrt(found.variance)) + 0.5
    return np.where(known, value, MISSING).astype(np.int64)


def of_window(aggregate: str, window_s: int, amount: Ints, groups: Groups) -> Ints:
    """Return the mean of a window, or this amount against it, by place."""
    window = groups.window(window_s)
    number = sum_in(np.ones(len(amount), np.int64), groups, window)
    total = sum_in(amount, groups, window)
    if aggregate == "window_mean":
        return np.where(number > 0, total // np.maximum(number, 1), MISSING)
    known = (number >= NORMAL_FROM) & (total > 0)
    if aggregate == "to_window_mean":
        return ratios(amount, total / np.maximum(number, 1), known)
    cut = np.minimum(amount, SQUARED_MAX)
    squares = sum_in(cut * cut, groups, window)
    mean = sum_in(cut, groups, window) / np.maximum(number, 1)
    variance = np.maximum(squares / np.maximum(number, 1) - mean * mean, 0.0)
    deviation = np.maximum(np.sqrt(variance), DEVIATION_SHARE_MIN * mean)
    return deviations(cut, mean, deviation, known)


def is_abnormal(ratio: Ints) -> Any:
    """Say which amounts were far above what is usual for their payers."""
    return ratio > ABNORMAL_MILLI


def amounts_of(columns: Columns, groups: Groups) -> Ints:
    """Return amounts by place."""
    return columns.amount_minor[groups.order]
