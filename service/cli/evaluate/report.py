"""What an evaluation found: numbers for programs, tables for people. Measures nothing itself."""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from risk.offline.calibration import Calibration
from risk.offline.costing import Costed
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
    "card_precision": "CP@{cards}",
    "recall_01": "R@0.1%",
    "recall_05": "R@0.5%",
    "recall_1": "R@1%",
    "ece": "ECE",
    "riskiest": "riskiest 1%",
    "slope": "slope",
    "slope_off": "slope off 1 by",
    "brier": "Brier",
    "brier_constant": "Brier of a constant",
    "cost_1000": "cost / best threshold's",
    "cost_500": "the same, costs halved",
    "cost_2000": "the same, costs doubled",
}
# Of these a goal is the greatest value, of all others the least.
AT_MOST: Final = frozenset(
    {
        *("ece", "riskiest", "slope_off", "brier", "brier_constant"),
        *("cost_1000", "cost_500", "cost_2000"),
    }
)
INPUTS_SHOWN: Final = 15
_NONE: Final = "-"


class Fold(msgspec.Struct, frozen=True, kw_only=True):
    """One fold.

    Attributes:
        learnt_from: Payments that its model learnt from, `frauds_learnt` of them fraud.
        rows: Payments that it was tried on, `frauds` of them fraud.
        inputs: The most useful ones, with their share of what all told.
        cold_start: What a score without any label measures on the same payments.
        costs: As in the costs file, halved and doubled; empty where they are left out.
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
    histogram: Histogram | None
    cold_start: dict[str, Interval]
    costs: tuple[Costed, ...]


class Found(NamedTuple):
    """What was measured on one fold.

    Attributes:
        cold_start: Of the score without labels; None where there is none.
    """

    trial: Trial
    figures: Figures
    cold_start: Figures | None
    costs: tuple[Costed, ...]


class CostMeans(msgspec.Struct, frozen=True, kw_only=True):
    """Means over folds, minor units; see `Costed`."""

    scale_milli: int
    rule_minor: float
    best_minor: float
    approve_minor: float
    truth_minor: float


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
        seed: Of the first fold's resamples; each further fold has one more.
        means: Over folds, with the 95 % interval of resampled payers.
        deviations: Standard deviations over folds.
        calibration: Means over folds.
        cold_start: Means over folds of the score without labels.
        costs: One for each scale.
        no_costs: Why costs are left out, one sentence; "" where they are not.
    """

    protocol: str
    cards_a_day: int
    title: Said
    data_sha256: str
    engine: dict[str, str]
    feature_set: str
    seed: int
    folds: tuple[Fold, ...]
    means: dict[str, Interval]
    deviations: dict[str, float]
    calibration: dict[str, float]
    cold_start: dict[str, Interval]
    costs: tuple[CostMeans, ...]
    no_costs: str
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
    no_costs: str = ""


def made(protocol: Protocol, source: Source, found: Sequence[Found]) -> Evaluation:
    """Return the report of all folds.

    Args:
        protocol: What was measured.
        source: With what.
        found: One for each fold.
    """
    figures = [one.figures for one in found]
    means, calibrated = mean(figures), mean_calibration(figures)
    cold = [one.cold_start for one in found if one.cold_start is not None]
    costs = tuple(_cost_means(each) for each in zip(*(one.costs for one in found), strict=True))
    return Evaluation(
        protocol=protocol.name,
        cards_a_day=protocol.cards_a_day,
        title=protocol.title,
        data_sha256=source.data_sha256,
        engine=source.engine,
        feature_set=source.feature_set,
        seed=protocol.seed,
        folds=tuple(
            _fold(start, one) for start, one in zip(protocol.test_from, found, strict=True)
        ),
        means=means,
        deviations=spread(figures),
        calibration=calibrated,
        cold_start=mean(cold) if cold else {},
        costs=costs,
        no_costs=source.no_costs,
        goals=(*_goals(protocol.goals, means, calibrated), *map(_cost_goal, costs)),
        published=protocol.published,
    )


