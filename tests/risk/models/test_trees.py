"""Trees of a booster: each thing that makes a booster none of ours has its own refusal."""

import json

import numpy as np
import pytest

from risk.models.manifest import NotAModel
from risk.models.trees import base_margins, read_trees
from tests.support.damaged_models import MODEL, written
from tests.support.models import grow

INPUTS = tuple(f"f{place}" for place in range(8))
FIRST = f"{MODEL}.trees.0"


def children(booster: dict, node: int) -> tuple[int, int]:
    tree = booster["learner"]["gradient_booster"]["model"]["trees"][0]
    return tree["left_children"][node], tree["right_children"][node]


@pytest.fixture(scope="module")
def booster() -> dict:
    return json.loads(grow(8, trees=2, depth=3, min_child_weight=5).booster)


def refusal(booster: dict, **values: object) -> str:
    """Return why a booster with other values of its first tree's root is refused."""
    for field, value in values.items():
        booster = json.loads(written(booster, f"{FIRST}.{field}.0", value))
    with pytest.raises(NotAModel) as refused:
        read_trees(json.dumps(booster).encode(), INPUTS, 0.0)
    return str(refused.value)


def test_siblings_stand_side_by_side_after_their_parent(booster) -> None:
    trees = read_trees(json.dumps(booster).encode(), INPUTS, 0.0)

    inner = np.flatnonzero(~trees.is_leaf)
    assert (trees.left[inner] > inner).all()
    assert (trees.left[trees.is_leaf] == np.flatnonzero(trees.is_leaf)).all()
    assert len({*trees.left[inner], *(trees.left[inner] + 1)}) == 2 * len(inner)
    assert trees.depth == 3


def test_two_ways_to_one_node_are_refused(booster) -> None:
    left, _ = children(booster, 0)

    assert refusal(booster, right_children=left) == "two ways lead to one node"


def test_a_node_with_one_child_is_refused(booster) -> None:
    assert refusal(booster, right_children=-1) == "a node has one child"
    assert refusal(booster, left_children=-1) == "a node has one child"


def test_a_tree_without_its_branches_is_refused(booster) -> None:
    found = refusal(booster, left_children=-1, right_children=-1)

    assert found == "a tree has nodes that nothing leads to"


def test_a_circle_is_refused(booster) -> None:
    assert refusal(booster, left_children=0) == "two ways lead to one node"


@pytest.mark.parametrize("threshold", [1e39, -1e300])
def test_a_number_beyond_float32_is_refused(booster, threshold) -> None:
    assert refusal(booster, split_conditions=threshold) == "a tree has a number that it cannot have"


def test_a_deep_tree_is_refused() -> None:
    deep = grow(8, trees=1, depth=20, min_child_weight=0, tree_method="exact").booster

    with pytest.raises(NotAModel, match="at most 16 levels"):
        read_trees(deep, INPUTS, 0.0)


def test_a_base_margin_is_the_logit_of_the_base_score() -> None:
    assert base_margins(0.5) == [0.0]
    assert float(base_margins(0.01)[0]) == pytest.approx(np.log(0.01 / 0.99), rel=1e-6)
    assert all(abs(one - base_margins(0.01)[0]) < 1e-6 for one in base_margins(0.01))


def test_another_base_margin_is_refused(booster) -> None:
    with pytest.raises(NotAModel, match="not that of the booster's base score"):
        read_trees(json.dumps(booster).encode(), INPUTS, 0.1)
