"""Strategies with a few rules of a test's own in the place of those that ship."""

import msgspec

from risk.facts import Outcome, Stage
from risk.feature import Text
from risk.rules.shapes import Listed, Listing, Rule
from risk.strategy import Strategy, load_strategy, make_strategy, parts_of
from risk.strategy_content import Whole, from_content, packaged, read_content


def listing(
    when: str,
    entity: Listed = "device",
    *,
    code: str = "put_on_a_list",
    kind: str = "watch",
    hours: int = 24,
    stages: tuple[Stage, ...] = ("pre_payment",),
) -> Rule:
    """Return a rule that puts something on a list."""
    return Rule(
        code=code,
        version=1,
        stages=stages,
        when=when,
        outcome="approve",
        level=0,
        meaning=Text("Seen at once\nwith others.", "同时出现。"),
        reason=Text("seen", "出现"),
        list=msgspec.convert({"kind": kind, "entity": entity, "hours": hours}, Listing),
    )


def raising(
    when: str, outcome: Outcome, *, code: str, stages: tuple[Stage, ...] = ("pre_payment",)
) -> Rule:
    """Return a rule that raises what it hits to an outcome."""
    return Rule(
        code=code,
        version=1,
        stages=stages,
        when=when,
        outcome=outcome,
        level=2 if outcome == "challenge" else 0,
        meaning=Text("Looks for it.", "查找该情形。"),
        reason=Text("seen", "出现"),
    )


def ruled(*rules: Rule) -> Strategy:
    """Return the strategy that ships with these rules in the place of its own."""
    return make_strategy(msgspec.structs.replace(parts_of(load_strategy()), rules=rules))


def whole_of(*rules: Rule) -> Whole:
    """Return the same as an operator activates it."""
    strategy = ruled(*rules)
    content = msgspec.structs.replace(read_content(packaged().content), rules=rules)
    plain = msgspec.to_builtins(content, str_keys=True)
    whole = from_content(msgspec.json.encode(plain, order="sorted"), strategy.features)
    assert whole.strategy.id == strategy.id
    return whole
