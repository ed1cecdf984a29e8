"""Heads: what is chosen, what carries none, and what a reweighted model would do."""

import numpy as np
import pytest

from risk.offline.measures import Ranking
from risk.offline.train import (
    EXACT_ROWS_MAX,
    FRAUDS_MIN,
    Examples,
    Recipe,
    chance,
    fit,
    margins,
    train_head,
)

RANDOM = np.random.default_rng(8)
SIZE = 4_000
INPUTS = RANDOM.normal(size=(SIZE, 3)).astype(np.float32)
INPUTS[RANDOM.random((SIZE, 3)) < 0.1] = np.nan
FRAUD = RANDOM.random(SIZE) < 1 / (1 + np.exp(3 - 2 * np.nan_to_num(INPUTS[:, 1])))
EXAMPLES = Examples(INPUTS, ("a", "b", "c"), np.arange(SIZE) * 60)
GRID = (Recipe(1, 5, 100), Recipe(2, 40, 100))


def test_a_head_is_what_validation_finds_best_and_is_calibrated():
    found = train_head(EXAMPLES, FRAUD, grid=GRID)

    best = max(found.tried, key=lambda one: one.average_precision)
    assert found.recipe == best.recipe
    assert found.booster.num_boosted_rounds() == best.recipe.trees
    assert next(iter(found.gain)) == "b"
    assert sum(found.gain.values()) == pytest.approx(1.0)
    said = found.calibration(found.margins(INPUTS))
    assert said.mean() == pytest.approx(FRAUD.mean(), rel=0.15)
    assert found.validated.auc > 0.75
    assert found.validated.rows < SIZE


def test_too_little_fraud_carries_no_head():
    few = FRAUD & (np.cumsum(FRAUD) < FRAUDS_MIN)

    assert train_head(EXAMPLES, few, grid=GRID) is None


def test_fraud_of_one_part_of_the_time_carries_no_head():
    early = FRAUD & (np.arange(SIZE) < SIZE * 0.3)

    assert early.sum() >= FRAUDS_MIN
    assert train_head(EXAMPLES, early, grid=GRID) is None


def test_the_first_trees_are_those_of_a_shorter_training():
    long, short = (fit(INPUTS, FRAUD, Recipe(2, trees, 100)) for trees in (20, 8))

    assert np.array_equal(margins(long, INPUTS, trees=8), margins(short, INPUTS))


def test_a_few_large_values_are_told_apart():
    # Twelve of 20,000 are fraud and have the largest values: neither quantiles nor a base score
    # that is estimated may hide them. With the library's defaults none stands out.
    values = np.arange(20_000, dtype=np.float32).reshape(-1, 1)
    fraud = values[:, 0] >= 20_000 - 12

    for rows_exact in (EXACT_ROWS_MAX, 0):
        said = margins(fit(values, fraud, Recipe(3, 30, 100), rows_exact=rows_exact), values)
        assert np.median(said[fraud]) > 0.0
        assert said[~fraud].max() < 0.0


def test_chance_is_in_the_interval_of_labels_that_say_nothing():
    shuffled = np.random.default_rng(1).permutation(FRAUD)

    low, high = chance(EXAMPLES, shuffled, seed=0, resamples=100)
    above, _ = chance(EXAMPLES, FRAUD, seed=0, resamples=100)

    assert low < 0.5 < high
    assert above > 0.7


def test_chance_reaches_as_far_as_one_in_a_thousand():
    low, high = chance(EXAMPLES, FRAUD, seed=0, resamples=100)
    [(before, after)] = EXAMPLES.in_order(FRAUD, 1, 2 / 3)
    quick = fit(INPUTS[before], FRAUD[before], Recipe(3, 30, 300), rows_exact=0)
    value = Ranking(margins(quick, INPUTS[after]), FRAUD[after]).auc()
    frauds = FRAUD[after].sum()

    assert (low + high) / 2 == pytest.approx(value)
    # Its deviation by Hanley and McNeil's formula, times what leaves out one in a thousand.
    others = (value / (2 - value) - value**2) * (frauds - 1)
    others += (2 * value**2 / (1 + value) - value**2) * (len(after) - frauds - 1)
    deviation = ((value * (1 - value) + others) / frauds / (len(after) - frauds)) ** 0.5
    assert value - low == pytest.approx(3.09 * deviation, rel=0.25)


def test_what_was_not_known_at_a_border_is_not_learnt_from_before_it():
    late = EXAMPLES._replace(known=EXAMPLES.second + 600 * 60)

    for before, after in late.in_order(FRAUD, 2, 0.4):
        assert len(before) > 0
        assert (late.known[before] <= EXAMPLES.second[after].min()).all()
    assert [len(before) for before, _ in late.in_order(FRAUD, 2, 0.4)] == [1_000, 2_200]


def test_labels_that_come_after_the_last_border_leave_the_whole_time_before():
    late = EXAMPLES._replace(known=EXAMPLES.second + SIZE * 60)

    found = late.in_order(FRAUD, 2, 0.4)

    assert [len(before) for before, _ in found] == [1_600, 2_800]


def test_trees_begin_at_one_half_and_not_at_the_share_of_fraud():
    # From an estimated share each row weighs almost nothing, and small leaves are forbidden.
    said = margins(fit(INPUTS, FRAUD, Recipe(1, 1, 1)), INPUTS)

    assert np.abs(said).max() < 0.01
