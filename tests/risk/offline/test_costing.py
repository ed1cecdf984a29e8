"""Costs in hindsight, against every threshold tried one by one."""

import numpy as np
import pytest

from risk.offline.costing import SCALES_MILLI, Judged, compare, scaled
from risk.offline.costs import HarmColumns, Rows, expected_of_rows
from risk.policy.costs import ACTIONS, Costs, Menu, check_costs
from risk.strategy import Strategy

RANDOM = np.random.default_rng(4)
SIZE = 4_000
SAID = np.clip(RANDOM.beta(0.05, 2.0, SIZE), 1e-6, 1 - 1e-6)
CAME = RANDOM.random(SIZE) < SAID
AMOUNT = RANDOM.integers(100, 200_000, SIZE)
JUDGED = Judged({"unauthorized": SAID}, {"unauthorized": CAME}, AMOUNT, "CNY")
MENU = Menu(ACTIONS)


@pytest.fixture(scope="module")
def costs(strategy: Strategy) -> Costs:
    return strategy.costs


def real(costs: Costs) -> np.ndarray:
    none = np.zeros(SIZE)
    rows = Rows(HarmColumns(CAME.astype(float), none, none), AMOUNT, "CNY")
    return expected_of_rows(costs, rows, MENU)


def test_no_threshold_is_better_than_the_best(costs: Costs) -> None:
    found = compare(JUDGED, costs, MENU, scale_milli=1_000)

    by_action = real(costs)
    tried = [
        by_action[place][at <= SAID].sum() + by_action[0][at > SAID].sum()
        for place in range(1, len(ACTIONS))
        for at in np.r_[2.0, SAID]
    ]
    assert found.best.cost_minor == pytest.approx(min(tried))
    assert found.approve_minor == pytest.approx(by_action[0].sum())
    assert found.truth_minor == pytest.approx(by_action.min(axis=0).sum())


@pytest.mark.parametrize("scale_milli", SCALES_MILLI)
def test_calibrated_probabilities_beat_hindsight(costs: Costs, scale_milli: int) -> None:
    found = compare(JUDGED, costs, MENU, scale_milli=scale_milli)

    assert found.truth_minor < found.rule_minor < found.best.cost_minor < found.approve_minor
    assert sum(found.actions.values()) == SIZE
    assert min(cost for _, cost in found.curve) >= found.best.cost_minor


def test_probabilities_that_are_far_off_do_not(costs: Costs) -> None:
    wrong = SAID**0.25
    off = JUDGED._replace(heads={"unauthorized": wrong})

    found = compare(off, costs, MENU, scale_milli=1_000)

    assert found.rule_minor > found.best.cost_minor


def test_scaled_figures_are_of_money_alone_and_stay_sound(costs: Costs) -> None:
    for scale_milli in SCALES_MILLI:
        check_costs(scaled(costs, scale_milli))
    doubled = scaled(costs, 2_000)
    assert doubled.miss_fixed_milli == 2 * costs.miss_fixed_milli
    assert doubled.actions["review"].handling_milli == 2 * costs.actions["review"].handling_milli
    assert doubled.actions["review"].catch_milli == costs.actions["review"].catch_milli
