"""What an evaluation found: numbers for programs, tables for people. Measures nothing itself."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

import msgspec

from risk.offline.calibration import Calibration
from risk.offline.evaluate import (
    CALIBRATED,
    MEASURES,
    Curve,
    Figures,
    Histogram,
    mean,
    mean_calibration,
    spread,
)
from risk.offline.measures import Interval
from risk.offline.train import Recipe
from risk.offline.trial import Trial
from service.cli.evaluate.protocol import Protocol, Published, Said
from service.cli.screen import table

# How measures are called where people read them.
NAMES: Final = {
    "auc": "AUC",
    "average_precision": "AP",
    "card_precision": "CP@100",
    "recall_01": "R@0.1%",
    "recall_05": "R@0.5%",
    "recall_1": "R@1%",
    "ece": "ECE",
    "riskiest": "riskiest 1%",
    "slope": "slope",
    "slope_off": "slope off 1 by",
    "brier": "Brier",
    "brier_constant": "Brier of a constant",
}
# Of these a goal is the greatest value, of all others the least.
AT_MOST: Final = frozenset({"ece", "riskiest", "slope_off"})
INPUTS_SHOWN: Final = 15
_NONE: Final = "-"


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One fold.

    Attributes:
        learnt_from: Payments that its model learnt from, `frauds_learnt` of them fraud.
        rows: Payments that it was tried on, `frauds` of them fraud.
        inputs: The most useful ones, with their share of what all told.
    """

    test_from: dt.date
    learnt_from: int
    frauds_learnt: int
    rows: int
    frauds: int
    recipe: Recipe
    measures: dict[str, Interval]
    calibration: Calibration | None
    inputs: dict[str, float]
    precision_recall: Curve
    histogram: Histogram


class Goal(msgspec.Struct, frozen=True, kw_only=True):
    """A value that a mean must reach."""

    measure: str
    goal: float
    found: float
    is_met: bool


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """Everything an evaluation found.

    Attributes:
        data_sha256: Of the file.
        engine: Library -> version.
        means: Over folds, with the 95 % interval of resampled payers.
        deviations: Standard deviations over folds.
        calibration: Means over folds.
    """

    protocol: str
    title: Said
    data_sha256: str
    engine: dict[str, str]
    feature_set: str
    folds: tuple[Fold, ...]
    means: dict[str, Interval]
    deviations: dict[str, float]
    calibration: dict[str, float]
    goals: tuple[Goal, ...]
    published: tuple[Published, ...]

    @property
    def is_met(self) -> bool:
        """Whether every goal is."""
        return all(one.is_met for one in self.goals)


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured with what."""

    data_sha256: str
    engine: dict[str, str]
    feature_set: str


def made(
    protocol: Protocol, source: Source, trials: Sequence[Trial], found: Sequence[Figures]
) -> Evaluation:
    """Return the report of all folds.

    Args:
        protocol: What was measured.
        source: With what.
        trials: One for each fold.
        found: Their figures.
    """
    means, calibrated = mean(found), mean_calibration(found)
    return Evaluation(
        protocol=protocol.name,
        title=protocol.title,
        data_sha256=source.data_sha256,
        engine=source.engine,
        feature_set=source.feature_set,
        folds=tuple(
            _fold(start, trial, one)
            for start, trial, one in zip(protocol.test_from, trials, found, strict=True)
        ),
        means=means,
        deviations=spread(found),
        calibration=calibrated,
        goals=tuple(_goals(protocol.goals, means, calibrated)),
        published=protocol.published,
    )


def _fold(start: dt.date, trial: Trial, found: Figures) -> Fold:
    return Fold(
        test_from=start,
        learnt_from=trial.rows,
        frauds_learnt=trial.head.frauds,
        rows=found.rows,
        frauds=found.frauds,
        recipe=trial.head.recipe,
        measures=found.measures,
        calibration=found.calibration,
        inputs=dict(list(trial.head.gain.items())[:INPUTS_SHOWN]),
        precision_recall=found.precision_recall,
        histogram=found.histogram,
    )


def _goals(
    goals: dict[str, float], means: dict[str, Interval], calibrated: dict[str, float]
) -> list[Goal]:
    values = {name: one.value for name, one in means.items()} | calibrated
    if "slope" in calibrated:
        values["slope_off"] = abs(calibrated["slope"] - 1.0)
    return [
        Goal(
            measure=name,
            goal=goal,
            found=values[name],
            is_met=values[name] <= goal if name in AT_MOST else values[name] >= goal,
        )
        for name, goal in goals.items()
    ]


def text_of(found: Evaluation) -> str:
    """Return a report as people read it."""
    blocks = [
        f"{found.protocol}: {found.title.en}\n{found.title.zh}",
        _measures(found),
        _calibration(found),
        _goals_table(found),
    ]
    return "\n\n".join(one for one in blocks if one)


def _measures(found: Evaluation) -> str:
    rows = [("test week", "learnt from", "tried on", *(NAMES[one] for one in MEASURES))]
    for one in found.folds:
        sizes = (
            f"{one.learnt_from:,} / {one.frauds_learnt}",
            f"{one.rows:,} / {one.frauds}",
        )
        rows.append((str(one.test_from), *sizes, *(_value(one.measures[m]) for m in MEASURES)))
    rows.append(("mean", "", "", *(_value(found.means[one]) for one in MEASURES)))
    rows.append(("its 95 % interval", "", "", *(_range(found.means[one]) for one in MEASURES)))
    rows.append(("sd of folds", "", "", *(f"{found.deviations[one]:.3f}" for one in MEASURES)))
    for other in found.published:
        values = (getattr(other, one, None) for one in MEASURES)
        cells = (_NONE if one is None else f"{one:.3f}" for one in values)
        rows.append((f"published: {other.name}", "", "", *cells))
    return table(rows)


def _calibration(found: Evaluation) -> str:
    if not found.calibration:
        return ""
    rows = [("calibration", *(NAMES[one] for one in CALIBRATED))]
    for one in found.folds:
        assert one.calibration is not None
        values = (getattr(one.calibration, name) for name in CALIBRATED)
        rows.append((str(one.test_from), *(f"{value:.4f}" for value in values)))
    rows.append(("mean", *(f"{found.calibration[name]:.4f}" for name in CALIBRATED)))
    return table(rows)


def _goals_table(found: Evaluation) -> str:
    if not found.goals:
        return ""
    rows = [("goal", "asked", "found", "")]
    for one in found.goals:
        sign = "<=" if one.measure in AT_MOST else ">="
        met = "met" if one.is_met else "MISSED"
        rows.append((NAMES[one.measure], f"{sign} {one.goal:g}", f"{one.found:.4f}", met))
    return table(rows)


def _value(one: Interval) -> str:
    return f"{one.value:.3f}"


def _range(one: Interval) -> str:
    return f"{one.low:.3f}..{one.high:.3f}"
