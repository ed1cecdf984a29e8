"""The cold start over columns: the sums of risk/cold_start.py, operation by operation."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from risk.cold_start import AMOUNT, ColdStart, Ready
from risk.offline.columns import MISSING

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


class UnlikeRows(NamedTuple):
    """How unlike its own normal each payment is.

    Attributes:
        score: Shape (n,); `MISSING` where nothing is known.
        points: What each signal gave, shape (signals, n).
    """

    score: Ints
    points: Floats


def unlike_of_rows(
    cold_start: ColdStart, values: Mapping[str, Ints], amount_minor: Ints
) -> UnlikeRows:
    """Return the score of each payment.

    Args:
        cold_start: The signals.
        values: Each feature that they read, shape (n,); `MISSING` where it is not known.
        amount_minor: Shape (n,).
    """
    columns = [{**values, AMOUNT: amount_minor}[name] for name in cold_start.reads]
    is_known, total = np.zeros(len(amount_minor), np.bool_), np.zeros(len(amount_minor))
    found = np.zeros((len(cold_start.ready), len(amount_minor)))
    for place, signal in enumerate(cold_start.ready):
        z, known = _z(signal, columns)
        above = np.minimum(np.maximum(z - signal.above, 0.0), signal.most)
        found[place] = np.where(known, above * signal.points, 0.0)
        total = total + found[place]
        is_known |= known
    score = np.minimum(cold_start.base + np.floor(total).astype(np.int64), cold_start.max)
    return UnlikeRows(np.where(is_known, score, MISSING), found)


def _z(signal: Ready, columns: Sequence[Ints]) -> tuple[Floats, Flags]:
    """Return z-scores, any number where they are not known, and where they are."""
    value = columns[signal.value].astype(np.float64)
    known = columns[signal.value] != MISSING
    if signal.seen is not None:
        known = known & (columns[signal.seen] >= signal.seen_from)
    if signal.normal is None:
        return (value - 1_000.0) / signal.least, known
    normal = columns[signal.normal].astype(np.float64)
    known = known & (normal > 0.0)
    if signal.spread is None:
        rest = normal - value
        known = known & (rest >= signal.seen_from)
        usual = np.where(known, rest, 1.0) * signal.least
        return (value - usual) / np.sqrt(usual + 1.0), known
    spread = columns[signal.spread]
    known = known & (spread != MISSING)
    usual = np.where(known, normal, 1.0) * signal.least
    return (value - normal) / np.maximum(spread.astype(np.float64), usual), known
