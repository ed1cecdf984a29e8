"""Folds that a file can be measured by, and those that it cannot."""

import numpy as np

from risk.offline.columns import ABSENT
from risk.offline.fold_check import check_folds
from risk.offline.outcomes import Outcomes
from risk.offline.split import DAY_S, weekly

SECOND = np.arange(DAY_S // 2, 40 * DAY_S - DAY_S // 2, DAY_S // 4)
OUTCOMES = Outcomes(np.where(np.arange(len(SECOND)) % 7 == 0, 1, ABSENT), SECOND + 5 * DAY_S)


def codes(*starts, delay_days=5):
    folds = [
        weekly(day * DAY_S, train_days=10, delay_days=delay_days, test_days=7) for day in starts
    ]
    return [one.code for one in check_folds(SECOND, OUTCOMES, folds)]


def test_folds_from_the_first_day_to_the_last_are_sound_in_any_order():
    assert codes(33, 15, 22) == []


def test_no_payment_is_tried_twice():
    assert codes(22, 15, 28) == ["folds_overlap"]


def test_a_file_must_hold_what_is_learnt_and_what_is_tried():
    assert codes(34) == ["folds_beyond_file"]
    assert codes(14) == ["folds_beyond_file"]


def test_a_delay_must_be_as_long_as_labels_take():
    assert codes(20, delay_days=4) == ["labels_to_come"]
