"""Outcomes as labels: told in order, never before their payment, nothing from after an instant."""

import numpy as np

from risk.offline.columns import ABSENT
from risk.offline.outcomes import INTENTS, Outcomes

SECOND = np.array([100, 200, 200, 300, 400])
FOUND = Outcomes(intent=np.array([1, ABSENT, 0, 2, 3]), known=np.array([350, 0, 200, 310, 390]))


def test_labels_are_told_in_the_order_in_which_they_became_known():
    labels = FOUND.labels(SECOND)

    assert list(labels.row) == [2, 3, 0, 4]
    assert list(labels.is_fraud) == [0, 1, 1, 1]
    # The last was known before its payment: it is told with it.
    assert list(labels.known) == [200, 310, 350, 400]
    # What became known at the moment of a payment is told after it.
    assert list(labels.after) == [3, 4, 4, 5]


def test_what_becomes_known_later_is_not_known():
    assert list(FOUND.until(349).is_told) == [False, False, True, True, False]
    assert list(FOUND.until(350).fraud) == [True, False, False, True, False]


def test_heads_are_told_apart():
    assert [list(np.flatnonzero(FOUND.of(one))) for one in INTENTS] == [[2], [0], [3], [4]]


def test_that_a_payment_was_normal_is_known_once_fraud_would_have_been_told():
    # Nine tenths of the three frauds were known 250 s after their payments at the latest.
    assert list(FOUND.since(SECOND)) == [350, 450, 200, 310, 390]


def test_a_head_is_made_of_its_own_kind_and_of_what_is_no_fraud():
    rows, own = FOUND.told_apart("scam")

    assert list(rows) == [1, 2, 3]
    assert list(own) == [False, False, True]


def test_a_label_is_known_no_sooner_than_it_was():
    assert list(FOUND.at_earliest(100, SECOND).known) == [350, 300, 300, 400, 500]


def test_a_delay_replaces_the_times():
    assert list(FOUND.after(50, SECOND).known) == list(SECOND + 50)
