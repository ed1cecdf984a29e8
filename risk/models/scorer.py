"""One row's scores, by walking all trees of all heads at once, a level at a time. Pure.

The number of steps is the depth of the deepest tree, whatever the row. Sums are taken in float32
in XGBoost's own order: the base margin, then one tree after another (measured on 3.2.0: so they
are equal bit for bit; added last, the base margin gave other sums in nine rows of ten).

A missing value goes where its node says. A row is therefore held twice: once with -inf for what is
missing, read by nodes that send it left, and once with +inf, for those that send it right. Every
threshold is finite, so one comparison does for both. Measured: 2 us a row, and a test of each node
for a missing value 10.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from risk.models.calibration import Scored, probability
from risk.models.manifest import Calibration, HeadName
from risk.models.trees import Trees

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]


class Walk(NamedTuple):
    """All trees of a model, flat, as arrays that may lie in a mapped file.

    Attributes:
        roots: Shape (trees,), one head's trees after another's.
        place: Of the number that a node reads, in the row held twice; shape (nodes,).
        threshold: Shape (nodes,).
        left: Shape (nodes,).
        value: Of leaves, shape (nodes,).
    """

    roots: Ints
    place: Ints
    threshold: Floats
    left: Ints
    value: Floats


class HeadPlan(NamedTuple):
    """How one head's margin follows from the leaves.

    Attributes:
        first, last: Its trees, `first <= tree < last`.
    """

    name: HeadName
    base_margin: np.float32
    first: int
    last: int
    calibration: Calibration


def make_walk(trees: list[Trees]) -> Walk:
    """Return the arrays of heads' trees, one after another, all over the same inputs."""
    inputs = trees[0].inputs
    starts = np.cumsum([0] + [len(one.left) for one in trees])
    # A leaf reads the number behind the row, which is 0, and stays where it is.
    places = [
        np.where(one.is_leaf, 2 * inputs, one.feature + np.where(one.missing_left, 0, inputs))
        for one in trees
    ]
    return Walk(
        roots=np.concatenate([one.roots + at for one, at in zip(trees, starts, strict=False)]),
        place=np.concatenate(places),
        threshold=np.concatenate([one.threshold for one in trees]),
        left=np.concatenate([one.left + at for one, at in zip(trees, starts, strict=False)]),
        value=np.concatenate([one.value for one in trees]),
    )


class Scorer:
    """A model's scores. Holds no state between rows, so threads may share it."""

    def __init__(self, model: str, walk: Walk, heads: tuple[HeadPlan, ...], depth: int) -> None:
        """Take a model's arrays.

        Args:
            model: Its id.
            walk: Its trees.
            heads: In the order of their trees.
            depth: Of the deepest tree.
        """
        self.model = model
        self.heads = heads
        self._walk = walk
        self._depth = depth
        # What the first step reads is the same for all rows.
        self._first = walk.place[walk.roots], walk.threshold[walk.roots], walk.left[walk.roots]

    def margins(self, row: Floats) -> dict[HeadName, np.float32]:
        """Return each head's margin: bit for bit what XGBoost says of the row.

        Args:
            row: Shape (inputs,), float32; NaN where a value is missing.
        """
        leaves = self._leaves(row)
        return {
            head.name: margin_of(leaves[head.first : head.last], head.base_margin)
            for head in self.heads
        }

    def score(self, row: Floats) -> Scored:
        """Return each head's calibrated probability; None for a head that the model lacks.

        Args:
            row: Shape (inputs,), float32; NaN where a value is missing.
        """
        margins = self.margins(row)
        told = {
            head.name: probability(float(margins[head.name]), head.calibration)
            for head in self.heads
        }
        return Scored(
            model=self.model,
            unauthorized=told.get("unauthorized"),
            scam=told.get("scam"),
            first_party=told.get("first_party"),
        )

    def _leaves(self, row: Floats) -> Floats:
        """Return the value of the leaf that the row reaches in each tree."""
        held = held_twice(row)
        place, threshold, left = self._first
        at = left + (held[place] >= threshold)
        place, threshold, left = self._walk.place, self._walk.threshold, self._walk.left
        for _ in range(1, self._depth):
            at = left[at] + (held[place[at]] >= threshold[at])
        return self._walk.value[at]


def held_twice(row: Floats) -> Floats:
    """Return a row with -inf, then with +inf for what is missing, then a 0; see above."""
    size = len(row)
    held = np.empty(2 * size + 1, np.float32)
    np.fmax(row, np.float32(-np.inf), out=held[:size])
    np.fmin(row, np.float32(np.inf), out=held[size:-1])
    held[-1] = 0.0
    return held


def margin_of(leaves: Floats, base_margin: np.float32) -> np.float32:
    """Return the float32 sum of leaves after a base margin, from left to right."""
    terms = np.empty(len(leaves) + 1, np.float32)
    terms[0] = base_margin
    terms[1:] = leaves
    # `sum` adds in pairs; running sums do not, and the last of them is the margin.
    total: np.float32 = np.add.accumulate(terms)[-1]
    return total
