"""Which payments a model learns from and which it is tried on: train before, test after. Pure."""

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
DAY_S: Final = 86_400


class Window(NamedTuple):
    """A stretch of event time, whole seconds since 1970; the end is not in it."""

    start: int
    end: int

    def rows(self, second: Ints) -> Ints:
        """Return which rows are in it."""
        return np.flatnonzero((second >= self.start) & (second < self.end))


class Fold(NamedTuple):
    """Payments to learn from, and later ones to be tried on.

    Attributes:
        train: What is learnt from.
        test: What is tried.
        known_after_s: A payer whose fraud happened so long before a test day is known by then, and
            not among its payments; None keeps all.
    """

    train: Window
    test: Window
    known_after_s: int | None = None


def weekly(test_start: int, *, train_days: int, delay_days: int, test_days: int) -> Fold:
    """Return the fold whose labels come `delay_days` after their payments."""
    end = test_start - delay_days * DAY_S
    return Fold(
        train=Window(end - train_days * DAY_S, end),
        test=Window(test_start, test_start + test_days * DAY_S),
    )


def test_rows(fold: Fold, *, second: Ints, payer: Ints, fraud: Flags, known_from: int) -> Ints:
    """Return the rows that a model is tried on, without payers known as defrauded by their day.

    Args:
        fold: The windows.
        second: Event times.
        payer: Who pays.
        fraud: What the payments were.
        known_from: Fraud before this time does not count: the handbook begins with the training
            week, so that its figures and ours are of the same payments.

    Source: the handbook's get_train_test_set.
    """
    rows = fold.test.rows(second)
    if fold.known_after_s is None:
        return rows
    kept = []
    for start in range(fold.test.start, fold.test.end, DAY_S):
        of_day = rows[(second[rows] >= start) & (second[rows] < start + DAY_S)]
        # Of the days before, up to the whole one that ended when the delay began.
        until = start - fold.known_after_s
        known = np.unique(payer[fraud & (second >= known_from) & (second < until)])
        kept.append(of_day[~np.isin(payer[of_day], known)])
    return np.concatenate(kept)


def in_order(second: Ints, parts: int, first: float) -> list[tuple[Ints, Ints, float]]:
    """Return rows to learn from, the rows that follow them, and the time between, in its order.

    Args:
        second: Event times, in any order.
        parts: How many pairs.
        first: Share of the time span that the first one learns from.
    """
    low, high = int(second.min()), int(second.max()) + 1
    borders = np.linspace(low + first * (high - low), high, parts + 1)
    found = []
    for start, end in pairwise(borders):
        before = np.flatnonzero(second < start)
        found.append((before, np.flatnonzero((second >= start) & (second < end)), float(start)))
    return found
