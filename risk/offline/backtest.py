"""A strategy tried on history: every payment judged as the engine judges it, over columns.

Nothing is decided here. Payments that no part of the engine can tell apart are grouped, and the
engine itself judges one of each group; a test holds every row equal to the engine's own judgement.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.assessment import STRENGTH, Assessment
from risk.events import judge
from risk.facts import Outcome
from risk.feature import Feature, FeatureSet, make_feature_set
from risk.offline.columns import ABSENT, MISSING, compute
from risk.offline.history import History, Told, combined
from risk.offline.rules import HIT, evaluate, number_column
from risk.offline.scores import names_scored, score_marks
from risk.rules.tree import fields_of
from risk.scored import Scorer
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing

Ints = npt.NDArray[np.int64]
OUTCOMES: Final[tuple[Outcome, ...]] = tuple(sorted(STRENGTH, key=lambda one: STRENGTH[one]))
DECLINED: Final = OUTCOMES.index("decline")
# What we declined is a feature of later payments, so a strategy that reads it is judged until its
# refusals stay the same. Each pass settles at least the rows up to the first that changed.
PASSES_MAX: Final = 16
NOT_LOOKED: Final = 2
_NOT_KNOWN: Final = Missing("no_history")
_NOT_ASKED: Final = Missing("not_loaded")


class NotSettled(Exception):  # noqa: N818  says what did not happen
    """What was declined did not stay the same within the passes that are allowed."""


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


def try_strategy(history: History, strategy: Strategy, scorer: Scorer | None = None) -> Tried:
    """Return what a strategy makes of a history.

    Args:
        history: The payments.
        strategy: By which they are judged.
        scorer: Of the strategy's model; faster where it is a `RowsScorer`. Without it a strategy
            with a model is tried as if its scorer were down.

    Raises:
        LookupError: The strategy has no preset of the history's code.
        ValueError: The times of the history do not rise.
        NotSettled: Its own refusals lead to ever others.
    """
    asked = _asked(strategy, scorer).features
    own = [one for one in asked if one.aggregate == "declined_share"]
    declined = np.zeros(history.size, np.int64)
    values = _computed(history, [one for one in asked if one not in own], declined)
    for passes in range(1, PASSES_MAX + 1):
        values |= _computed(history, own, declined)
        tried = _judged(history, strategy, scorer, values, passes=passes)
        now = (tried.outcome == DECLINED).astype(np.int64)
        if not own or np.array_equal(now, declined):
            return tried
        declined = now
    raise NotSettled(f"what {strategy.id} declines did not settle in {PASSES_MAX} passes")


def _asked(strategy: Strategy, scorer: Scorer | None) -> FeatureSet:
    """Return the features that a strategy reads; no other is computed."""
    names = {strategy.velocity.feature, *names_scored(strategy, scorer)}
    for rule in strategy.runner.ready:
        names.update((*fields_of(rule.node), *rule.slots))
    return make_feature_set([one for one in strategy.features.features if one.name in names])


def _computed(history: History, features: Iterable[Feature], declined: Ints) -> dict[str, Ints]:
    """Return features over the history, those without any of their entity at no cost."""
    columns = history.columns._replace(is_declined=declined)
    asked, found = [], {}
    for one in features:
        if np.all(columns.keys[one.entity] == ABSENT):
            found[one.name] = np.full(history.size, MISSING, np.int64)
        else:
            asked.append(one)
    return {**found, **(compute(columns, make_feature_set(asked)) if asked else {})}


def _judged(
    history: History,
    strategy: Strategy,
    scorer: Scorer | None,
    values: Mapping[str, Ints],
    *,
    passes: int,
) -> Tried:
    facts = Told(history, strategy)
    new = facts.is_new
    marks = [facts.policy, new, _amounts(history, strategy), facts.recent]
    ruled = _ruled(strategy, values, facts)
    marks += [*_looked(strategy, values), *ruled]
    if history.listed is not None:
        marks.append(history.listed.code)
    points = np.zeros(history.size, np.int64)
    for rule, said in zip(strategy.runner.ready, ruled, strict=True):
        points += rule.rule.points * (said == HIT)
    marks += score_marks(history, strategy, scorer, values, facts, points)
    _, rows, group = np.unique(combined(marks), return_index=True, return_inverse=True)
    assessments = tuple(
        judge(
            history.facts(int(row)),
            history.known(history.facts(int(row)), int(row), is_new=bool(new[row])),
            _vector(strategy, values, int(row)),
            strategy,
            scorer,
        )
        for row in rows
    )
    by_group = np.array([OUTCOMES.index(one.outcome) for one in assessments], np.int64)
    group = group.reshape(-1).astype(np.int64)
    return Tried(strategy, by_group[group], group, assessments, passes)


def _ruled(strategy: Strategy, values: Mapping[str, Ints], facts: Told) -> list[Ints]:
    """Return what each rule says of each row; NOT_LOOKED where it is not of the row's stage."""
    columns = {name: number_column(value, missing=MISSING) for name, value in values.items()}
    found = []
    for rule in strategy.runner.ready:
        is_there = facts.is_at(rule.rule.stages)
        if not np.any(is_there):
            found.append(np.full(len(is_there), NOT_LOOKED, np.int64))
            continue
        for name in fields_of(rule.node):
            if name not in columns:
                columns[name] = facts.column(name)
        said = evaluate(rule.node, columns).astype(np.int64)
        found.append(np.where(is_there, said, NOT_LOOKED))
    return found


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
