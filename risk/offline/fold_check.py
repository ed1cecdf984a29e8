"""Looks at a protocol's folds before anything is learnt from them. Pure; refuses, never repairs."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from risk.offline.data_check import Finding, text_of, text_of_span
from risk.offline.outcomes import Outcomes
from risk.offline.split import DAY_S, Fold

Ints = npt.NDArray[np.int64]


def check_folds(second: Ints, outcomes: Outcomes, folds: Sequence[Fold]) -> list[Finding]:
    """Return what is wrong with folds.

    Args:
        second: Event times of all payments, which rise; at least one.
        outcomes: What they were, and since when that is known.
        folds: In any order, at least one.
    """
    return [
        *_overlapping(folds),
        *_beyond(int(second[0]), int(second[-1]), folds),
        *_unripe(outcomes.pending(second), folds),
    ]


def _overlapping(folds: Sequence[Fold]) -> list[Finding]:
    tests = sorted(one.test for one in folds)
    both = [after for before, after in pairwise(tests) if after.start < before.end]
    if not both:
        return []
    return [
        Finding(
            "folds_overlap",
            f"the test from {text_of(both[0].start)} begins before the one ahead of it has ended",
            "give test_from so that they are test_days apart: no payment is tried twice",
        )
    ]


def _beyond(first: int, last: int, folds: Sequence[Fold]) -> list[Finding]:
    # The file's first and last day may begin late and end early.
    start = min(one.train.start for one in folds) + DAY_S
    end = max(one.test.end for one in folds) - DAY_S
    if start > first and end <= last:
        return []
    return [
        Finding(
            "folds_beyond_file",
            f"the folds reach from {text_of(start - DAY_S)} to {text_of(end + DAY_S)}, the file's"
            f" payments from {text_of(first)} to {text_of(last)}",
            "compare the protocol's days with the file's",
        )
    ]


def _unripe(usual: int, folds: Sequence[Fold]) -> list[Finding]:
    """Return whether labels of the newest payments to learn from come only after the test began."""
    gap = min(one.test.start - one.train.end for one in folds)
    if usual <= gap:
        return []
    return [
        Finding(
            "labels_to_come",
            f"most fraud is known only {text_of_span(usual)} after its payment, and tests begin"
            f" {text_of_span(gap)} after the payments to learn from",
            f"give label_delay_days of {-(-usual // DAY_S)}: what is not labelled yet would be"
            " learnt as normal",
        )
    ]
