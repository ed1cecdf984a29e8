"""One decision after another that people may argue about: presets, limits, sandbox, degraded."""

import math

import msgspec
import pytest

from risk.assessment import Hold
from risk.engine import assess
from risk.facts import Counter
from risk.vectors import Missing

COUNT = "payer_payment_count_1h"
REVIEW = Hold(grounds="review", end="challenge", duration_s=86_400)
REVIEW_THEN_NO = Hold(grounds="review", end="decline", duration_s=86_400)


def test_under_judge_only_a_payment_that_judgement_approves_is_approved(judge) -> None:
    found = judge(preset="judge_only", amount_minor=10**9, payee_is_new=True, currency="JPY")

    assert (found.outcome, found.level, found.liability) == ("approve", None, "merchant")
    assert found.reason_code == "judged_without_level"
    assert found.exemption is None


def test_a_small_payment_under_cn_is_approved_counted_and_the_provider_s(judge) -> None:
    found = judge()

    assert (found.outcome, found.level, found.liability) == ("approve", 0, "provider")
    assert found.exemption is not None
    assert found.any_of == ()


def test_what_is_not_judged_yet_is_none(judge, strategy, features) -> None:
    found = judge(features(payee_amount_to_usual=Missing("no_history")))

    assert (found.score, found.probabilities, found.risk_level) == (None, None, "low")
    assert (found.basis, found.model, found.expected_loss_minor) == ("rules", None, None)
    assert (found.strategy, found.feature_set) == (strategy.id, strategy.features.id)
    assert found.degraded == ()


@pytest.mark.parametrize(
    ("given", "level", "any_of"),
    [
        ({"has_small_consent": False}, 1, ("password", "passkey", "spc")),
        ({"amount_minor": 100_001}, 2, ("passkey", "password+otp", "spc")),
        ({"payee_is_new": True}, 3, ("spc", "passkey")),
        ({"payee_is_new": True, "instrument_type": "card"}, 3, ("spc", "passkey", "three_ds")),
        ({"payee_is_new": True, "instrument_type": "wallet"}, 3, ("spc", "passkey")),
        ({"is_protected": True, "protected_limit_minor": 0}, 4, ("spc", "passkey")),
    ],
)
def test_a_challenge_names_its_level_and_the_proofs_that_reach_it(
    judge, given, level, any_of
) -> None:
    found = judge(**given)

    assert (found.outcome, found.level, found.any_of) == ("challenge", level, any_of)
    assert (found.hold, found.exemption) == (None, None)


def test_proof_of_the_level_asked_approves(judge) -> None:
    found = judge(payee_is_new=True, level_proved=3)

    assert (found.outcome, found.level, found.reason_code) == ("approve", 3, "proof_given")
    assert found.exemption is None


def test_proof_below_the_level_asked_is_challenged_again(judge) -> None:
    assert judge(payee_is_new=True, level_proved=2).outcome == "challenge"


def test_level_4_after_the_proof_is_a_hold_that_cools_off(judge) -> None:
    found = judge(is_protected=True, protected_limit_minor=0, level_proved=3)

    assert (found.outcome, found.level, found.reason_code) == ("hold", 4, "cooling_off")
    assert found.hold == Hold(grounds="cooling_off", end="approve", duration_s=86_400)


def test_level_4_with_a_guardian_s_approval_is_approved(judge) -> None:
    found = judge(is_protected=True, protected_limit_minor=0, level_proved=4)

    assert found.outcome == "approve"


def test_a_merchant_initiated_payment_is_held_instead_of_challenged(judge) -> None:
    found = judge(initiator="merchant")

    assert (found.outcome, found.reason_code) == ("hold", "merchant_initiated")
    assert (found.hold, found.any_of) == (REVIEW_THEN_NO, ())


def test_a_static_code_above_its_day_limit_is_declined(judge) -> None:
    found = judge(entry="qr_static", amount_minor=50_001, level_proved=3)

    assert (found.outcome, found.reason_code) == ("decline", "static_qr_day_limit")
    assert (found.hold, found.exemption) == (None, None)


