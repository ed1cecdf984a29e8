"""What a strategy's model, or its cold start, makes of a history, as far as it decides.

Rows are scored all at once where the scorer can, and else one by one, each different row once. A
row's marks are what its outcome follows from: the level of risk and the cheapest action.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from risk.cold_start import names_read
from risk.facts import Facts
from risk.models.calibration import Scored, probabilities_of_rows
from risk.models.manifest import HEADS, HeadName
from risk.offline.cold_start import unlike_of_rows
from risk.offline.columns import MISSING
from risk.offline.costs import HarmColumns, Rows, cheapest_of_rows
from risk.offline.history import History, Told, circumstances
from risk.offline.inputs import columns_of
from risk.policy.costs import ACTIONS, menu_of
from risk.scored import Scorer
from risk.scoring import BORDERS, POINTS_PER_DOUBLING, RISK_FROM, SCORE_MAX
from risk.strategy import Strategy

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
LOW: Final = 0


@runtime_checkable
class RowsScorer(Protocol):
    """A scorer that says of many rows at once what it says of each."""

    def score_rows(self, rows: npt.NDArray[np.float32], /) -> Mapping[HeadName, Floats]:
        """Return head -> calibrated probability, shape (n,), of rows of shape (n, inputs)."""
        ...


def names_scored(strategy: Strategy, scorer: Scorer | None) -> set[str]:
    """Return the features that a score is made of."""
    if strategy.model is None or scorer is None:
        return set(names_read(strategy.cold_start))
    return set(strategy.model.inputs) & set(strategy.features.names)


def score_marks(
    history: History,
    strategy: Strategy,
    scorer: Scorer | None,
    values: Mapping[str, Ints],
    told: Told,
    points: Ints,
) -> list[Ints]:
    """Return numbers for each row, equal where scores lead to one outcome for equal reasons.

    Args:
        history: The payments.
        strategy: By which they are judged.
        scorer: Of its model; None where it has none, or there is none.
        values: Its features.
        told: The history as rules read it.
        points: What rules add to each score.
    """
    points = np.minimum(points, SCORE_MAX)
    if strategy.model is None or scorer is None:
        return _of_cold_start(history, strategy, values, points)
    rows = columns_of(strategy.model.inputs, told, values)
    heads = _heads(rows, scorer)
    found = probabilities_of_rows(heads, strategy.priors)
    normal = found["normal"]
    # The scorer keeps probabilities away from 0 and 1, so that there are always odds.
    score = np.searchsorted(BORDERS, (1.0 - normal) / normal, side="right")
    harms = _raised((found["unauthorized"], found["scam"], found["first_party"]), points)
    likeliest = np.argmax(np.array(harms), axis=0).astype(np.int64)
    cheapest = _cheapest(history, strategy, harms, told)
    return [_level(score + points), cheapest, np.where(cheapest > 0, likeliest, 0)]


def _raised(harms: tuple[Floats, Floats, Floats], points: Ints) -> HarmColumns:
    """Return harms of the odds that points raise, as risk.scoring.with_points does, bit by bit."""
    whole = harms[0] + harms[1] + harms[2]
    kinds, place = np.unique(points, return_inverse=True)
    # The power is Python's own: that of columns differs in the last bit.
    factor = np.array([2.0 ** (int(one) / POINTS_PER_DOUBLING) for one in kinds])[place]
    raised = whole * factor
    has_harm = whole > 0.0
    share = np.where(
        has_harm, raised / (1.0 - whole + raised) / np.where(has_harm, whole, 1.0), 0.0
    )
    return HarmColumns(*(np.where(points > 0, one * share, one) for one in harms))


def _of_cold_start(
    history: History, strategy: Strategy, values: Mapping[str, Ints], points: Ints
) -> list[Ints]:
    found = unlike_of_rows(strategy.cold_start, values, history.columns.amount_minor)
    level = _level(np.where(found.score == MISSING, 0, found.score) + points)
    # What is unlike the usual is told by its rank, where it is told at all.
    order = np.argsort(-found.points, axis=0, kind="stable").astype(np.int64)
    marks = [np.where(level == LOW, 0, one) for one in order]
    marks += [np.where((level == LOW) | (one <= 0.0), 0, 1) for one in found.points]
    return [level, (found.score == MISSING).astype(np.int64), *marks]


def _level(score: npt.NDArray[Any]) -> Ints:
    return np.searchsorted(RISK_FROM, score, side="right").astype(np.int64)


def _heads(rows: npt.NDArray[np.float32], scorer: Scorer) -> dict[HeadName, Floats]:
    """Return the probabilities of each head that the model has."""
    if isinstance(scorer, RowsScorer):
        return dict(scorer.score_rows(rows))
    whole = np.ascontiguousarray(rows).view(np.dtype((np.void, rows.itemsize * rows.shape[1])))
    _, firsts, group = np.unique(whole.reshape(-1), return_index=True, return_inverse=True)
    said = [scorer.score(rows[row]) for row in firsts]
    return {
        head: np.array(column)[group.reshape(-1)]
        for head, column in _columns(said)
        if None not in column
    }


def _columns(said: list[Scored]) -> Iterable[tuple[HeadName, list[float | None]]]:
    return ((head, [one.of(head) for one in said]) for head in HEADS)


def _cheapest(history: History, strategy: Strategy, harms: HarmColumns, told: Told) -> Ints:
    """Return each row's cheapest action, as its place in ACTIONS."""
    preset = strategy.preset(history.preset)

    def at_hand(facts: Facts) -> tuple[Any, str]:
        known = circumstances(facts, history.preset, is_new=False)
        return menu_of(facts, known, preset), facts.currency

    _, firsts, group = np.unique(told.policy, return_index=True, return_inverse=True)
    by_group = [at_hand(history.facts(int(row))) for row in firsts]
    kinds = list(dict.fromkeys(by_group))
    kind = np.array([kinds.index(one) for one in by_group], np.int64)[group.reshape(-1)]
    found = np.zeros(history.size, np.int64)
    for place, (menu, currency) in enumerate(kinds):
        own = np.flatnonzero(kind == place)
        columns = HarmColumns(*(one[own] for one in harms))
        rows = Rows(columns, history.columns.amount_minor[own], currency)
        least = cheapest_of_rows(strategy.costs, rows, menu)
        found[own] = np.array([ACTIONS.index(one) for one in menu.actions], np.int64)[least]
    return found
