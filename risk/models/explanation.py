"""Exact reasons for one row: Shapley values of a head's trees, in units of its margin. Pure.

What stands in for an unknown input is the share of training rows that went each way, the trees'
own cover (TreeSHAP, path-dependent; Lundberg and others 2020). Values and bias sum to the margin.

A leaf adds to input i of its path `value * (one_i - zero_i) * w_i`, where one_i says whether the
row follows the path in i, zero_i is the share of training rows that do, and w_i is the mean, over
all orders in which inputs become known, of the product over the others. That mean is the integral
over t from 0 to 1 of the product of `zero_j + t * (one_j - zero_j)` (Owen 1972), a polynomial of
lower degree than a path has steps, so Gauss and Legendre's few points give it exactly.

What a row has to do with a tree is only which way it goes at each node. So nodes are taken in
groups: a small subtree with the way to it, at most `BITS` nodes; and what a group adds to each of
its inputs is looked up by the group's pattern of ways (after Yang 2021, Fast TreeSHAP v2, which
looks up single leaves). Deeper trees, and tables that would be too large, are computed leaf by
leaf instead.
"""

from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.models.scorer import held_twice
from risk.models.trees import Trees

BITS: Final = 7
COLUMNS: Final = 8  # one cache line of float64
DEPTH_TABLED_MAX: Final = BITS
TABLE_BYTES_MAX: Final = 128 << 20
_CHUNK: Final = 1_024
_NONE: Final = -1

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Reals = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]


class Explanation(NamedTuple):
    """Why a margin is what it is.

    Attributes:
        bias: What a row of which nothing is known would get.
        contributions: What each input adds to it, shape (inputs,), in margin units.
    """

    bias: float
    contributions: Reals


class Paths(NamedTuple):
    """The way to each leaf, from the leaf up; shape (steps, leaves) where it says nothing else.

    Where a way is shorter than the longest, and where it asks an input a second time, a step is
    neutral: its share is 1 and a row always follows it. The share of all steps that ask one input
    stands at the first of them.

    Attributes:
        node: The node that is left; `_NONE` beyond a root.
        is_right: Which way.
        first: The first step that asks the same input.
        zero: Share of training rows that follow all steps of the input.
        feature: The input.
        value: Of the leaves, shape (leaves,).
        leaf: Their nodes, shape (leaves,).
    """

    node: Ints
    is_right: Flags
    first: Ints
    zero: Reals
    feature: Ints
    value: Reals
    leaf: Ints


class Table(NamedTuple):
    """A head's reasons, ready to be looked up; arrays may lie in a mapped file.

    Attributes:
        place, threshold: Of all nodes with children, and one behind them that nothing reaches;
            see risk/models/scorer.py.
        asked: The nodes whose ways make a group's pattern, places in the two above, shape
            (groups, 8), lowest bit first.
        base: Row of each group's pattern 0, shape (groups,).
        column: The input that each number of a row of the table is for, shape (groups * 8,); one
            past the last where there is none.
        shares: Shape (groups * 128, 8).
    """

    place: Ints
    threshold: Floats
    asked: Ints
    base: Ints
    column: Ints
    shares: Reals


class TableExplainer:
    """Reasons of one head by its table."""

    def __init__(self, table: Table, bias: float, inputs: int) -> None:
        """Take a table.

        Args:
            table: Of the head.
            bias: What its margins begin with, and what its trees say of an unknown row.
            inputs: How many numbers a row has.
        """
        self._table = table
        self._bias = bias
        self._inputs = inputs

    def explain(self, row: Floats) -> Explanation:
        """Return the reasons of a row, shape (inputs,), float32; NaN where a value is missing."""
        table = self._table
        goes_right = held_twice(row)[table.place] >= table.threshold
        pattern = np.packbits(goes_right[table.asked], axis=1, bitorder="little")
        shares = table.shares[table.base + pattern[:, 0]]
        return Explanation(self._bias, _summed(table.column, shares, self._inputs))


class PathExplainer:
    """Reasons of one head, computed for every leaf anew: slow, for any depth."""

    def __init__(self, trees: Trees) -> None:
        """Take a head's trees."""
        self._trees = trees
        self._paths = paths_of(trees)
        self._place = trees.feature + np.where(trees.missing_left, 0, trees.inputs)
        self._bias = bias_of(trees, self._paths)

    def explain(self, row: Floats) -> Explanation:
        """Return the reasons of a row, shape (inputs,), float32; NaN where a value is missing."""
        paths, trees = self._paths, self._trees
        goes_right = held_twice(row)[self._place] >= trees.threshold
        follows = (goes_right[paths.node] == paths.is_right) | (paths.node == _NONE)
        shares = paths.value * _shares(_merged(follows, paths.first), paths.zero)
        column = np.where(paths.node == _NONE, trees.inputs, paths.feature).reshape(-1)
        return Explanation(self._bias, _summed(column, shares, trees.inputs))