@pytest.mark.parametrize(
    ("stage", "count", "outcome", "result"),
    [
        ("pre_payment", 29, "approve", "no_hit"),
        ("pre_payment", 30, "decline", "hit"),
        ("in_flight", 30, "approve", "no_hit"),
        ("in_flight", 31, "hold", "hit"),
    ],
)
@pytest.mark.parametrize("preset", ["judge_only", "CN"])
def test_the_limit_on_speed_at_both_stages(
    judge, features, preset, stage, count, outcome, result
) -> None:
    found = judge(features(**{COUNT: count}), preset=preset, stage=stage)

    assert (found.outcome, found.rules[0].result) == (outcome, result)


def test_a_hit_of_the_limit_shows_itself_and_counts_no_exemption(judge, features) -> None:
    found = judge(features(**{COUNT: 30}))

    assert found.reason_code == "too_many_payments"
    assert found.reasons[0].slots == {"count": 30, "window": 3_600}
    assert found.rules[0].shown == "30 >= 30"
    assert found.rules[0].effect == "raise:decline"
    assert found.exemption is None


def test_a_hit_leaves_the_reasons_of_a_challenge_but_not_of_an_approval(judge, features) -> None:
    challenged = judge(features(**{COUNT: 30}), payee_is_new=True)
    approved = judge(features(**{COUNT: 30}))

    assert [r.code for r in challenged.reasons] == ["too_many_payments", "new_payee"]
    assert [r.code for r in approved.reasons] == ["too_many_payments"]


@pytest.mark.parametrize(("preset", "hold"), [("CN", REVIEW), ("judge_only", REVIEW_THEN_NO)])
def test_a_hold_in_flight_ends_in_a_challenge_only_where_one_can_be_asked(
    judge, features, preset, hold
) -> None:
    found = judge(features(**{COUNT: 31}), preset=preset, stage="in_flight")

    assert found.hold == hold
    assert bool(found.any_of) == (hold == REVIEW)


def test_a_hold_s_challenge_asks_at_least_level_2(judge, features) -> None:
    found = judge(features(**{COUNT: 31}), stage="in_flight", exemption="small_payment")

    assert (found.level, found.any_of) == (2, ("passkey", "password+otp", "spc"))


def test_a_stage_without_a_limit_has_no_rule(judge, features) -> None:
    assert judge(features(**{COUNT: 99}), stage="payout").rules == ()


@pytest.mark.parametrize(
    ("given", "outcome", "level"),
    [
        ({"level_proved": 2}, "approve", 2),
        ({"level_proved": 0, "exemption": "small_payment"}, "approve", 0),
        ({"level_proved": 0, "payee_is_new": True, "amount_minor": 10**9}, "approve", 0),
    ],
)
def test_in_flight_an_approval_stands(judge, given, outcome, level) -> None:
    found = judge(stage="in_flight", **given)

    assert (found.outcome, found.level, found.exemption) == (outcome, level, None)


# The degraded policy, row by row: CN, a payment of 50 CNY that would be exempt.
@pytest.mark.parametrize(
    ("given", "outcome", "code"),
    [
        ({}, "approve", "degraded_small"),
        ({"small_limit_minor": 5_000}, "approve", "degraded_small"),
        ({"small_limit_minor": 4_999}, "hold", "degraded_over_limit"),
        (
            {"small_limit_minor": 4_999, "merchant_limit_minor": 5_000},
            "challenge",
            "degraded_challenge",
        ),
        ({"device_is_known": False}, "hold", "degraded_over_limit"),
        ({"counters": {}}, "hold", "degraded_over_limit"),
        ({"device_is_known": False, "merchant_limit_minor": 4_999}, "hold", "degraded_over_limit"),
        (
            {"device_is_known": False, "merchant_limit_minor": 5_000},
            "challenge",
            "degraded_challenge",
        ),
        (
            {"payee_is_new": True, "merchant_limit_minor": 5_000, "level_proved": 3},
            "approve",
            "proof_given",
        ),
        ({"level_proved": 3}, "approve", "proof_given"),
        ({"level_proved": 3, "amount_minor": 20_000}, "hold", "degraded_over_limit"),
        ({"level_proved": 3, "small_limit_minor": 4_999}, "hold", "degraded_over_limit"),
        (
            {"initiator": "merchant", "merchant_limit_minor": 5_000},
            "hold",
            "merchant_initiated",
        ),
        (
            {"entry": "qr_static", "static_qr_today_minor": 50_000, "merchant_limit_minor": 5_000},
            "decline",
            "static_qr_day_limit",
        ),
        ({"preset": "judge_only"}, "hold", "degraded_over_limit"),
        ({"preset": "judge_only", "merchant_limit_minor": 5_000}, "hold", "degraded_no_proof"),
    ],
)
@pytest.mark.parametrize(("scorer", "missing"), [("down", "scorer_down"), ("late", "scorer_late")])
def test_the_degraded_policy(judge, scorer, missing, given, outcome, code) -> None:
    found = judge(scorer=scorer, **given)

    assert (found.outcome, found.reason_code) == (outcome, code)
    assert found.degraded == (missing,)


