"""Measures of ranking against their definitions, counted out row by row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from risk.offline.measures import (
    DAY_S,
    NotMeasurable,
    Ranking,
    card_precision,
    cards,
    interval,
    resamples,
)

SCORED = st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=40).filter(
    lambda rows: len({fraud for _, fraud in rows}) == 2
)
WEIGHTED = st.lists(
    st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=2, max_size=30
).filter(lambda rows: {fraud for _, fraud, count in rows if count} == {True, False})


def brute_auc(rows):
    pairs = [
        1.0 if bad > good else 0.5 if bad == good else 0.0
        for bad, is_fraud in rows
        if is_fraud
        for good, is_other in rows
        if not is_other
    ]
    return sum(pairs) / len(pairs)


def brute_average_precision(rows):
    frauds = sum(fraud for _, fraud in rows)
    total, caught = 0.0, 0
    for threshold in sorted({score for score, _ in rows}, reverse=True):
        flagged = [fraud for score, fraud in rows if score >= threshold]
        total += (sum(flagged) - caught) / frauds * sum(flagged) / len(flagged)
        caught = sum(flagged)
    return total


def brute_recall(rows, rate):
    goods = sum(not fraud for _, fraud in rows)
    frauds = sum(fraud for _, fraud in rows)
    best = 0.0
    for threshold in {score for score, _ in rows}:
        flagged = [fraud for score, fraud in rows if score >= threshold]
        if sum(not fraud for fraud in flagged) / goods <= rate:
            best = max(best, sum(flagged) / frauds)
    return best


@given(SCORED)
def test_measures_are_their_definitions(rows):
    ranking = Ranking([score for score, _ in rows], [fraud for _, fraud in rows])

    assert ranking.auc() == pytest.approx(brute_auc(rows))
    assert ranking.average_precision() == pytest.approx(brute_average_precision(rows))
    for rate in (0.0, 0.1, 0.5, 1.0):
        assert ranking.recall_at(rate) == pytest.approx(brute_recall(rows, rate))


@given(WEIGHTED)
def test_a_weight_is_as_many_rows(rows):
    ranking = Ranking([score for score, _, _ in rows], [fraud for _, fraud, _ in rows])
    weight = np.array([count for _, _, count in rows])
    many = [(score, fraud) for score, fraud, count in rows for _ in range(count)]

    assert ranking.auc(weight) == pytest.approx(brute_auc(many))
    assert ranking.average_precision(weight) == pytest.approx(brute_average_precision(many))
    assert ranking.recall_at(0.3, weight) == pytest.approx(brute_recall(many, 0.3))


def test_known_values():
    # scikit-learn's own examples of roc_auc_score and average_precision_score.
    ranking = Ranking([0.1, 0.4, 0.35, 0.8], [False, False, True, True])

    assert ranking.auc() == 0.75
    assert ranking.average_precision() == pytest.approx(0.8333333)


def test_one_kind_alone_is_not_measured():
    with pytest.raises(NotMeasurable):
        Ranking([0.1, 0.2], [False, False])


def test_a_card_counts_once_a_day_by_its_most_suspicious_payment_and_no_more_once_found():
    day = np.array([0, 0, 0, 0, 1, 1, 1]) * DAY_S
    payer = np.array([0, 0, 1, 2, 0, 1, 2])
    score = np.array([0.1, 0.9, 0.5, 0.2, 0.9, 0.5, 0.4])
    fraud = np.array([True, False, False, False, True, False, True])

    found = cards(score, fraud, payer, day)

    # Day 0: payer 0 (defrauded) and 1 on top. Day 1 without payer 0: payers 1 and 2 (defrauded).
    assert card_precision(found, 2) == pytest.approx((1 / 2 + 1 / 2) / 2)
    assert card_precision(found, 1) == pytest.approx((1 / 1 + 0 / 1) / 2)


def test_resamples_draw_whole_payers():
    payer = np.array([0, 0, 1, 1, 1, 4])

    for rows, payers in resamples(payer, seed=3, count=20):
        assert list(rows) == [payers[one] for one in payer]
        assert payers.sum() == 3
    again, other = (
        [list(one) for one, _ in resamples(payer, seed=seed, count=5)] for seed in (3, 4)
    )
    assert again == [list(one) for one, _ in resamples(payer, seed=3, count=5)]
    assert again != other


def test_an_interval_holds_most_of_what_was_drawn():
    found = interval(0.5, np.linspace(0.0, 1.0, 1_001).tolist())

    assert (found.value, found.low, found.high) == pytest.approx((0.5, 0.025, 0.975))
