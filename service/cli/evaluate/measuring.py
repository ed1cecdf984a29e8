"""What is measured on one fold: ranking, calibration, cold start, cost. Trains nothing."""

import msgspec
import numpy as np

from risk.offline.costing import SCALES_MILLI, Costed, Judged, compare
from risk.offline.evaluate import Figures, figures
from risk.offline.history import History, circumstances
from risk.offline.trial import Trial
from risk.policy.costs import menu_of
from risk.strategy import Strategy
from service.cli.evaluate.protocol import Protocol
from service.cli.evaluate.report import Found


def found_of(
    trial: Trial, history: History, strategy: Strategy, asked: Protocol, *, seed: int
) -> Found:
    """Return the figures of one fold.

    Args:
        trial: The fold.
        history: Its payments.
        strategy: Whose costs and preset they are.
        asked: The protocol.
        seed: Of the bootstrap.

    Raises:
        NotMeasurable: The fold's payments hold no fraud, or nothing else.
    """
    return Found(
        trial=trial,
        figures=figures(trial.tested, top=asked.cards_a_day, seed=seed),
        cold_start=_cold(trial, asked, seed),
        costs=_costs(trial, history, strategy),
    )


def _cold(trial: Trial, asked: Protocol, seed: int) -> Figures | None:
    if trial.unlike is None:
        return None
    tested = msgspec.structs.replace(trial.tested, probability=trial.unlike.astype(np.float64))
    return figures(tested, top=asked.cards_a_day, seed=seed, is_probability=False)


def _costs(trial: Trial, history: History, strategy: Strategy) -> tuple[Costed, ...]:
    if len(np.unique(history.columns.currency[trial.test])) > 1:
        return ()
    facts = history.facts(int(trial.test[0]))
    known = circumstances(facts, history.preset, is_new=False)
    menu = menu_of(facts, known, strategy.preset(history.preset))
    judged = Judged(
        heads={"unauthorized": trial.tested.probability},
        came={"unauthorized": trial.tested.fraud},
        amount_minor=trial.tested.amount_minor,
        currency=facts.currency,
    )
    return tuple(compare(judged, strategy.costs, menu, scale_milli=scale) for scale in SCALES_MILLI)