def test_a_degraded_approval_is_counted(judge) -> None:
    assert judge(scorer="down").exemption is not None


def test_a_degraded_challenge_asks_at_least_for_a_strong_proof(judge) -> None:
    found = judge(scorer="down", device_is_known=False, merchant_limit_minor=5_000)

    assert found.level == 2


def test_a_degraded_challenge_asks_for_no_less_than_the_ladder(judge) -> None:
    found = judge(scorer="down", payee_is_new=True, merchant_limit_minor=5_000)

    assert (found.outcome, found.level) == ("challenge", 3)


def test_a_degraded_hold_under_judge_only_has_grounds_review(judge) -> None:
    found = judge(scorer="down", preset="judge_only", merchant_limit_minor=5_000)

    assert found.hold == REVIEW_THEN_NO


# Above the preset's small payments.
LARGE = {"amount_minor": 20_000}


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"exemption": "small_payment"}, "approve"),
        ({"exemption": None}, "hold"),
        ({"level_proved": 1}, "approve"),
        ({"level_proved": 1, **LARGE, "merchant_limit_minor": 20_000}, "hold"),
        ({"level_proved": 2, **LARGE, "merchant_limit_minor": 20_000}, "approve"),
        ({"level_proved": 2, **LARGE, "merchant_limit_minor": 19_999}, "hold"),
    ],
)
def test_the_degraded_policy_in_flight_never_challenges(judge, given, outcome) -> None:
    found = judge(stage="in_flight", scorer="down", **given)

    assert (found.outcome, found.exemption) == (outcome, None)


def test_a_failed_feature_check_goes_to_the_degraded_policy(judge, features) -> None:
    found = judge(features(device_payment_count_1h=math.nan), preset="judge_only")

    assert found.outcome == "hold"
    assert found.degraded == ("features_invalid", "velocity_unknown", "rule_failed")
    assert (found.rules[0].result, found.rules[0].shown) == ("error", "features_invalid")


def test_a_limit_that_could_not_be_looked_at_is_no_miss(judge, features) -> None:
    found = judge(features(**{COUNT: Missing("not_loaded")}), preset="judge_only")

    assert found.outcome == "hold"
    assert found.degraded == ("velocity_unknown",)
    assert (found.rules[0].result, found.rules[0].shown) == ("error", "missing: not_loaded")


def test_a_hit_still_counts_while_degraded(judge, features) -> None:
    assert judge(features(**{COUNT: 30}), scorer="down").outcome == "decline"


@pytest.mark.parametrize("preset", ["judge_only", "CN"])
@pytest.mark.parametrize("forced", ["approve", "challenge", "hold", "decline"])
def test_a_sandbox_payee_forces_its_outcome(judge, features, preset, forced) -> None:
    found = judge(features(**{COUNT: 99}), preset=preset, forced=forced)

    assert (found.outcome, found.reason_code) == (forced, "sandbox_forced")
    assert found.exemption is None


@pytest.mark.parametrize("preset", ["judge_only", "CN"])
def test_a_forced_challenge_can_be_answered(judge, preset) -> None:
    asked = judge(preset=preset, forced="challenge")
    answered = judge(preset=preset, forced="challenge", level_proved=2)

    assert (asked.level, asked.any_of) == (2, ("passkey", "password+otp", "spc"))
    assert answered.outcome == "approve"


