"""Rules at work: which hit, which failed, shown with real values. Equal inputs, equal results."""

from collections.abc import Mapping, Sequence
from typing import Final, get_args

import msgspec

from risk.assessment import Reason, RuleResult
from risk.facts import Circumstances, Facts, Stage
from risk.feature import Text
from risk.policy.shapes import Preset
from risk.reasons import SlotKind
from risk.rules.checker import check
from risk.rules.compiler import Run, compile_rules, make_places
from risk.rules.fields import Fields, Read, make_read, reading_order
from risk.rules.parser import parse
from risk.rules.shapes import Rule
from risk.rules.showing import (
    Both,
    Shown,
    Telling,
    make_said,
    make_shown,
    make_telling,
    slot_kind,
    slots_of,
)
from risk.rules.tree import Node, fields_of
from risk.vectors import FeatureVector, Missing

NOT_LOADED: Final = Missing("not_loaded")


class RuleHit(msgspec.Struct, frozen=True):
    """A rule that hit, and why in words to come."""

    rule: Rule
    reason: Reason


class Looked(msgspec.Struct, frozen=True):
    """What rules said of a payment.

    Attributes:
        hits: In the order of the rules.
        results: Of the hits and of the rules that failed; a rule without either did not hit.
        has_failed: A rule had no answer.
    """

    hits: tuple[RuleHit, ...] = ()
    results: tuple[RuleResult, ...] = ()
    has_failed: bool = False


NOTHING: Final = Looked()


class Ready(msgspec.Struct, frozen=True):
    """A rule with its tree, how it is shown, and the slots of its reason."""

    rule: Rule
    node: Node
    shown: Shown
    effect: str
    slots: dict[str, SlotKind]
    said: Text


class _Stage(msgspec.Struct, frozen=True):
    """What is looked at at one stage, what that reads besides features, what each rule tells."""

    run: Run
    read: Read
    tellings: dict[int, Telling]


def make_ready(rule: Rule, fields: Fields) -> Ready:
    """Return a rule parsed and checked.

    Raises:
        RuleError: Its condition cannot be read or says what cannot be.
        ValueError: Its reason has slots that are no fields, or other ones in each language.
    """
    node = parse(rule.when)
    check(node, fields, rule.stages)
    names = slots_of(rule.reason.en)
    if names != slots_of(rule.reason.zh):
        raise ValueError("a reason has the same slots in both languages")
    for name in sorted(names):
        found = fields.by_name.get(name)
        if found is None:
            raise ValueError(f"there is no feature or fact {name} for a reason")
        if not set(rule.stages) <= set(found.stages):
            raise ValueError(f"{name} is not known at every stage of the rule")
    slots = {name: slot_kind(fields.by_name[name]) for name in sorted(names)}
    said = make_said(rule.reason, slots)
    return Ready(rule, node, make_shown(node), rule.effect, slots, said)


class Runner:
    """All rules of a strategy, compiled for each stage.

    Attributes:
        ready: All of them with their trees, in their order.
    """

    def __init__(self, rules: Sequence[Rule], fields: Fields) -> None:
        """Compile.

        Raises:
            ValueError: A rule does not fit, or two share a code.
        """
        self._features = fields.features
        self.ready = tuple(make_ready(rule, fields) for rule in rules)
        if len({rule.code for rule in rules}) != len(rules):
            raise ValueError("two rules share a code")
        self._stages: Mapping[Stage, _Stage] = {
            stage: self._compile(stage, fields) for stage in get_args(Stage)
        }

    def _compile(self, stage: Stage, fields: Fields) -> _Stage:
        chosen = {number: one for number, one in enumerate(self.ready) if stage in one.rule.stages}
        names = {name for one in chosen.values() for name in (*fields_of(one.node), *one.slots)}
        others = reading_order(names, fields)
        trees = {number: one.node for number, one in chosen.items()}
        places = make_places(fields.features, others)
        return _Stage(
            run=compile_rules(trees, places),
            read=make_read(others, fields),
            tellings={
                number: make_telling(one.shown, one.slots, places) for number, one in chosen.items()
            },
        )

    def look(
        self,
        facts: Facts,
        circumstances: Circumstances,
        preset: Preset,
        features: FeatureVector | None,
    ) -> Looked:
        """Look at every rule of the stage of a payment or an account action.

        Args:
            facts: The payment or the action.
            circumstances: What else is known.
            preset: The merchant's.
            features: Its sound vector; None where there is none, which makes every rule that
                reads a feature fail.
        """
        stage = self._stages[facts.stage]
        values = (NOT_LOADED,) * len(self._features) if features is None else features.values
        others = stage.read(facts, circumstances, preset)
        hit: list[int] = []
        failed: list[int] = []
        stage.run(values, others, hit.append, failed.append)
        if not hit and not failed:
            return NOTHING
        return self._told(hit, failed, stage.tellings, (values, others), facts.currency)

    def _told(
        self,
        hit: list[int],
        failed: list[int],
        tellings: Mapping[int, Telling],
        both: Both,
        currency: str,
    ) -> Looked:
        hits, results = [], []
        for number in sorted((*hit, *failed)) if failed else hit:
            one, telling = self.ready[number], tellings[number]
            rule, is_hit = one.rule, number not in failed
            results.append(
                RuleResult(
                    rule=rule.code,
                    version=rule.version,
                    result="hit" if is_hit else "error",
                    effect=one.effect,
                    shown=telling.expression(both),
                )
            )
            if is_hit:
                reason = Reason(rule.code, telling.reason(both, currency), one.said)
                hits.append(RuleHit(rule, reason))
        return Looked(tuple(hits), tuple(results), has_failed=bool(failed))
