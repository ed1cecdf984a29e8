"""Rules at work on payments: hits, failures, what they show; and rules that do not fit."""

import pytest

from risk.assessment import Amount
from risk.feature import Text
from risk.rules.lexer import RuleError
from risk.rules.runner import NOTHING, Runner
from risk.vectors import Missing

COUNT = "payer_payment_count_1h"


@pytest.fixture
def look(fields, payment, known, features, strategy):
    def run(*rules, vector=None, **given):
        return Runner(rules, fields).look(
            payment(**given), known(), strategy.preset("CN"), vector or features()
        )

    return run


def test_a_hit_carries_its_reason_and_shows_itself(look, make_rule, features) -> None:
    reason = Text(
        "{amount_minor} after {payer_payment_count_1h}", "{payer_payment_count_1h}后{amount_minor}"
    )
    rule = make_rule(f"{COUNT} >= 3", reason=reason, version=4)

    found = look(rule, vector=features(**{COUNT: 5}), amount_minor=100)

    [hit] = found.hits
    assert (hit.rule, hit.reason.code) == (rule, "one_rule")
    assert hit.reason.slots == {"amount_minor": Amount(100, "CNY", 2), COUNT: 5}
    [result] = found.results
    assert (result.result, result.effect, result.version) == ("hit", "raise:decline", 4)
    assert result.shown == f"{COUNT} (5) >= 3"
    assert not found.has_failed


def test_a_rule_that_does_not_hit_says_nothing(look, make_rule) -> None:
    assert look(make_rule(f"{COUNT} >= 3")) is NOTHING


def test_a_rule_without_an_answer_is_told_as_an_error(look, make_rule, features) -> None:
    vector = features(**{COUNT: Missing("no_history")})

    found = look(make_rule(f"{COUNT} >= 3"), make_rule("payee_is_new", code="two"), vector=vector)

    assert (found.hits, found.has_failed) == ((), True)
    [result] = found.results
    assert (result.rule, result.result) == ("one_rule", "error")
    assert result.shown == f"{COUNT} (missing: no_history) >= 3"


def test_rules_are_looked_at_at_their_stages_alone(look, make_rule) -> None:
    rule = make_rule("amount_minor > 0", stages=("in_flight", "payout"))

    assert look(rule) is NOTHING
    assert look(rule, stage="in_flight").hits
    assert look(rule, stage="payout").hits


def test_results_stand_in_the_order_of_the_rules(look, make_rule) -> None:
    rules = [make_rule("amount_minor > 0", code=code) for code in ("ccc", "aaa", "bbb")]

    assert [hit.rule.code for hit in look(*rules).hits] == ["ccc", "aaa", "bbb"]


def test_features_that_failed_their_check_are_read_by_no_rule(
    fields, make_rule, payment, known, strategy
) -> None:
    rules = [
        make_rule(f"default({COUNT}, 0) >= 0"),
        make_rule(f"known({COUNT})", code="asks"),
        make_rule("amount_minor > 0", code="facts_alone"),
    ]

    found = Runner(rules, fields).look(payment(), known(), strategy.preset("CN"), None)

    said = {one.rule: one.result for one in found.results}
    assert said == {"one_rule": "error", "asks": "error", "facts_alone": "hit"}


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"when": "payer_mood > 1"}, "no feature or fact"),
        ({"reason": Text("{payer_mood}", "{payer_mood}")}, "for a reason"),
        ({"reason": Text("{amount_minor}", "无")}, "same slots"),
        ({"reason": Text("{amount_minor.x}", "无")}, "brace"),
        (
            {
                "when": "amount_minor > 1",
                "stages": ("in_flight",),
                "reason": Text("{bin_payment_count_1h}", "{bin_payment_count_1h}"),
            },
            "not known at every stage",
        ),
    ],
)
def test_a_rule_that_does_not_fit_is_refused(fields, make_rule, given, what) -> None:
    when = given.pop("when", "amount_minor > 1")
    with pytest.raises((RuleError, ValueError), match=what):
        Runner([make_rule(when, **given)], fields)


def test_two_rules_of_one_code_are_refused(fields, make_rule) -> None:
    with pytest.raises(ValueError, match="share a code"):
        Runner([make_rule("payee_is_new"), make_rule("payee_is_new")], fields)