def test_a_forced_challenge_without_the_payer_is_a_hold(judge) -> None:
    assert judge(forced="challenge", initiator="merchant").outcome == "hold"


@pytest.mark.parametrize(
    ("given", "outcome"),
    [
        ({"preset": "judge_only"}, "hold"),
        ({}, "approve"),
        ({"amount_minor": 50_000, "merchant_limit_minor": 50_000}, "challenge"),
        ({"amount_minor": 50_001, "merchant_limit_minor": 50_000}, "hold"),
    ],
)
def test_a_sandbox_payee_shows_the_degraded_policy(judge, given, outcome) -> None:
    found = judge(forced="degraded", **given)

    assert (found.outcome, found.degraded) == (outcome, ("scorer_down",))


@pytest.mark.parametrize("forced", ["approve", "challenge", "hold", "decline", "degraded"])
def test_nothing_is_forced_after_the_creation(judge, forced) -> None:
    found = judge(stage="in_flight", forced=forced, preset="judge_only")

    assert (found.outcome, found.reason_code) == ("approve", "judged_without_level")


@pytest.mark.parametrize(
    ("given", "liability"),
    [
        ({}, "provider"),
        ({"payee_is_new": True}, "provider"),
        ({"preset": "judge_only"}, "merchant"),
        ({"stage": "in_flight", "exemption": "small_payment"}, "provider"),
    ],
)
def test_who_bears_the_loss(judge, given, liability) -> None:
    assert judge(**given).liability == liability


@pytest.mark.parametrize(
    ("stage", "exemption", "liability"),
    [
        ("pre_payment", None, "provider"),
        ("in_flight", "small_payment", "provider"),
        ("in_flight", None, "merchant"),
    ],
)
def test_the_exemption_says_who_bears_its_loss_whatever_the_preset_says(
    strategy, payment, known, features, stage, exemption, liability
) -> None:
    cn = msgspec.structs.replace(strategy.preset("CN"), liability="merchant")
    other = msgspec.structs.replace(strategy, presets={"CN": cn})

    found = assess(payment(stage=stage), known(exemption=exemption), features(), other)

    assert (found.outcome, found.liability) == ("approve", liability)


def test_a_preset_that_the_strategy_has_not_is_a_fault(judge) -> None:
    with pytest.raises(LookupError, match="no preset"):
        judge(preset="XX")


def test_a_verification_of_nothing_asks_for_proof_and_counts_no_exemption(judge) -> None:
    found = judge(kind="verification", amount_minor=0)

    assert (found.outcome, found.level, found.exemption) == ("challenge", 1, None)


def test_the_fifth_small_payment_is_the_last(judge) -> None:
    fourth = {scope: Counter(4, 20_000) for scope in ("payer", "instrument", "device")}
    fifth = {scope: Counter(5, 25_000) for scope in ("payer", "instrument", "device")}

    assert judge(counters=fourth).outcome == "approve"
    assert judge(counters=fifth).outcome == "challenge"


def test_a_starter_rule_that_hits_is_told_with_its_values(judge) -> None:
    found = judge(payee_is_new=True, balance_before_minor=5_200)

    assert (found.outcome, found.reason_code) == ("hold", "balance_drained")
    assert found.reasons[0].slots["balance_share"] == 961
    shown = "payee_is_new (true) and default(balance_share, 0) (961) >= 900"
    assert (found.rules[-1].result, found.rules[-1].shown) == ("hit", shown)
    assert found.degraded == ()


def test_a_rule_that_has_no_answer_sends_the_payment_to_the_degraded_policy(
    judge, features
) -> None:
    lost = features(device_instrument_distinct_24h=Missing("outside_kept_range"))

    found = judge(lost, preset="judge_only")

    assert (found.outcome, found.degraded) == ("hold", ("rule_failed",))
    assert [(one.rule, one.result) for one in found.rules[1:]] == [
        ("many_instruments_on_device", "error")
    ]
