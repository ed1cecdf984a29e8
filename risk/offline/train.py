"""Heads of a model learnt from labelled payments: trees, and the calibration of their margins.

Never reweighted: a model trained with fraud counted a hundredfold ranks no better, and its
probabilities, on which every cost rests, are off a hundredfold.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import xgboost

from risk.offline.calibration import Platt, calibration, fit_platt
from risk.offline.measures import NotMeasurable, Ranking
from risk.offline.progress import Note, silent
from risk.offline.split import in_order

Inputs = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Margins = npt.NDArray[np.float32]

# So many frauds carry a head; one day of the handbook has about as many, and gave an average
# precision of 0.72 where all seven days give 0.75.
FRAUDS_MIN: Final = 80
# 256 bins of quantiles hide thresholds among the largest amounts, where fraud is; an estimated
# base score makes the first trees unable to split off fewer than a hundred rows. Both cost the
# handbook's protocol 0.06 of average precision.
BASE_SCORE: Final = 0.5
BINS_MAX: Final = 4_096
EXACT_ROWS_MAX: Final = 200_000
# Validation learns from the first part of the time and is tried on the rest, in so many parts.
PARTS: Final = 2
FIRST: Final = 0.4
# Standard deviations of a normal distribution beyond which 0.1 % lies on each side.
FAR: Final = 3.0902


class Recipe(NamedTuple):
    """What is chosen by validation.

    Attributes:
        depth: Of a tree, at most.
        trees: How many.
        rate_milli: What a tree counts, in thousandths.
    """

    depth: int
    trees: int
    rate_milli: int


GRID: Final = tuple(Recipe(depth, trees, 100) for depth in (3, 4) for trees in (40, 60, 100))


class Tried(NamedTuple):
    """A recipe with its average precision on payments after those it learnt from."""

    recipe: Recipe
    average_precision: float


class Validated(msgspec.Struct, frozen=True, kw_only=True):
    """What validation measured of the recipe that was chosen, after calibration.

    The two numbers of the calibration were fitted on the same payments, so that its own figures
    are a little better than those of later payments.
    """

    rows: int
    frauds: int
    average_precision: float
    auc: float
    recall_01: float
    ece: float
    riskiest: float
    slope: float


class TrainedHead(NamedTuple):
    """One head.

    Attributes:
        booster: The trees.
        calibration: Makes its margins probabilities.
        recipe: What was chosen.
        tried: Everything that was tried, in the grid's order.
        frauds: How many it learnt from.
        validated: Figures of payments after those that were learnt from.
        gain: By input, how much it told fraud from the rest, summing to 1.
    """

    booster: Any
    calibration: Platt
    recipe: Recipe
    tried: tuple[Tried, ...]
    frauds: int
    validated: Validated
    gain: dict[str, float]

    def margins(self, inputs: Inputs) -> Margins:
        """Return log-odds before calibration, shape (rows,)."""
        return margins(self.booster, inputs)


class Examples(NamedTuple):
    """Labelled payments.

    Attributes:
        inputs: Shape (rows, names).
        names: Of the inputs.
        second: Event times.
        known: When it was known of each what it was; None where that was at once.
    """

    inputs: Inputs
    names: tuple[str, ...]
    second: Ints
    known: Ints | None = None

    def of_rows(self, rows: Ints) -> "Examples":
        """Return some of them."""
        known = None if self.known is None else self.known[rows]
        return Examples(self.inputs[rows], self.names, self.second[rows], known)

    def in_order(self, fraud: Flags, parts: int, first: float) -> list[tuple[Ints, Ints]]:
        """Return rows to learn from and rows to be tried on, as they could have been at the time.

        What was not known yet when the rows to be tried on began is not learnt from. Where labels
        come so late that too few remain, the time is no guide, and all before are learnt from.

        Args:
            fraud: Shape (rows,).
            parts: How many pairs.
            first: Share of the time span that the first one learns from.
        """
        found, whole = [], []
        for before, after, border in in_order(self.second, parts, first):
            if not (_has_both(fraud[before]) and _has_both(fraud[after])):
                continue
            whole.append((before, after))
            ripe = before if self.known is None else before[self.known[before] <= border]
            is_enough = len(ripe) == len(before) or fraud[ripe].sum() >= FRAUDS_MIN
            if is_enough and _has_both(fraud[ripe]):
                found.append((ripe, after))
        return found or whole


def train_head(
    examples: Examples,
    fraud: Flags,
    *,
    grid: Sequence[Recipe] = GRID,
    note: Note = silent,
) -> TrainedHead | None:
    """Return a head, or None where too few payments were fraud to carry one.

    Args:
        examples: What is learnt from.
        fraud: Shape (rows,), which of them were fraud of the head's kind.
        grid: What is tried.
        note: Is told what is being done.
    """
    frauds = int(fraud.sum())
    if frauds < FRAUDS_MIN:
        return None
    parts = examples.in_order(fraud, PARTS, FIRST)
    if not parts:
        return None
    found = _validate(examples, fraud, parts, grid, note)
    truth = fraud[np.concatenate([after for _, after in parts])]
    tried = tuple(
        Tried(recipe, Ranking(margin, truth).average_precision())
        for recipe, margin in found.items()
    )
    # The first of equals: the grid begins with the smallest.
    best = max(tried, key=lambda one: one.average_precision).recipe
    note(f"training {best.trees} trees of depth {best.depth} on {len(fraud):,} payments")
    booster = fit(examples.inputs, fraud, best)
    platt = fit_platt(found[best], truth)
    return TrainedHead(
        booster=booster,
        calibration=platt,
        recipe=best,
        tried=tried,
        frauds=frauds,
        validated=_validated(platt(found[best]), truth),
        gain=_gain(booster, examples.names),
    )


def _validated(probability: npt.NDArray[np.float64], fraud: Flags) -> Validated:
    ranking, found = Ranking(probability, fraud), calibration(probability, fraud)
    return Validated(
        rows=len(fraud),
        frauds=int(fraud.sum()),
        average_precision=ranking.average_precision(),
        auc=ranking.auc(),
        recall_01=ranking.recall_at(0.001),
        ece=found.ece,
        riskiest=found.riskiest,
        slope=found.slope,
    )


def _validate(
    examples: Examples,
    fraud: Flags,
    parts: Sequence[tuple[Ints, Ints]],
    grid: Sequence[Recipe],
    note: Note,
) -> dict[Recipe, Margins]:
    """Return each recipe's margins of the payments of all parts, one part after the other."""
    found: dict[Recipe, list[Margins]] = {one: [] for one in grid}
    longest = _longest(grid)
    for number, (before, after) in enumerate(parts, start=1):
        for recipe in longest:
            note(f"validation {number} of {len(parts)}: depth {recipe.depth}")
            # Quantiles are four times as fast, and rank recipes alike.
            booster = fit(examples.inputs[before], fraud[before], recipe, rows_exact=0)
            for one in grid:
                if one._replace(trees=recipe.trees) == recipe:
                    margin = margins(booster, examples.inputs[after], trees=one.trees)
                    found[one].append(margin)
    return {recipe: np.concatenate(one) for recipe, one in found.items()}


