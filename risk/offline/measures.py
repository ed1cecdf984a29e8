"""How well scores tell fraud from good payments: measures of ranking, with bootstrap intervals.

Every measure takes weights, so that a resample of payers is a count for each row and the rows need
sorting only once. No measure knows where a score comes from.
"""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
DAY_S: Final = 86_400
# Of bootstrap resamples, what lies between these shares of them is the interval.
INTERVAL: Final = (0.025, 0.975)
RESAMPLES: Final = 200


class NotMeasurable(ValueError):  # noqa: N818  says what the rows lack
    """There is no fraud among the rows, or nothing else."""


class Interval(msgspec.Struct, frozen=True):
    """A measure with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


class Ranking:
    """Rows by falling score; rows of one score stand together and are never told apart.

    Args:
        score: Shape (n,), finite, higher is more likely fraud.
        fraud: Shape (n,), what the payments were.

    Raises:
        NotMeasurable: All rows are fraud, or none is.
    """

    def __init__(self, score: npt.ArrayLike, fraud: npt.ArrayLike) -> None:
        self.score: Final = np.asarray(score, np.float64)
        self.fraud: Final = np.asarray(fraud, np.bool_)
        if self.fraud.all() or not self.fraud.any():
            raise NotMeasurable("a measure needs payments that were fraud and some that were not")
        assert np.isfinite(self.score).all(), "a score is a number"
        self.order: Final = np.argsort(-self.score, kind="stable")
        by_score = self.score[self.order]
        self._ends: Final = np.flatnonzero(np.r_[by_score[1:] != by_score[:-1], True])

    def counts(self, weight: Ints | None = None) -> tuple[Floats, Floats]:
        """Return caught frauds and good payments flagged at each threshold, the highest first.

        Args:
            weight: Shape (n,), how often each row counts; once where it is None.
        """
        count = np.ones(len(self.order)) if weight is None else weight[self.order].astype(float)
        fraud = self.fraud[self.order]
        caught = np.cumsum(np.where(fraud, count, 0.0))[self._ends]
        flagged = np.cumsum(np.where(fraud, 0.0, count))[self._ends]
        return caught, flagged

    def auc(self, weight: Ints | None = None) -> float:
        """Return the area under the ROC curve: a tie counts one half."""
        caught, flagged = self.counts(weight)
        rate, recall = flagged / max(flagged[-1], 1.0), caught / max(caught[-1], 1.0)
        return float(np.trapezoid(np.r_[0.0, recall], np.r_[0.0, rate]))

    def average_precision(self, weight: Ints | None = None) -> float:
        """Return the mean of precision over recall, by steps and not by lines between them.

        Source: scikit-learn's definition, sum of (R_n - R_n-1) P_n, by which the handbook's
        figures were made.
        """
        caught, flagged = self.counts(weight)
        precision = caught / np.maximum(caught + flagged, 1.0)
        return float(np.diff(caught, prepend=0.0) @ precision / max(caught[-1], 1.0))

    def recall_at(self, rate: float, weight: Ints | None = None) -> float:
        """Return the share of fraud caught by the lowest threshold that flags at most this share.

        Args:
            rate: Share of good payments that may be flagged, 0 to 1.
            weight: How often each row counts.
        """
        caught, flagged = self.counts(weight)
        place = int(np.searchsorted(flagged, rate * flagged[-1], side="right")) - 1
        return 0.0 if place < 0 else float(caught[place] / max(caught[-1], 1.0))

    def precision_recall(self) -> tuple[Floats, Floats]:
        """Return recall and precision at each threshold, the highest first."""
        caught, flagged = self.counts()
        return caught / caught[-1], caught / (caught + flagged)


class Cards(NamedTuple):
    """The largest score and whether there was fraud, for each payer on each day.

    Attributes:
        days: For each day, payer by falling score, and whether the payer's card was defrauded.
    """

    days: tuple[tuple[Ints, Flags], ...]


def cards(score: Floats, fraud: Flags, payer: Ints, second: Ints) -> Cards:
    """Return each day's payers by their most suspicious payment."""
    found = []
    day = second // DAY_S
    for one in np.unique(day):
        rows = np.flatnonzero(day == one)
        payers, group = np.unique(payer[rows], return_inverse=True)
        most = np.full(len(payers), -np.inf)
        np.maximum.at(most, group, score[rows])
        defrauded = np.zeros(len(payers), np.bool_)
        np.logical_or.at(defrauded, group, fraud[rows])
        order = np.argsort(-most, kind="stable")
        found.append((payers[order], defrauded[order]))
    return Cards(tuple(found))


def card_precision(by_day: Cards, top: int, weight: Ints | None = None) -> float:
    """Return which share of each day's most suspicious cards was defrauded, mean over days.

    A card that was found is not looked at again on later days.

    Args:
        by_day: The payers of each day.
        top: So many cards can be looked at in a day.
        weight: How often each payer counts, by payer.

    Source: the handbook's card precision top k.
    """
    detected = np.zeros(0, np.int64)
    shares = []
    for payers, defrauded in by_day.days:
        left = np.flatnonzero(~np.isin(payers, detected))
        if weight is not None:
            left = np.repeat(left, weight[payers[left]])
        looked_at = left[:top]
        found = payers[looked_at][defrauded[looked_at]]
        shares.append(len(found) / top)
        detected = np.union1d(detected, found)
    return float(np.mean(shares))


def resamples(payer: Ints, *, seed: int, count: int = RESAMPLES) -> list[tuple[Ints, Ints]]:
    """Return weights of rows, and of payers, for resamples of whole payers.

    A payer's payments are alike, so rows drawn one by one would make intervals too narrow.

    Args:
        payer: Shape (n,), from 0.
        seed: Of the draws.
        count: How many.
    """
    random = np.random.default_rng(seed)
    there = np.unique(payer)
    found = []
    for _ in range(count):
        drawn = np.bincount(
            there[random.integers(0, len(there), len(there))], minlength=int(there.max()) + 1
        )
        found.append((drawn[payer], drawn))
    return found


def interval(value: float, resampled: Sequence[float]) -> Interval:
    """Return a value with the interval that its resamples give."""
    low, high = np.quantile(np.asarray(resampled, np.float64), INTERVAL)
    return Interval(value, float(low), float(high))


def over(measure: Callable[[Ints | None], float], weights: Sequence[Ints]) -> list[float]:
    """Return a measure of each resample."""
    return [measure(weight) for weight in weights]
