"""What is measured on one fold: ranking, calibration, cold start, cost. Trains nothing."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from risk.models.manifest import HeadName
from risk.offline.costing import SCALES_MILLI, Costed, Judged, compare
from risk.offline.evaluate import Figures, figures
from risk.offline.history import History, circumstances
from risk.offline.outcomes import HEADS, Outcomes
from risk.offline.trial import Trial
from risk.policy.costs import menu_of
from risk.strategy import Strategy
from service.cli.evaluate.protocol import Protocol
from service.cli.evaluate.report import Found

# What the one head of a trial is taken for where costs are made of it.
_HEAD: Final[HeadName] = "unauthorized"


class Judge(NamedTuple):
    """What costs are made of.

    Attributes:
        history: The payments of all folds.
        strategy: Whose costs and presets are used.
        has_costs: Whether they say anything.
    """

    history: History
    strategy: Strategy
    has_costs: bool


def why_no_costs(trials: Sequence[Trial], history: History, outcomes: Outcomes) -> str:
    """Return why costs are left out of all folds, one sentence; "" where they are not."""
    tested = np.concatenate([one.test for one in trials])
    if len(np.unique(history.columns.currency[tested])) > 1:
        return "costs are left out: the payments that were tried have more than one currency"
    others = [name for name in HEADS if name != _HEAD and outcomes.of(name).any()]
    if others:
        return (
            f"costs are left out: labels say {' and '.join(others)} besides, which cost otherwise"
            " than what somebody else did, and one head says not which it is"
        )
    return ""


def found_of(trial: Trial, judge: Judge, asked: Protocol, *, seed: int) -> Found:
    """Return the figures of one fold.

    Args:
        trial: The fold.
        judge: What costs are made of.
        asked: The protocol.
        seed: Of the bootstrap.

    Raises:
        NotMeasurable: The fold's payments hold no fraud, or nothing else.
    """
    return Found(
        trial=trial,
        figures=figures(trial.tested, top=asked.cards_a_day, seed=seed),
        cold_start=_cold(trial, asked, seed),
        costs=_costs(trial, judge.history, judge.strategy) if judge.has_costs else (),
    )


def _cold(trial: Trial, asked: Protocol, seed: int) -> Figures | None:
    if trial.unlike is None:
        return None
    tested = msgspec.structs.replace(trial.tested, probability=trial.unlike.astype(np.float64))
    return figures(tested, top=asked.cards_a_day, seed=seed, is_probability=False)


def _costs(trial: Trial, history: History, strategy: Strategy) -> tuple[Costed, ...]:
    facts = history.facts(int(trial.test[0]))
    known = circumstances(facts, history.preset, is_new=False)
    menu = menu_of(facts, known, strategy.preset(history.preset))
    judged = Judged(
        heads={_HEAD: trial.tested.probability},
        came={_HEAD: trial.tested.fraud},
        amount_minor=trial.tested.amount_minor,
        currency=facts.currency,
    )
    return tuple(compare(judged, strategy.costs, menu, scale_milli=scale) for scale in SCALES_MILLI)