def _longest(grid: Sequence[Recipe]) -> list[Recipe]:
    """Return the recipes with the most trees of their kind: fewer trees are their beginnings."""
    most: dict[tuple[int, int], Recipe] = {}
    for one in grid:
        kind = (one.depth, one.rate_milli)
        most[kind] = max(most.get(kind, one), one, key=lambda recipe: recipe.trees)
    return list(most.values())


def fit(inputs: Inputs, fraud: Flags, recipe: Recipe, *, rows_exact: int = EXACT_ROWS_MAX) -> Any:
    """Return an XGBoost booster, the same for the same rows: one thread, nothing drawn.

    Args:
        inputs: Shape (rows, names).
        fraud: Shape (rows,).
        recipe: Depth, trees and rate.
        rows_exact: Up to so many rows every value is tried as a threshold, above them quantiles.
    """
    is_small = len(fraud) <= rows_exact
    parameters = {
        "objective": "binary:logistic",
        "base_score": BASE_SCORE,
        "tree_method": "exact" if is_small else "hist",
        "max_depth": recipe.depth,
        "eta": recipe.rate_milli / 1_000,
        "nthread": 1,
        "seed": 0,
        "verbosity": 0,
        **({} if is_small else {"max_bin": BINS_MAX}),
    }
    rows = xgboost.DMatrix(inputs, fraud.astype(np.float32), nthread=1)
    return xgboost.train(parameters, rows, num_boost_round=recipe.trees)


def margins(booster: Any, inputs: Inputs, *, trees: int = 0) -> Margins:
    """Return log-odds before calibration, of the first so many trees; 0 takes all."""
    found = booster.inplace_predict(
        inputs, iteration_range=(0, trees), predict_type="margin", missing=np.nan
    )
    return np.asarray(found, np.float32)


def engine() -> dict[str, str]:
    """Return the library that trains, and its version."""
    return {"xgboost": str(xgboost.__version__)}


def _gain(booster: Any, names: Sequence[str]) -> dict[str, float]:
    gain: dict[str, float] = booster.get_score(importance_type="total_gain")
    total = sum(gain.values()) or 1.0
    by_name = {names[int(code[1:])]: value / total for code, value in gain.items()}
    return dict(sorted(by_name.items(), key=lambda one: (-one[1], one[0])))


def _has_both(fraud: Flags) -> bool:
    return bool(fraud.any() and not fraud.all())


def chance(examples: Examples, fraud: Flags, *, seed: int, resamples: int) -> tuple[float, float]:
    """Return the 99.8 % interval of a quick model's AUC on the last third of the time.

    So far from the middle few resamples lie: its ends are those of a normal distribution with
    their standard deviation.

    Args:
        examples: Labelled payments.
        fraud: Which of them were fraud.
        seed: Of the resamples.
        resamples: How many.

    Raises:
        NotMeasurable: One of the two parts has no fraud, or nothing else.
    """
    parts = examples.in_order(fraud, 1, 2 / 3)
    if not parts:
        raise NotMeasurable("the labels lie on one side in time")
    [(before, after)] = parts
    quick = Recipe(depth=3, trees=30, rate_milli=300)
    booster = fit(examples.inputs[before], fraud[before], quick, rows_exact=0)
    ranking = Ranking(margins(booster, examples.inputs[after]), fraud[after])
    random = np.random.default_rng(seed)
    drawn = [
        ranking.auc(np.bincount(random.integers(0, len(after), len(after)), minlength=len(after)))
        for _ in range(resamples)
    ]
    middle, reach = ranking.auc(), FAR * float(np.std(drawn))
    return middle - reach, middle + reach
