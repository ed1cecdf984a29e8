"""Rules over columns equal the compiled function, row by row, whatever the rule and the values."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.feature import load_features
from risk.offline.rules import ERROR, HIT, NO_HIT, Column, evaluate, number_column
from risk.rules.compiler import LOST, compile_rules, make_places
from risk.rules.fields import make_fields
from risk.rules.parser import parse
from risk.rules.tree import (
    All,
    AnyOf,
    Arithmetic,
    Compare,
    Constant,
    Default,
    Field,
    In,
    Known,
    Negative,
    Node,
    Not,
    fields_of,
)
from risk.strategy import load_strategy
from risk.vectors import Missing

FIELDS = make_fields(load_features())
NUMBERS = ("payer_payment_count_1h", "payer_amount_sum_24h", "amount_minor", "payee_age_s")
TEXTS = ("ip_country", "instrument_issuer_country")
FLAGS = ("remote_access", "payee_is_new")
ROWS = 12
# How many rows a rule that ships is held equal over, and what its fields are drawn from: by kind,
# or by name where values drawn apart would never come together as the rule wants them.
STARTER_ROWS = 2_000
POOLS: dict[str, list[Any]] = {
    "number": [0, 1, 5, 6, 10, 30, 60, 500, 950, 5_000, 10_000, 49_000, 6_000_000],
    "flag": [True, False],
    "text": ["CN", "SG", "SGD"],
}
POOLS_OF_FIELDS: dict[str, list[Any]] = {
    "amount_minor": [*POOLS["number"], 8_000, 9_900],
    "exemption_limit_minor": [10_000, 50_000],
    "payer_payment_count_24h": [0, 1, 4, 5, 6, 30],
    "payer_amount_sum_24h": [0, 10_000, 39_999, 40_000, 50_000, 50_001, 6_000_000],
}
EDGES = (0, 1, 2, 3, 10, 1_000, 10**15)


def numbers() -> st.SearchStrategy[Node]:
    values = st.sampled_from([0, 1, 2, 3, 0.5, -1, 10**15 - 1])
    constants = values.map(lambda value: Constant(0, value))
    leaves = st.one_of(
        constants,
        st.sampled_from(NUMBERS).map(lambda name: Field(0, name)),
        st.builds(lambda name, value: Default(0, name, value), st.sampled_from(NUMBERS), constants),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(
                lambda sign, left, right: Arithmetic(0, sign, left, right),
                st.sampled_from(["+", "-", "*", "/"]),
                inner,
                inner,
            ),
            inner.map(lambda of: Negative(0, of)),
        ),
        max_leaves=6,
    )


def texts() -> st.SearchStrategy[Node]:
    constants = st.sampled_from(["CN", "SG", ""]).map(lambda value: Constant(0, value))
    return st.one_of(
        st.sampled_from(TEXTS).map(lambda name: Field(0, name)),
        st.builds(lambda name, value: Default(0, name, value), st.sampled_from(TEXTS), constants),
        constants,
    )


def conditions() -> st.SearchStrategy[Node]:
    signs = st.sampled_from(["<", "<=", ">", ">=", "==", "!="])
    equals = st.sampled_from(["==", "!="])
    true = st.booleans().map(lambda value: Constant(0, value))
    leaves = st.one_of(
        st.builds(lambda sign, a, b: Compare(0, sign, a, b), signs, numbers(), numbers()),
        st.builds(lambda sign, a, b: Compare(0, sign, a, b), equals, texts(), texts()),
        st.builds(
            lambda left, found, negated: In(0, left, tuple(found), negated),
            texts(),
            st.lists(st.sampled_from(["CN", "US"]).map(lambda v: Constant(0, v)), min_size=1),
            st.booleans(),
        ),
        st.builds(
            lambda left, found, negated: In(0, left, tuple(found), negated),
            numbers(),
            st.lists(st.sampled_from([0, 2.5, 3]).map(lambda v: Constant(0, v)), min_size=1),
            st.booleans(),
        ),
        st.sampled_from([*FLAGS]).map(lambda name: Field(0, name)),
        st.builds(lambda name, value: Default(0, name, value), st.just("remote_access"), true),
        st.sampled_from([*NUMBERS, *TEXTS, "remote_access"]).map(lambda name: Known(0, name)),
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            inner.map(lambda of: Not(0, of)),
            st.lists(inner, min_size=2, max_size=4).map(lambda found: All(0, tuple(found))),
            st.lists(inner, min_size=2, max_size=4).map(lambda found: AnyOf(0, tuple(found))),
            st.builds(
                lambda sign, a, b: Compare(0, sign, a, b),
                st.sampled_from(["==", "!="]),
                inner,
                inner,
            ),
        ),
        max_leaves=8,
    ).filter(fields_of)


def values_of(name: str) -> st.SearchStrategy[Any]:
    kind = FIELDS.by_name[name]
    if kind.source == "feature":
        missing = st.sampled_from(
            [Missing("no_history"), Missing("no_device"), *map(Missing, LOST)]
        )
        return st.one_of(st.sampled_from(EDGES), st.integers(0, 10**6), missing)
    if kind.type == "number":
        return st.none() | st.sampled_from(EDGES)
    return st.none() | (st.booleans() if kind.type == "flag" else st.sampled_from(["CN", "SG"]))


TABLES = st.fixed_dictionaries(
    {
        name: st.lists(values_of(name), min_size=ROWS, max_size=ROWS)
        for name in (*NUMBERS, *TEXTS, *FLAGS)
    }
)


def column(name: str, values: list[Any]) -> Column:
    lost = [isinstance(one, Missing) and one.missing in LOST for one in values]
    absent = [one is None or isinstance(one, Missing) for one in values]
    filler: Any = {"number": 7.0, "flag": True, "text": None}[FIELDS.by_name[name].type]
    kinds: Any = {"number": np.float64, "flag": np.bool_, "text": np.object_}
    return Column(
        np.array(
            [filler if gone else one for one, gone in zip(values, absent, strict=True)],
            dtype=kinds[FIELDS.by_name[name].type],
        ),
        np.array(absent) & ~np.array(lost),
        np.array(lost),
    )


def one_by_one(node: Node, table: dict[str, list[Any]]) -> list[int]:
    found = []
    others = [name for name in table if FIELDS.by_name[name].source != "feature"]
    run = compile_rules({0: node}, make_places(FIELDS.features, others))
    for row in range(len(next(iter(table.values())))):
        said: list[int] = []
        run(
            [table[name][row] if name in table else None for name in FIELDS.features],
            [table[name][row] for name in others],
            lambda _, said=said: said.append(HIT),
            lambda _, said=said: said.append(ERROR),
        )
        found.append(said[0] if said else NO_HIT)
    return found


@pytest.mark.long
@settings(deadline=None, max_examples=300)
@given(conditions(), TABLES)
def test_columns_say_what_the_compiled_function_says(node, table) -> None:
    columns = {name: column(name, values) for name, values in table.items()}

    assert evaluate(node, columns).tolist() == one_by_one(node, table)


def starter_table(node: Node) -> dict[str, list[Any]]:
    """Return values of a rule's fields, drawn apart; some are missing, some of those lost."""
    generator = np.random.default_rng(7)
    table: dict[str, list[Any]] = {}
    for name in fields_of(node):
        field = FIELDS.by_name[name]
        pool = POOLS_OF_FIELDS.get(name) or [*field.values] or POOLS[field.type]
        gone = (
            [Missing("no_history"), Missing("not_loaded")] if field.source == "feature" else [None]
        )
        every = [*pool, *gone]
        table[name] = [every[pick] for pick in generator.integers(0, len(every), STARTER_ROWS)]
    return table


@pytest.mark.parametrize("rule", load_strategy().rules, ids=lambda rule: rule.code)
def test_every_starter_rule_is_equal_over_columns(rule) -> None:
    node = parse(rule.when)
    table = starter_table(node)
    columns = {name: column(name, values) for name, values in table.items()}

    found = evaluate(node, columns).tolist()

    assert found == one_by_one(node, table)
    # A rule that never hit, or never missed, would be equal whatever it said: give POOLS_OF_FIELDS
    # values of its fields with which it does.
    assert {HIT, NO_HIT} <= set(found)


def test_a_feature_s_column_is_missing_where_it_says_so() -> None:
    found = number_column(np.array([0, -1, 5]))

    assert found.is_absent.tolist() == [False, True, False]
    assert not found.is_lost.any()
    columns = {"payer_payment_count_1h": found}
    assert evaluate(parse("payer_payment_count_1h >= 5"), columns).tolist() == [0, ERROR, 1]