def paths_of(trees: Trees) -> Paths:
    """Return the way to each leaf of all trees."""
    parent, is_right = _parents(trees)
    leaf = np.flatnonzero(trees.is_leaf)
    node = np.full((max(trees.depth, 1), len(leaf)), _NONE, np.int64)
    way = np.zeros(node.shape, np.bool_)
    zero = np.ones(node.shape)
    below = leaf
    for step in range(trees.depth):
        above = np.where(below == _NONE, _NONE, parent[below])
        has = above != _NONE
        node[step], way[step] = above, is_right[below] & has
        cover = trees.cover.astype(np.float64)
        zero[step, has] = cover[below[has]] / cover[above[has]]
        below = above
    feature = np.where(node == _NONE, _NONE, trees.feature[node])
    first, zero = _first_steps(feature, zero)
    value = trees.value[leaf].astype(np.float64)
    return Paths(node, way, first, zero, feature, value, leaf)


def bias_of(trees: Trees, paths: Paths) -> float:
    """Return the margin of a row of which nothing is known."""
    return float(trees.base_margin) + float((paths.value * paths.zero.prod(axis=0)).sum())


def can_be_tabled(trees: Trees) -> bool:
    """Say whether a head's table is possible and small enough."""
    if trees.depth > DEPTH_TABLED_MAX:
        return False
    groups = int(_group_roots(trees).sum())
    return groups * (1 << BITS) * COLUMNS * np.dtype(np.float64).itemsize <= TABLE_BYTES_MAX


def make_table(trees: Trees) -> tuple[Table, float]:
    """Return a head's table and bias, for trees that `can_be_tabled`.

    Time is in proportion to leaves; see bench/README.md.
    """
    paths = paths_of(trees)
    group, asked = _groups(trees)
    feature = np.where(asked == _NONE, trees.inputs, trees.feature[asked])
    # Within a group, each input has the column of the first node that asks it.
    column = (feature[:, :, None] == feature[:, None, :]).argmax(axis=2)
    is_first = (column == np.arange(COLUMNS)) & (asked != _NONE)
    shares = np.zeros((len(asked), 1 << BITS, COLUMNS))
    _fill(shares, paths, group, asked, column)
    inner = np.flatnonzero(~trees.is_leaf)
    place_of = np.full(len(trees.left), _NONE, np.int64)
    place_of[inner] = np.arange(len(inner))
    place = trees.feature[inner] + np.where(trees.missing_left[inner], 0, trees.inputs)
    table = Table(
        place=np.append(place, 2 * trees.inputs),
        threshold=np.append(trees.threshold[inner], np.float32(np.inf)),
        asked=np.where(asked == _NONE, len(inner), place_of[asked]),
        base=np.arange(len(asked)) << BITS,
        column=np.where(is_first, feature, trees.inputs).reshape(-1),
        shares=shares.reshape(-1, COLUMNS),
    )
    return table, bias_of(trees, paths)


def _summed(column: Ints, shares: Reals, inputs: int) -> Reals:
    """Return the sum of each input's shares; what is for no input has the number `inputs`."""
    found: Any = np.bincount(column, weights=shares.reshape(-1), minlength=inputs + 1)
    summed: Reals = found[:-1]
    return summed


def _parents(trees: Trees) -> tuple[Ints, Flags]:
    """Return each node's parent, `_NONE` of a root, and whether it lies to the right of it."""
    inner = np.flatnonzero(~trees.is_leaf)
    parent = np.full(len(trees.left), _NONE, np.int64)
    is_right = np.zeros(len(trees.left), np.bool_)
    parent[trees.left[inner]] = inner
    parent[trees.left[inner] + 1] = inner
    is_right[trees.left[inner] + 1] = True
    return parent, is_right


def _first_steps(feature: Ints, zero: Reals) -> tuple[Ints, Reals]:
    """Return the first step of each step's input, and shares merged into it."""
    steps = len(feature)
    first = np.repeat(np.arange(steps)[:, None], feature.shape[1], axis=1)
    merged = zero.copy()
    for later in range(steps):
        for step in range(later):
            same = (feature[step] == feature[later]) & (first[step] == step)
            same &= feature[later] != _NONE
            first[later, same] = step
            merged[step, same] *= zero[later, same]
            merged[later, same] = 1.0
    return first, merged


def _merged(follows: Flags, first: Ints) -> Flags:
    """Return whether a row follows all steps of an input, at the first of them; else True.

    Args:
        follows: Shape (steps, leaves, ...).
        first: Shape (steps, leaves).
    """
    found = follows.copy()
    shape = (first.shape[1], *[1] * (follows.ndim - 2))
    for later in range(len(first)):
        for step in range(later):
            same = (first[later] == step).reshape(shape)
            found[step] &= follows[later] | ~same
            found[later] |= same
    return found


