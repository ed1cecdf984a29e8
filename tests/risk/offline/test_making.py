"""What is said of the data of a model, and of data that carry none."""

import numpy as np
import pytest

from risk.offline.columns import ABSENT
from risk.offline.making import Asked, DataRefused, Learnt, _heads, learn_from, typical_of
from risk.offline.outcomes import Outcomes
from risk.offline.progress import silent
from risk.offline.split import Window
from risk.offline.train import Examples

SIZE = 2_000
SECOND = np.arange(SIZE) * 60
INPUTS = np.random.default_rng(4).normal(size=(SIZE, 2)).astype(np.float32)
EXAMPLES = Examples(INPUTS, ("a", "b"), SECOND)
INTENTS = np.where(np.arange(SIZE) % 5 == 0, 1, ABSENT)


def test_other_labels_are_other_data():
    learnt = Learnt(Window(0, SIZE * 60), EXAMPLES, INTENTS, {}, {})

    scams = learnt._replace(intents=np.where(INTENTS == 1, 2, INTENTS))

    assert learnt.sha256 != scams.sha256
    assert learnt.sha256 == learnt._replace(intents=INTENTS.copy()).sha256


@pytest.mark.parametrize(
    ("is_fraud", "code", "why"),
    [
        (np.arange(SIZE) % 50 == 0, "too_few_frauds", "40 unauthorized, fewer than 80"),
        (np.arange(SIZE) < 500, "no_head", "500 unauthorized, which lie in one part of the time"),
    ],
)
def test_why_labels_carry_no_head_is_said(is_fraud, code, why):
    outcomes = Outcomes(np.where(is_fraud, 1, ABSENT), SECOND)

    with pytest.raises(DataRefused, match=why) as refused:
        _heads(EXAMPLES, outcomes, silent)

    assert refused.value.findings[0].code == code
    assert "0 scam, fewer than 80" in refused.value.findings[0].what


def test_what_is_typical_is_the_median_of_normal_rows_that_have_it():
    gone = np.nan
    inputs = np.array(
        [[1, 5, gone], [9, 7, gone], [2, 6, gone], [3, gone, 4], [4, gone, 8], [99, 99, 99]],
        np.float32,
    )
    is_normal = np.array([True, True, True, True, True, False])

    assert typical_of(inputs, is_normal) == (3.0, 6.0, None)
    assert typical_of(inputs[:4], is_normal[:4]) == (2.0, 6.0, None)
    assert typical_of(inputs, np.zeros(6, bool)) == (None, None, None)


# A day passes until a label is known; what comes in the last day is not learnt from.
DAY_S = 86_400
STEP_S = 600
LATER = np.arange(SIZE) * STEP_S
IS_FRAUD = np.random.default_rng(5).random(SIZE) < 0.1
TOLD = np.column_stack([INPUTS[:, 0] + 2 * IS_FRAUD, INPUTS[:, 1], np.ones(SIZE)])
AT_HAND = Examples(TOLD.astype(np.float32), ("a", "b", "same"), LATER)
OUTCOMES = Outcomes(np.where(IS_FRAUD, 1, ABSENT), LATER + DAY_S)
END = SIZE * STEP_S
ASKED = Asked(Window(0, END - DAY_S), END, AT_HAND.names)


def test_inputs_at_hand_are_learnt_from_as_those_of_a_history():
    learnt = learn_from(AT_HAND, OUTCOMES, ASKED)

    in_window = LATER < END - DAY_S
    assert learnt.examples.names == ("a", "b")
    assert len(learnt.examples.second) == in_window.sum()
    assert learnt.frauds["unauthorized"] == (IS_FRAUD & in_window).sum()
    assert list(learnt.heads) == ["unauthorized"]
    assert learnt.heads["unauthorized"].validated.auc > 0.8


def test_inputs_at_hand_with_shuffled_labels_teach_nothing():
    shuffled = np.random.default_rng(6).permutation(OUTCOMES.intent)

    with pytest.raises(DataRefused) as refused:
        learn_from(AT_HAND, OUTCOMES._replace(intent=shuffled), ASKED)

    assert refused.value.findings[0].code == "labels_shuffled"


def test_labels_of_the_future_are_refused_of_inputs_at_hand():
    with pytest.raises(DataRefused) as refused:
        learn_from(AT_HAND, OUTCOMES, ASKED._replace(trained_at=END - DAY_S))

    assert "future_labels" in {one.code for one in refused.value.findings}
