"""One head's trees as flat arrays, after every check that needs no XGBoost. Pure.

Nodes are numbered anew: a tree's root first, then level by level, the two children of a node side
by side, so that a step to the right is one more than a step to the left. A leaf is its own child.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.models.booster import NO_NODE, Tree, columns_of, read_booster
from risk.models.manifest import NotAModel

DEPTH_MAX: Final = 16
ALL_NODES_MAX: Final = 400_000
LEAF: Final = -1

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Trees(NamedTuple):
    """Trees in the order in which their values are added; all arrays one element a node.

    Attributes:
        base_margin: What the sum begins with.
        inputs: How many numbers a row has.
        depth: Steps from a root to the deepest leaf.
        roots: Node of each tree's root, shape (trees,).
        feature: Place in a row; 0 for a leaf.
        threshold: Less goes left; +inf for a leaf.
        missing_left: Where a missing value goes; True for a leaf.
        left: Child for less; the node itself for a leaf. The other child is one further.
        is_leaf: Whether it has no children.
        value: Of a leaf; 0 elsewhere.
        cover: Sum of hessians of the training rows that came by.
    """

    base_margin: np.float32
    inputs: int
    depth: int
    roots: Ints
    feature: Ints
    threshold: Floats
    missing_left: npt.NDArray[np.bool_]
    left: Ints
    is_leaf: npt.NDArray[np.bool_]
    value: Floats
    cover: Floats


def read_trees(content: bytes, inputs: tuple[str, ...], base_margin: float) -> Trees:
    """Return the trees of a booster's JSON.

    Args:
        content: As XGBoost writes it.
        inputs: Names of a row's numbers.
        base_margin: Of the manifest; near what the booster's base score says, see `base_margins`.

    Raises:
        NotAModel: They are no trees that can be walked in a bounded number of steps.
    """
    booster = read_booster(content, inputs)
    if base_margin not in [float(one) for one in base_margins(booster.base_score)]:
        raise NotAModel("the base margin is not that of the booster's base score")
    if sum(len(tree.left_children) for tree in booster.trees) > ALL_NODES_MAX:
        raise NotAModel(f"a head has at most {ALL_NODES_MAX} nodes")
    flat, depths = zip(*[_flat(tree, len(inputs)) for tree in booster.trees], strict=True)
    sizes = np.array([len(one["left"]) for one in flat], np.int64)
    roots = np.cumsum(sizes) - sizes
    joined = {name: np.concatenate([one[name] for one in flat]) for name in flat[0]}
    return Trees(
        base_margin=np.float32(base_margin),
        inputs=len(inputs),
        depth=max(depths),
        roots=roots,
        feature=joined["feature"],
        threshold=joined["threshold"],
        missing_left=joined["missing_left"],
        left=joined["left"] + np.repeat(roots, sizes),
        is_leaf=joined["is_leaf"],
        value=joined["value"],
        cover=joined["cover"],
    )


def base_margins(base_score: float) -> list[np.float32]:
    """Return the float32 numbers that XGBoost may begin a margin with, the likeliest first.

    XGBoost computes -logf(1 / score - 1) in float32, and libraries differ by one place in the
    last digit of a logarithm; which one it was, golden margins tell.
    """
    score = np.float32(base_score)
    likeliest = np.float32(-np.log(np.float64(np.float32(1.0) / score - np.float32(1.0))))
    up, down = (np.nextafter(likeliest, np.float32(to)) for to in (np.inf, -np.inf))
    # A score of one half is a logarithm of 1 exactly.
    return [np.float32(0.0)] if likeliest == 0.0 else [likeliest, up, down]


def _flat(tree: Tree, inputs: int) -> tuple[dict[str, npt.NDArray[Any]], int]:
    """Return one tree's arrays, its nodes numbered from 0 in their new order, and its depth."""
    nodes = int(tree.tree_param.num_nodes)
    columns = _columns(tree, nodes, inputs)
    left, right = columns["left_children"], columns["right_children"]
    order, depth = _order(left, right, columns["parents"])
    if nodes - len(order) != int(tree.tree_param.num_deleted):
        raise NotAModel("a tree has nodes that nothing leads to")
    place = np.full(nodes, LEAF, np.int64)
    place[order] = np.arange(len(order))
    is_leaf = left[order] == LEAF
    if depth > DEPTH_MAX:
        raise NotAModel(f"a tree has at most {DEPTH_MAX} levels")
    feature = np.where(is_leaf, 0, columns["split_indices"][order])
    if ((feature < 0) | (feature >= inputs)).any():
        raise NotAModel("a tree splits by an input that there is not")
    condition = columns["split_conditions"].astype(np.float32)[order]
    cover = columns["sum_hessian"].astype(np.float32)[order]
    if not (np.isfinite(condition).all() and np.isfinite(cover).all()):
        raise NotAModel("a tree has a number that is not finite")
    if (cover < 0).any() or (cover[~is_leaf] <= 0).any():
        raise NotAModel("a tree has a node that no training row came by")
    flat = {
        "feature": feature,
        "threshold": np.where(is_leaf, np.float32(np.inf), condition),
        "missing_left": is_leaf | (columns["default_left"][order] == 1),
        "left": np.where(is_leaf, np.arange(len(order)), place[left[order]]),
        "is_leaf": is_leaf,
        "value": np.where(is_leaf, condition, np.float32(0.0)),
        "cover": cover,
    }
    return flat, depth


