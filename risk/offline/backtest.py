"""A strategy tried on history: every payment judged as the engine judges it, over columns.

Nothing is decided here. Payments that no part of the engine can tell apart are grouped, and the
engine itself judges one of each group; a test holds every row equal to the engine's own judgement.

History does not say what a payer agreed to or was guarded by, nor what was counted: no payment
goes through without proof under an exemption, and no day has spent anything before. A payee is
new to a payer up to the first payment between them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.assessment import STRENGTH, Assessment
from risk.engine import assess
from risk.facts import Circumstances, Counter, Facts, Outcome
from risk.feature import FeatureSet, make_feature_set
from risk.offline.columns import MISSING, Columns, compute
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing

Ints = npt.NDArray[np.int64]
OUTCOMES: Final[tuple[Outcome, ...]] = tuple(sorted(STRENGTH, key=lambda one: STRENGTH[one]))
DECLINED: Final = OUTCOMES.index("decline")
# What we declined is a feature of later payments, so a strategy that reads it is judged until its
# refusals stay the same. Each pass settles at least the rows up to the first that changed.
PASSES_MAX: Final = 16
_NOT_KNOWN: Final = Missing("no_history")
_NOT_ASKED: Final = Missing("not_loaded")


class NotSettled(Exception):  # noqa: N818  says what did not happen
    """What was declined did not stay the same within the passes that are allowed."""


class History(NamedTuple):
    """Payments that were, in the order of event times and of coming to us.

    Attributes:
        columns: What features are made of; what was declined is judged anew.
        told: Fact that policy looks at -> a number for each of its values, by row.
        facts: Returns the facts of a row, at the stage of a payment's creation.
        preset: Code of the preset under which all are judged.
    """

    columns: Columns
    told: Mapping[str, Ints]
    facts: Callable[[int], Facts]
    preset: str

    @property
    def size(self) -> int:
        """How many payments there are."""
        return len(self.columns.second)


class Tried(NamedTuple):
    """What a strategy makes of a history.

    Attributes:
        strategy: The strategy.
        outcome: Place in OUTCOMES, by row.
        group: Place in `assessments`, by row.
        assessments: The engine's judgement of one row of each group; amounts and counts that its
            reasons name are that row's.
        passes: How often the history was judged until what was declined stayed the same.
    """

    strategy: Strategy
    outcome: Ints
    group: Ints
    assessments: tuple[Assessment, ...]
    passes: int

    def hits(self) -> dict[str, npt.NDArray[np.bool_]]:
        """Return rule -> whether it hit, by row; rules that never hit are left out."""
        codes = {
            result.rule
            for one in self.assessments
            for result in one.rules
            if result.result == "hit"
        }
        return {code: self._hit(code)[self.group] for code in sorted(codes)}

    def _hit(self, code: str) -> npt.NDArray[np.bool_]:
        return np.array(
            [
                any(result.rule == code and result.result == "hit" for result in one.rules)
                for one in self.assessments
            ],
            dtype=np.bool_,
        )


def try_strategy(history: History, strategy: Strategy) -> Tried:
    """Return what a strategy makes of a history.

    Raises:
        LookupError: The strategy has no preset of the history's code.
        ValueError: The times of the history do not rise.
        NotSettled: Its own refusals lead to ever others.
    """
    asked = _asked(strategy)
    declined = np.zeros(history.size, np.int64)
    for passes in range(1, PASSES_MAX + 1):
        columns = history.columns._replace(is_declined=declined)
        tried = _judged(history, strategy, compute(columns, asked), passes=passes)
        now = (tried.outcome == DECLINED).astype(np.int64)
        reads_itself = any(one.aggregate == "declined_share" for one in asked.features)
        if not reads_itself or np.array_equal(now, declined):
            return tried
        declined = now
    raise NotSettled(f"what {strategy.id} declines did not settle in {PASSES_MAX} passes")


def is_first(columns: Columns) -> Ints:
    """Return 1 for each first payment from a payer to a payee, else 0."""
    found = np.zeros(len(columns.second), np.int64)
    if len(found):
        _, places = np.unique(
            combined((columns.keys["payer"], columns.keys["payee"])), return_index=True
        )
        found[places] = 1
    return found


def combined(columns: Iterable[Ints]) -> Ints:
    """Return a number for each row, equal where all of these columns are equal."""
    found: Ints | None = None
    for column in columns:
        codes = np.unique(column, return_inverse=True)[1].reshape(-1).astype(np.int64)
        if found is None:
            found = codes
            continue
        # Made dense each time, so that the product stays far below 2**63.
        both = found * (int(codes.max(initial=0)) + 1) + codes
        found = np.unique(both, return_inverse=True)[1].reshape(-1).astype(np.int64)
    assert found is not None
    return found


def _asked(strategy: Strategy) -> FeatureSet:
    """Return the features that a strategy reads; no other is computed."""
    return make_feature_set([strategy.features.feature(strategy.velocity.feature)])


def _judged(
    history: History, strategy: Strategy, values: Mapping[str, Ints], *, passes: int
) -> Tried:
    new = is_first(history.columns)
    marks = [new, _amounts(history, strategy), *history.told.values()]
    marks += _looked(strategy, values)
    _, rows, group = np.unique(combined(marks), return_index=True, return_inverse=True)
    assessments = tuple(
        assess(
            history.facts(int(row)),
            circumstances(history.facts(int(row)), history.preset, is_new=bool(new[row])),
            _vector(strategy, values, int(row)),
            strategy,
        )
        for row in rows
    )
    by_group = np.array([OUTCOMES.index(one.outcome) for one in assessments], np.int64)
    group = group.reshape(-1).astype(np.int64)
    return Tried(strategy, by_group[group], group, assessments, passes)


def circumstances(facts: Facts, preset: str, *, is_new: bool) -> Circumstances:
    """Return what is taken as known of a payment of history besides its facts."""
    scopes: dict[Any, str | None] = {
        "payer": facts.payer_key,
        "instrument": facts.instrument_id,
        "device": facts.device_id,
    }
    return Circumstances(
        preset=preset,
        payee_is_new=is_new,
        counters={scope: Counter(0, 0) for scope, key in scopes.items() if key is not None},
        spent_today_minor={1: 0, 2: 0},
        static_qr_today_minor=0,
    )


def _amounts(history: History, strategy: Strategy) -> Ints:
    """Return which of the preset's amounts each payment is above."""
    amount = history.columns.amount_minor
    return np.searchsorted(_bounds(strategy, history.preset), amount, side="left").astype(np.int64)


def _bounds(strategy: Strategy, preset: str) -> Ints:
    found = {0}
    for limits in strategy.preset(preset).limits.values():
        found.update(day.amount_minor_max for day in limits.days)
        if limits.exemption is not None:
            found |= {limits.exemption.amount_minor_max, limits.exemption.sum_minor_max}
        if limits.static_qr_day_minor_max is not None:
            found.add(limits.static_qr_day_minor_max)
    return np.array(sorted(found), np.int64)


def _looked(strategy: Strategy, values: Mapping[str, Ints]) -> list[Ints]:
    """Return how the limit on speed looks, at each of its stages."""
    value = values[strategy.velocity.feature]
    return [
        np.where(value == MISSING, 2, (value >= at.at_least).astype(np.int64))
        for at in strategy.velocity.at
    ]


def _vector(strategy: Strategy, values: Mapping[str, Ints], row: int) -> FeatureVector:
    def value(name: str) -> int | Missing:
        if name not in values:
            return _NOT_ASKED
        found = int(values[name][row])
        return _NOT_KNOWN if found == MISSING else found

    names = strategy.features.names
    return FeatureVector(strategy.features.id, names, tuple(value(name) for name in names))