def _fold(start: dt.date, one: Found) -> Fold:
    return Fold(
        test_from=start,
        learnt_from=one.trial.rows,
        frauds_learnt=one.trial.head.frauds,
        rows=one.figures.rows,
        frauds=one.figures.frauds,
        recipe=one.trial.head.recipe,
        measures=one.figures.measures,
        calibration=one.figures.calibration,
        inputs=dict(list(one.trial.head.gain.items())[:INPUTS_SHOWN]),
        precision_recall=one.figures.precision_recall,
        histogram=one.figures.histogram,
        cold_start={} if one.cold_start is None else one.cold_start.measures,
        costs=one.costs,
    )


def _cost_means(folds: Sequence[Costed]) -> CostMeans:
    def mean_of(values: Iterable[float]) -> float:
        return sum(values) / len(folds)

    return CostMeans(
        scale_milli=folds[0].scale_milli,
        rule_minor=mean_of(one.rule_minor for one in folds),
        best_minor=mean_of(one.best.cost_minor for one in folds),
        approve_minor=mean_of(one.approve_minor for one in folds),
        truth_minor=mean_of(one.truth_minor for one in folds),
    )


def _cost_goal(one: CostMeans) -> Goal:
    """Return that the rule costs at most what the best threshold in hindsight does."""
    share = one.rule_minor / one.best_minor if one.best_minor else 1.0
    return Goal(measure=f"cost_{one.scale_milli}", goal=1.0, found=share, is_met=share <= 1.0)


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


def name_of(measure: str, found: Evaluation) -> str:
    """Return how a measure is called where people read it."""
    return NAMES[measure].format(cards=found.cards_a_day)


def text_of(found: Evaluation) -> str:
    """Return a report as people read it."""
    blocks = [
        f"{found.protocol}: {found.title.en}\n{found.title.zh}",
        _measures(found),
        _calibration(found),
        _costs(found),
        _goals_table(found),
    ]
    return "\n\n".join(one for one in blocks if one)


def _measures(found: Evaluation) -> str:
    rows = [("test week", "learnt from", "tried on", *(name_of(one, found) for one in MEASURES))]
    for one in found.folds:
        sizes = (
            f"{one.learnt_from:,} / {one.frauds_learnt}",
            f"{one.rows:,} / {one.frauds}",
        )
        rows.append((str(one.test_from), *sizes, *(_value(one.measures[m]) for m in MEASURES)))
    rows.append(("mean", "", "", *(_value(found.means[one]) for one in MEASURES)))
    rows.append(("its 95 % interval", "", "", *(_range(found.means[one]) for one in MEASURES)))
    rows.append(("sd of folds", "", "", *(f"{found.deviations[one]:.3f}" for one in MEASURES)))
    if found.cold_start:
        cells = (_value(found.cold_start[one]) for one in MEASURES)
        rows.append(("cold start, without labels, mean", "", "", *cells))
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


def _costs(found: Evaluation) -> str:
    if not found.costs:
        return found.no_costs
    rows: list[tuple[str, ...]] = [
        (
            "cost of a week, minor units",
            "approve all",
            "best threshold in hindsight",
            "least expected cost",
            "truth known",
            "rule / threshold",
        )
    ]
    for one in found.costs:
        values = (one.approve_minor, one.best_minor, one.rule_minor, one.truth_minor)
        share = _cost_goal(one).found
        cells = (f"{value:,.0f}" for value in values)
        rows.append((f"costs x {one.scale_milli / 1_000:g}, mean", *cells, f"{share:.4f}"))
    for fold in found.folds:
        own = fold.costs[0]
        values = (own.approve_minor, own.best.cost_minor, own.rule_minor, own.truth_minor)
        cells = (f"{value:,.0f}" for value in values)
        share = own.rule_minor / own.best.cost_minor if own.best.cost_minor else 1.0
        rows.append((f"{fold.test_from}, costs x 1", *cells, f"{share:.4f}"))
    return table(rows)


def _goals_table(found: Evaluation) -> str:
    if not found.goals:
        return ""
    rows = [("goal", "asked", "found", "")]
    for one in found.goals:
        sign = "<=" if one.measure in AT_MOST else ">="
        met = "met" if one.is_met else "MISSED"
        rows.append((name_of(one.measure, found), f"{sign} {one.goal:g}", f"{one.found:.4f}", met))
    return table(rows)


def _value(one: Interval) -> str:
    return f"{one.value:.3f}"


def _range(one: Interval) -> str:
    return f"{one.low:.3f}..{one.high:.3f}"