def _shares(one: Flags, zero: Reals) -> Reals:
    """Return `(one_i - zero_i) * w_i` of each step, shape (steps, ...); see the module."""
    steps = len(one)
    points, weights = np.polynomial.legendre.leggauss((steps + 1) // 2)
    gain = one - zero
    found = np.zeros(gain.shape)
    for point, weight in zip((points + 1.0) / 2.0, weights / 2.0, strict=True):
        factor = zero + point * gain
        after = np.ones(gain.shape)
        for step in range(steps - 1, 0, -1):
            np.multiply(after[step], factor[step], out=after[step - 1])
        before = np.full(gain.shape[1:], weight)
        for step in range(steps):
            found[step] += before * after[step]
            before *= factor[step]
    return found * gain


def _depths(parent: Ints, depth: int) -> Ints:
    found = np.zeros(len(parent), np.int64)
    above = parent
    for _ in range(depth):
        found += above != _NONE
        above = np.where(above == _NONE, _NONE, parent[above])
    return found


def _group_roots(trees: Trees) -> Flags:
    """Return whether a node is the top of a group: its way and subtree ask few enough nodes."""
    parent, _ = _parents(trees)
    depth = _depths(parent, trees.depth)
    inside = (~trees.is_leaf).astype(np.int64)
    for level in range(trees.depth - 1, -1, -1):
        nodes = np.flatnonzero((depth == level) & ~trees.is_leaf)
        inside[nodes] += inside[trees.left[nodes]] + inside[trees.left[nodes] + 1]
    # What holds of a node holds of all below it.
    fits = depth + inside <= BITS
    is_top: Flags = fits & ((parent == _NONE) | ~fits[parent])
    return is_top


def _groups(trees: Trees) -> tuple[Ints, Ints]:
    """Return each node's group, `_NONE` above all groups, and the nodes that a group asks.

    The second has shape (groups, 8), `_NONE` where a group asks fewer: first the way to the
    group's top, then what lies below.
    """
    parent, _ = _parents(trees)
    depth = _depths(parent, trees.depth)
    tops = np.flatnonzero(_group_roots(trees))
    group = np.full(len(parent), _NONE, np.int64)
    group[tops] = np.arange(len(tops))
    for level in range(1, trees.depth + 1):
        nodes = np.flatnonzero((depth == level) & (group == _NONE))
        group[nodes] = group[parent[nodes]]
    asked = np.full((len(tops), COLUMNS), _NONE, np.int64)
    above = parent[tops]
    for step in range(trees.depth):
        asked[:, step] = above
        above = np.where(above == _NONE, _NONE, parent[above])
    inner = np.flatnonzero(~trees.is_leaf & (group != _NONE))
    inner = inner[np.argsort(group[inner], kind="stable")]
    rank = _ranks(group[inner])
    asked[group[inner], depth[tops][group[inner]] + rank] = inner
    return group, asked


def _ranks(sorted_codes: Ints) -> Ints:
    """Return how many equal codes stand before each, in codes that are in order."""
    first = np.searchsorted(sorted_codes, sorted_codes, side="left")
    return np.arange(len(sorted_codes)) - first


def _fill(shares: Reals, paths: Paths, group: Ints, asked: Ints, column: Ints) -> None:
    """Add to a table, shape (groups, 128, 8), what each leaf adds by each pattern."""
    order = np.argsort(group[paths.leaf], kind="stable")
    rank = _ranks(group[paths.leaf][order])
    for place in range(int(rank.max()) + 1):
        # One leaf of a group at a time: additions into one array must not meet.
        leaves = order[rank == place]
        for start in range(0, len(leaves), _CHUNK):
            _add(shares, paths, leaves[start : start + _CHUNK], group, asked, column)


def _add(shares: Reals, paths: Paths, leaves: Ints, group: Ints, asked: Ints, column: Ints) -> None:
    steps = len(paths.node)
    of = group[paths.leaf[leaves]]
    ways = np.arange(1 << steps) >> np.arange(steps)[:, None] & 1
    is_root = paths.node[:, leaves] == _NONE
    follows = (ways[:, None, :] == paths.is_right[:, leaves, None]) | is_root[:, :, None]
    by_way = _shares(_merged(follows, paths.first[:, leaves]), paths.zero[:, leaves, None])
    by_way *= paths.value[leaves, None]
    # Which bit of the group's pattern each step of the leaf is.
    bit = (asked[of][None, :, :] == paths.node[:, leaves, None]).argmax(axis=2)
    pattern = np.arange(1 << BITS)
    way = np.zeros((len(leaves), 1 << BITS), np.int64)
    for step in range(steps):
        set_ = (pattern >> bit[step][:, None]) & 1
        way |= np.where(is_root[step][:, None], 0, set_ << step)
    row = np.arange(len(leaves))[:, None]
    for step in range(steps):
        # Neutral steps add 0.
        into = column[of, bit[step]]
        added = np.where(is_root[step][:, None], 0.0, by_way[step][row, way])
        shares[of[:, None], pattern, into[:, None]] += added
