"""What a protocol measures: every figure of every fold, their means, and intervals. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from risk.offline.calibration import Calibration, calibration
from risk.offline.measures import (
    Interval,
    Ranking,
    card_precision,
    cards,
    interval,
    over,
    resamples,
)

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Shares of good payments that may be flagged, in ten-thousandths.
RATES: Final = {"recall_01": 0.001, "recall_05": 0.005, "recall_1": 0.01}
MEASURES: Final = ("auc", "average_precision", "card_precision", *RATES)
CALIBRATED: Final = ("ece", "riskiest", "slope", "brier", "brier_constant")
POINTS: Final = 200
HISTOGRAM_BINS: Final = 40


class Tested(msgspec.Struct, frozen=True, kw_only=True):
    """The payments of one fold on which a scorer was tried, shape (rows,) each.

    Attributes:
        probability: Of fraud.
        payer: Numbers from 0, not much larger than there are payers.
        second: Event times.
    """

    probability: Floats
    fraud: Flags
    payer: Ints
    second: Ints
    amount_minor: Ints


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a picture: at most `POINTS` points."""

    x: tuple[float, ...]
    y: tuple[float, ...]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What one fold measured.

    Attributes:
        measures: By name of `MEASURES`.
        resampled: The same of each resample of payers, for the interval of the mean.
        calibration: None where scores are no probabilities.
        precision_recall: Precision over recall.
        histogram: How many good payments, and frauds, have which probability; None as above.
    """

    rows: int
    frauds: int
    measures: dict[str, Interval]
    resampled: dict[str, list[float]]
    calibration: Calibration | None
    precision_recall: Curve
    histogram: "Histogram | None"


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts between borders of probability, on a logarithmic scale."""

    borders: tuple[float, ...]
    good: tuple[int, ...]
    fraud: tuple[int, ...]


def figures(tested: Tested, *, top: int, seed: int, is_probability: bool = True) -> Figures:
    """Return everything that is measured on one fold.

    Args:
        tested: The payments and what was said of them.
        top: So many cards can be looked at in a day.
        seed: Of the bootstrap.
        is_probability: Whether calibration means anything.

    Raises:
        NotMeasurable: There is no fraud, or nothing else.
    """
    ranking = Ranking(tested.probability, tested.fraud)
    by_day = cards(tested.probability, tested.fraud, tested.payer, tested.second)
    drawn = resamples(tested.payer, seed=seed)
    rows = [one for one, _ in drawn]
    found = {
        "auc": (ranking.auc(), over(ranking.auc, rows)),
        "average_precision": (ranking.average_precision(), over(ranking.average_precision, rows)),
        "card_precision": (
            card_precision(by_day, top),
            [card_precision(by_day, top, payers) for _, payers in drawn],
        ),
    }
    for name, rate in RATES.items():
        found[name] = (
            ranking.recall_at(rate),
            [ranking.recall_at(rate, weight) for weight in rows],
        )
    return Figures(
        rows=len(tested.fraud),
        frauds=int(tested.fraud.sum()),
        measures={name: interval(value, more) for name, (value, more) in found.items()},
        resampled={name: more for name, (_, more) in found.items()},
        calibration=calibration(tested.probability, tested.fraud) if is_probability else None,
        precision_recall=_thinned(*ranking.precision_recall()),
        histogram=_histogram(tested.probability, tested.fraud) if is_probability else None,
    )


def mean(folds: Sequence[Figures]) -> dict[str, Interval]:
    """Return the means over folds, each with the interval that resamples of all folds give."""
    found = {}
    for name in MEASURES:
        value = float(np.mean([one.measures[name].value for one in folds]))
        resampled = np.mean([one.resampled[name] for one in folds], axis=0)
        found[name] = interval(value, resampled.tolist())
    return found


def spread(folds: Sequence[Figures]) -> dict[str, float]:
    """Return the standard deviation of each measure over the folds, as the handbook gives it."""
    return {name: float(np.std([one.measures[name].value for one in folds])) for name in MEASURES}


def mean_calibration(folds: Sequence[Figures]) -> dict[str, float]:
    """Return the means of the figures of calibration; nothing where scores are no probability."""
    there = [one.calibration for one in folds if one.calibration is not None]
    if not there:
        return {}
    return {name: float(np.mean([getattr(one, name) for one in there])) for name in CALIBRATED}


def _thinned(x: Floats, y: Floats) -> Curve:
    """Return at most `POINTS` of a line's points, evenly over x, its last among them."""
    wanted = np.linspace(0.0, x[-1], POINTS)
    places = np.unique(np.clip(np.searchsorted(x, wanted), 0, len(x) - 1))
    return Curve(x=tuple(x[places].tolist()), y=tuple(y[places].tolist()))


def _histogram(probability: Floats, fraud: Flags) -> Histogram:
    lowest = max(float(probability.min()), 1e-7)
    borders = np.logspace(np.log10(lowest), 0.0, HISTOGRAM_BINS + 1)
    # The first bin takes what lies below, whatever rounding made of its border.
    borders[0] = 0.0
    good, bad = (np.histogram(probability[one], borders)[0] for one in (~fraud, fraud))
    return Histogram(
        borders=tuple(borders.tolist()), good=tuple(good.tolist()), fraud=tuple(bad.tolist())
    )