def _columns(tree: Tree, nodes: int, inputs: int) -> dict[str, npt.NDArray[Any]]:
    lists = columns_of(tree)
    if nodes < 1 or any(len(one) != nodes for one in lists.values()):
        raise NotAModel("a tree does not have as many nodes as it says")
    if int(tree.tree_param.num_feature) != inputs:
        raise NotAModel("a tree is over another number of inputs")
    try:
        found = {name: np.array(one) for name, one in lists.items()}
        with np.errstate(over="ignore"):
            floats = [
                found[name].astype(np.float32)
                for name in ("base_weights", "loss_changes", "split_conditions", "sum_hessian")
            ]
    except OverflowError:
        raise NotAModel("a tree has a number that is too large") from None
    whole = ("default_left", "left_children", "parents", "right_children", "split_indices")
    if any(found[name].dtype != np.int64 for name in whole) or any(
        not np.isfinite(one).all() for one in floats
    ):
        raise NotAModel("a tree has a number that it cannot have")
    if found["split_type"].any() or not np.isin(found["default_left"], (0, 1)).all():
        raise NotAModel("a tree splits by other than numbers")
    return found


def _order(left: Ints, right: Ints, parents: Ints) -> tuple[Ints, int]:
    """Return the nodes that a root leads to, level by level, siblings side by side, and depth."""
    nodes = len(left)
    for children in (left, right):
        if ((children < LEAF) | (children >= nodes)).any():
            raise NotAModel("a tree names a child that there is not")
    if ((left == LEAF) != (right == LEAF)).any():
        raise NotAModel("a node has one child")
    if parents[0] != NO_NODE:
        raise NotAModel("a root has a parent")
    seen = np.zeros(nodes, np.bool_)
    seen[0] = True
    level = np.zeros(1, np.int64)
    levels = [level]
    # Each level brings nodes never seen, so there are at most as many as nodes.
    for depth in range(nodes):
        inner = level[left[level] != LEAF]
        if not len(inner):
            return np.concatenate(levels), depth
        level = np.column_stack((left[inner], right[inner])).reshape(-1)
        if seen[level].any() or len(np.unique(level)) != len(level):
            raise NotAModel("two ways lead to one node")
        if (parents[level] != np.repeat(inner, 2)).any():
            raise NotAModel("a child has another parent")
        seen[level] = True
        levels.append(level)
    raise AssertionError("levels are at most as many as nodes")
