"""Each finding on data that has its fault, and none on data without."""

import numpy as np
import pytest

from risk.offline.columns import ABSENT
from risk.offline.data_check import (
    Material,
    check_columns,
    check_inputs,
    check_labels,
    check_times,
)
from risk.offline.outcomes import Outcomes
from risk.offline.split import DAY_S, Window
from risk.offline.train import Examples

SECOND = np.arange(0, 100 * DAY_S, DAY_S // 10)
FRAUD = np.arange(len(SECOND)) % 5 == 0
OUTCOMES = Outcomes(np.where(FRAUD, 1, ABSENT), SECOND + 3 * DAY_S)
GOOD = Material(SECOND, OUTCOMES, Window(0, 90 * DAY_S), 100 * DAY_S)


def codes(findings):
    return [one.code for one in findings]


def test_nothing_is_found_where_nothing_is_wrong():
    assert not check_times(GOOD)
    assert not check_labels(GOOD)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"second": SECOND[::-1].copy(), "outcomes": OUTCOMES._replace(known=SECOND + 9e7)}, None),
        ({"trained_at": 98 * DAY_S}, "future_rows"),
        ({"outcomes": OUTCOMES._replace(known=SECOND - 1)}, "label_before_payment"),
        ({"outcomes": OUTCOMES._replace(known=SECOND + 200 * DAY_S)}, "future_labels"),
        ({"window": Window(0, 101 * DAY_S)}, "future_window"),
        (
            {"window": Window(0, 98 * DAY_S), "outcomes": OUTCOMES.until(100 * DAY_S)},
            "labels_to_come",
        ),
    ],
)
def test_times_that_cannot_be(changed, code):
    found = codes(check_times(GOOD._replace(**changed)))

    assert (code or "times_unordered") in found


def test_findings_say_when_to_end():
    late = GOOD._replace(window=Window(0, 98 * DAY_S), outcomes=OUTCOMES.until(100 * DAY_S))

    [found] = check_times(late)

    assert "1970-04-08" in found.then
    assert "3.0 days" in found.what


def test_few_frauds_and_no_payments():
    few = OUTCOMES._replace(intent=np.where(np.arange(len(SECOND)) < 60, OUTCOMES.intent, ABSENT))

    assert codes(check_labels(GOOD._replace(outcomes=few))) == ["too_few_frauds"]
    assert codes(check_labels(GOOD._replace(window=Window(-9, -3)))) == ["no_payments"]


@pytest.mark.parametrize(
    "name",
    ["TX_FRAUD_SCENARIO", "is_fraud", "isFraud", "fraud", "label", "chargeback_at", "refunded"],
)
def test_columns_named_as_outcomes(name):
    assert codes(check_columns(["amount", name], [])) == ["outcome_column"]


def test_a_column_of_the_labels_tells_nothing_about_payments():
    assert codes(check_columns(["amount", "x7"], ["x7"])) == ["outcome_column"]


def test_columns_named_as_facts():
    assert not check_columns(
        ["TX_AMOUNT", "TX_DATETIME", "category", "device_id", "is_recurring", "labour_code"], ["y"]
    )


def inputs(*columns):
    return Examples(
        np.stack(columns, axis=1).astype(np.float32),
        tuple(f"input_{number}" for number in range(len(columns))),
        SECOND,
    )


def said(fraud):
    return Outcomes(np.where(fraud, 1, ABSENT), SECOND)


NOISE = np.random.default_rng(5).normal(size=(2, len(SECOND)))


def test_an_input_that_tells_the_outcome():
    told = np.where(FRAUD, 2.0, 0.0)

    for one in (told, -told, np.where(FRAUD, 1.0, np.nan)):
        [found] = check_inputs(inputs(NOISE[0], one), said(FRAUD))
        assert (found.code, "input_1" in found.what, "input_0" in found.what) == (
            "outcome_input",
            True,
            False,
        )


def test_labels_that_nothing_tells():
    shuffled = said(np.random.default_rng(6).permutation(FRAUD))

    assert codes(check_inputs(inputs(*NOISE), shuffled)) == ["labels_shuffled"]


def test_labels_that_something_tells():
    assert not check_inputs(inputs(NOISE[0], NOISE[1] + FRAUD), said(FRAUD))


def test_an_input_that_tells_one_kind_of_fraud_alone():
    # Half of the fraud is a scam, which the input says nothing of: of fraud as a whole it tells
    # three quarters, and of the kind that it is made of everything.
    is_scam = FRAUD & (np.arange(len(SECOND)) % 2 == 0)
    outcomes = Outcomes(np.where(is_scam, 2, np.where(FRAUD, 1, ABSENT)), SECOND)
    told = np.where(FRAUD & ~is_scam, 2.0, NOISE[0])

    [found] = check_inputs(inputs(NOISE[1] + FRAUD, np.where(told == 2.0, 9.0, told)), outcomes)

    assert found.code == "outcome_input"
    assert "(unauthorized)" in found.what


def test_labels_shuffled_among_those_that_are_labelled():
    # That a payment was looked at can be told; what was found there, not.
    is_told = np.arange(len(SECOND)) % 2 == 0
    fraud = np.random.default_rng(7).random(len(SECOND)) < 0.5
    intent = np.where(is_told, np.where(fraud, 1, 0), ABSENT)

    [found] = check_inputs(inputs(NOISE[0], NOISE[1] + is_told), Outcomes(intent, SECOND))

    assert found.code == "labels_shuffled"
    assert "among labelled payments" in found.what


def test_labels_of_one_part_of_the_time():
    early = FRAUD & (SECOND < 30 * DAY_S)

    assert codes(check_inputs(inputs(*NOISE), said(early))) == ["labels_on_one_side"]


def test_how_long_labels_take():
    assert OUTCOMES.pending(SECOND) == 3 * DAY_S
    assert OUTCOMES._replace(intent=np.zeros_like(SECOND)).pending(SECOND) == 0
