"""Rules in vain: those that contradict themselves, and those that another one makes idle."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.feature import load_features
from risk.rules.fields import make_fields
from risk.rules.prover import doubts, never_hits
from risk.rules.runner import make_ready
from risk.rules.shapes import Rule
from risk.rules.tree import All
from risk.strategy import load_strategy
from tests.risk.offline.test_rules import HIT, TABLES, conditions, one_by_one
from tests.support.ruled import listing, raising

FIELDS = make_fields(load_features())


def rule(when: str, **given) -> Rule:
    made = raising(when, given.pop("outcome", "hold"), code=given.pop("code", "some_rule"))
    made = msgspec.structs.replace(made, **given)
    make_ready(made, FIELDS)
    return made


def in_vain(*rules: Rule) -> list[str]:
    return [f"{one.rule}: {one.what.split(':')[0]}" for one in doubts(rules)]


@pytest.mark.parametrize(
    "when",
    [
        "amount_minor > 5 and amount_minor < 5",
        "amount_minor >= 5 and amount_minor < 5",
        "amount_minor > 9 and 5 > amount_minor",
        "not amount_minor > 5 and amount_minor > 9",
        "amount_minor == 5 and amount_minor != 5",
        "amount_minor == 5 and amount_minor >= 6",
        'currency == "CNY" and currency == "SGD"',
        'currency in ["CNY", "SGD"] and currency not in ["SGD", "CNY", "EUR"]',
        'currency == "CNY" and not currency in ["CNY"]',
        "payee_is_new and not payee_is_new",
        "payee_is_new and payee_is_new == false",
        "known(balance_share) and not known(balance_share)",
        "not known(balance_share) and balance_share >= 900",
        "default(balance_share, 0) >= 900 and default(balance_share, 0) < 100",
        "balance_share >= 900 and default(balance_share, 0) < 100",
        "known(balance_share) and default(balance_share, 0) > 5 and default(balance_share, 9) < 2",
        "payee_is_new and (amount_minor > 5 and amount_minor < 2)",
        "amount_minor > 5 and (amount_minor < 2 or amount_minor == 3)",
        "account_age_s < 1h and account_age_s >= 1d",
    ],
)
def test_what_contradicts_itself_never_hits(when):
    assert in_vain(rule(when)) == ["some_rule: never hits"]


@pytest.mark.parametrize(
    "when",
    [
        "amount_minor >= 5 and amount_minor <= 5",
        "amount_minor > 5 and amount_minor < 6",
        "amount_minor > 5 or amount_minor < 2",
        "not (amount_minor > 5 and amount_minor < 2)",
        'currency in ["CNY", "SGD"] and currency != "SGD"',
        # The payment that tells none has 9 in one place and 0 in the other.
        "default(balance_share, 9) > 5 and default(balance_share, 0) < 2",
        "not known(balance_share) and default(balance_share, 9) > 5",
        "balance_share >= 900 and amount_minor < 100",
        "amount_minor > 5 and (amount_minor < 2 or payee_is_new)",
        "2 * amount_minor > 5 and amount_minor < 2",
        "payee_is_new == (amount_minor > 5) and amount_minor < 2",
    ],
)
def test_what_may_hit_is_not_doubted(when):
    assert in_vain(rule(when)) == []


@pytest.mark.long
@settings(deadline=None, max_examples=150)
@given(st.lists(conditions(), min_size=2, max_size=4), TABLES)
def test_what_is_said_never_to_hit_never_does(parts, table):
    node = All(0, tuple(parts))

    found = one_by_one(node, table)

    assert not (never_hits(node) and HIT in found)


WIDE = "payee_is_new and amount_minor > 5"
IDLE = ["other_rule: adds nothing but its reason"]


@pytest.mark.parametrize(
    ("when", "given", "said"),
    [
        (WIDE, {}, IDLE),
        ("amount_minor > 5 and payee_is_new", {}, IDLE),
        (f"{WIDE} and is_protected", {}, IDLE),
        (f"{WIDE} and (is_protected or device_is_known)", {"outcome": "review"}, IDLE),
        (f"{WIDE} and is_protected", {"outcome": "decline"}, []),
        (f"{WIDE} or is_protected", {}, []),
        ("amount_minor > 6 and payee_is_new", {}, []),
        (WIDE, {"outcome": "approve", "points": 30}, []),
    ],
)
def test_what_another_rule_does_already_is_told(when, given, said):
    found = in_vain(rule(WIDE), rule(when, code="other_rule", **given))

    assert found == said


def test_of_two_alike_the_later_one_is_told_and_a_stronger_one_makes_the_earlier_idle():
    first, alike = rule(WIDE), rule(WIDE, code="other_rule")
    stronger = rule(WIDE, code="other_rule", outcome="decline")
    longer = rule(WIDE, code="other_rule", stages=("pre_payment", "payout"))

    assert in_vain(first, alike) == IDLE
    assert in_vain(first, stronger) == ["some_rule: adds nothing but its reason"]
    assert in_vain(first, longer) == ["some_rule: adds nothing but its reason"]


def test_what_adds_to_a_list_or_a_score_makes_nothing_idle():
    points = rule(WIDE, code="points_rule", outcome="approve", points=30)

    assert in_vain(listing(WIDE), points, rule(WIDE)) == []


def test_no_starter_rule_is_in_vain():
    assert doubts(load_strategy().rules) == ()
