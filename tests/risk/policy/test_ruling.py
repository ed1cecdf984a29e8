"""From hits to a verdict: the strongest stands, and a challenge never asks for less than policy."""

from typing import Any

import msgspec
import pytest

from risk.assessment import STRENGTH, Assessment
from risk.engine import assess
from risk.lists import ListHit

STRANGE = {"device_is_known": False}


@pytest.fixture
def ruled(strategy, payment, known, features, make_rule):
    """Return a judge of payments under rules that always hit, given by outcome and level."""

    def run(*rules: tuple[str, int], payment_given: Any = None, **circumstances: Any) -> Assessment:
        made = tuple(
            make_rule("amount_minor >= 0", code=f"rule_{n}", outcome=outcome, level=level,
                      stages=("pre_payment", "in_flight"))
            for n, (outcome, level) in enumerate(rules)
        )  # fmt: skip
        judging = msgspec.structs.replace(strategy, rules=made)
        return assess(payment(**(payment_given or {})), known(**circumstances), features(), judging)

    return run


@pytest.mark.parametrize(
    ("rules", "preset", "outcome", "level"),
    [
        ([("challenge", 2)], "CN", "challenge", 2),
        ([("challenge", 2), ("challenge", 3)], "CN", "challenge", 3),
        ([("challenge", 2)], "judge_only", "hold", 2),
        ([("review", 0)], "CN", "review", 2),
        ([("hold", 0)], "CN", "hold", 2),
        ([("decline", 0)], "CN", "decline", 0),
        ([("decline", 0), ("challenge", 2), ("hold", 0)], "CN", "decline", 0),
        ([("challenge", 4), ("review", 0)], "CN", "hold", 4),
    ],
)
def test_the_strongest_effect_stands(ruled, rules, preset, outcome, level) -> None:
    found = ruled(*rules, preset=preset)

    assert found.outcome == outcome
    assert found.exemption is None
    assert found.reason_code.startswith("rule_")
    assert (found.hold is not None) == (outcome in {"review", "hold"})
    if preset == "CN":
        assert found.level == level or outcome == "decline"


def test_the_reasons_of_the_strongest_come_first_and_all_hits_are_told(ruled) -> None:
    found = ruled(("challenge", 2), ("decline", 0), ("hold", 0), payee_is_new=True)

    codes = [reason.code for reason in found.reasons]
    assert codes == ["rule_1", "rule_2", "rule_0", "new_payee"]
    assert [one.rule for one in found.rules[1:]] == ["rule_0", "rule_1", "rule_2"]


def test_a_challenge_asks_for_no_less_than_policy(ruled) -> None:
    found = ruled(("challenge", 2), payee_is_new=True)

    assert (found.outcome, found.level, found.any_of) == ("challenge", 3, ("spc", "passkey"))


# A review that may be put off until capture is none where a proof is asked for.
@pytest.mark.parametrize("outcome", ["review", "hold"])
def test_what_ends_in_a_challenge_asks_for_the_level_of_a_rule_that_hit_too(ruled, outcome) -> None:
    found = ruled(("challenge", 4), (outcome, 0), payment_given={"instrument_type": "card"})

    assert (found.outcome, found.level) == ("hold", 4)
    assert found.any_of == ("spc", "passkey", "three_ds")
    assert (found.hold.end, found.reasons[0].code) == ("challenge", "rule_1")


def test_a_hold_of_policy_s_own_asks_for_the_level_of_a_rule_as_well(ruled) -> None:
    found = ruled(("challenge", 4), scorer="down", payment_given={"amount_minor": 900_000})

    assert (found.outcome, found.level, found.reason_code) == ("hold", 4, "degraded_over_limit")


def test_a_challenge_while_degraded_asks_for_no_less_than_the_degraded_policy(ruled) -> None:
    found = ruled(
        ("challenge", 1), scorer="down", device_is_known=False, merchant_limit_minor=5_000
    )

    assert (found.outcome, found.level) == ("challenge", 2)


def test_proof_of_the_rule_s_level_lets_the_payment_go_on(ruled) -> None:
    found = ruled(("challenge", 3), level_proved=3)

    assert (found.outcome, found.reason_code) == ("approve", "proof_given")
    assert [one.code for one in found.reasons] == ["proof_given", "rule_0"]


def test_proof_does_not_lift_a_hold_of_a_rule(ruled) -> None:
    assert ruled(("hold", 0), level_proved=3).outcome == "hold"


def test_in_flight_a_challenge_stops_the_payment(ruled) -> None:
    given = {"stage": "in_flight"}

    assert ruled(("challenge", 3), payment_given=given).outcome == "hold"


def test_a_sandbox_payee_forces_its_outcome_whatever_rules_say(ruled) -> None:
    assert ruled(("decline", 0), forced="approve").outcome == "approve"


def test_a_block_stands_above_rules(ruled) -> None:
    block = ListHit(list_id="l", kind="block", strength="absolute", entity="payee", reason="r")

    found = ruled(("hold", 0), lists=(block,))

    assert (found.outcome, found.reason_code) == ("decline", "on_block_list")


@pytest.mark.parametrize("outcome", ["challenge", "review", "hold", "decline"])
@pytest.mark.parametrize("preset", ["CN", "judge_only"])
@pytest.mark.parametrize("scorer", ["none", "down"])
def test_rules_only_raise(ruled, outcome, preset, scorer) -> None:
    level = 2 if outcome == "challenge" else 0
    for given in ({}, {"payee_is_new": True}, {"merchant_limit_minor": 10**6}):
        plain = ruled(preset=preset, scorer=scorer, **given)

        raised = ruled((outcome, level), preset=preset, scorer=scorer, **given)

        assert STRENGTH[raised.outcome] >= max(STRENGTH[plain.outcome], STRENGTH[outcome])


@pytest.mark.parametrize(
    ("given", "outcome", "code"),
    [
        ({}, "approve", "degraded_small"),
        (STRANGE | {"level_proved": 2}, "approve", "proof_given"),
        (STRANGE | {"merchant_limit_minor": 5_000}, "challenge", "degraded_challenge"),
        (STRANGE, "hold", "degraded_over_limit"),
        ({"preset": "judge_only", "merchant_limit_minor": 5_000}, "hold", "degraded_no_proof"),
    ],
)
def test_a_rule_that_could_not_look_leaves_it_to_the_degraded_policy(
    strategy, payment, known, features, make_rule, given, outcome, code
) -> None:
    judging = msgspec.structs.replace(strategy, rules=(make_rule("instalments > 3"),))

    found = assess(payment(), known(**given), features(), judging)

    assert (found.degraded, found.outcome, found.reason_code) == (("rule_failed",), outcome, code)


def test_without_a_hit_nothing_changes(strategy, payment, known, features, make_rule) -> None:
    silent = msgspec.structs.replace(strategy, rules=(make_rule("amount_minor < 0"),))
    none = msgspec.structs.replace(strategy, rules=())

    assert assess(payment(), known(), features(), silent) == assess(
        payment(), known(), features(), none
    )
