"""Reasons are Shapley values: XGBoost's own, those of a brute force, and sums to the margin."""

import itertools
import math

import numpy as np
import pytest
import xgboost

from risk.models.explanation import (
    PathExplainer,
    TableExplainer,
    can_be_tabled,
    make_table,
)
from risk.models.model import open_model
from risk.models.scorer import held_twice
from risk.models.trees import Trees
from risk.offline.check import margins, random_rows
from tests.support.models import Grown, grow

SHAPES = [
    {"trees": 60, "depth": 3},
    {"trees": 60, "depth": 6},
    {"trees": 30, "depth": 7, "min_child_weight": 0.1},
    {"trees": 20, "depth": 1},
    {"trees": 30, "depth": 5, "base_score": 0.01, "tree_method": "exact", "gamma": 3.0},
    {"trees": 4, "depth": 3, "gamma": 1e9},
]


def theirs(grown: Grown, rows: np.ndarray) -> np.ndarray:
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(grown.booster))
    return booster.predict(xgboost.DMatrix(rows), pred_contribs=True)


def by_brute_force(trees: Trees, row: np.ndarray) -> np.ndarray:
    """Return Shapley values by their definition: every order of every input."""
    inputs = range(trees.inputs)
    found = np.zeros(trees.inputs)
    for place in inputs:
        others = [one for one in inputs if one != place]
        for size in range(len(others) + 1):
            weight = math.factorial(size) * math.factorial(len(others) - size)
            weight /= math.factorial(len(others) + 1)
            for known in itertools.combinations(others, size):
                added = expected(trees, row, {*known, place}) - expected(trees, row, set(known))
                found[place] += weight * added
    return found


def expected(trees: Trees, row: np.ndarray, known: set[int]) -> float:
    """Return what trees say of a row of which only some inputs are known."""
    held = held_twice(row)

    def below(node: int) -> float:
        if trees.is_leaf[node]:
            return float(trees.value[node])
        left, feature = int(trees.left[node]), int(trees.feature[node])
        if feature in known:
            place = feature + (0 if trees.missing_left[node] else trees.inputs)
            return below(left + int(held[place] >= trees.threshold[node]))
        cover = trees.cover.astype(np.float64)
        parts = [below(child) * cover[child] for child in (left, left + 1)]
        return sum(parts) / cover[node]

    return sum(below(int(root)) for root in trees.roots)


@pytest.mark.long
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_reasons_are_those_of_xgboost(make, shape) -> None:
    grown = grow(8, **shape)
    model = open_model(make(8, scam=grown))
    table, bias = make_table(model.trees["scam"])
    explainer = TableExplainer(table, bias, 8)
    rows = np.concatenate((grown.rows[:200], random_rows(model, 200)))

    ours = np.array([(*one.contributions, one.bias) for one in map(explainer.explain, rows)])

    assert np.abs(ours - theirs(grown, rows)).max() < 1e-5
    assert np.abs(ours.sum(axis=1) - margins(grown.booster, rows)).max() < 1e-5


def test_reasons_are_shapley_values_by_definition(make) -> None:
    grown = grow(6, trees=4, depth=4)
    model = open_model(make(6, scam=grown))
    trees = model.trees["scam"]
    table, bias = make_table(trees)

    for row in random_rows(model, 10):
        found = TableExplainer(table, bias, 6).explain(row)
        assert found.contributions == pytest.approx(by_brute_force(trees, row), abs=1e-6)


@pytest.mark.parametrize("depth", [5, 10])
def test_reasons_leaf_by_leaf_are_the_same_at_any_depth(make, depth) -> None:
    grown = grow(8, trees=20, depth=depth)
    model = open_model(make(8, scam=grown))
    trees = model.trees["scam"]
    rows = np.concatenate((grown.rows[:50], random_rows(model, 50)))
    explainer = PathExplainer(trees)

    ours = np.array([(*one.contributions, one.bias) for one in map(explainer.explain, rows)])

    assert can_be_tabled(trees) == (depth <= 7)
    assert np.abs(ours - theirs(grown, rows)).max() < 1e-5


def test_an_input_that_no_tree_asks_adds_nothing(make) -> None:
    grown = grow(8, trees=3, depth=1)
    trees = open_model(make(8, scam=grown)).trees["scam"]
    table, bias = make_table(trees)

    found = TableExplainer(table, bias, 8).explain(grown.rows[0])

    asked = set(trees.feature[~trees.is_leaf].tolist())
    assert not found.contributions[[place for place in range(8) if place not in asked]].any()
