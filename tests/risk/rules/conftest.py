"""Fields that rules may read, and one rule made from an expression."""

from collections.abc import Callable
from typing import Any

import pytest

from risk.rules.checker import check
from risk.rules.compiler import compile_rules, make_places
from risk.rules.fields import Fields, make_fields
from risk.rules.parser import parse
from risk.rules.shapes import Result
from risk.rules.tree import fields_of
from risk.strategy import Strategy
from risk.vectors import Missing

NO_HISTORY = Missing("no_history")


@pytest.fixture(scope="session")
def fields(strategy: Strategy) -> Fields:
    return make_fields(strategy.features)


@pytest.fixture(scope="session")
def answer(fields: Fields) -> Callable[..., Result]:
    """Return what a compiled expression says of values by name; those not given are missing."""

    def run(expression: str, **given: Any) -> Result:
        node = parse(expression)
        check(node, fields, ("pre_payment",))
        others = [one for one in fields_of(node) if fields.by_name[one].source != "feature"]
        found: list[Result] = []
        compile_rules({7: node}, make_places(fields.features, others))(
            [given.get(name, NO_HISTORY) for name in fields.features],
            [given.get(name) for name in others],
            lambda number: found.append("hit" if number == 7 else "error"),
            lambda number: found.append("error" if number == 7 else "hit"),
        )
        assert len(found) <= 1
        return found[0] if found else "no_hit"

    return run
