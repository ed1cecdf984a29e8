"""Account actions by their levels, and payouts that wait after a change."""

import datetime as dt

import msgspec
import pytest

from risk import events
from risk.assessment import Assessment
from risk.engine import assess
from risk.facts import CREDENTIALS, NO_CURRENCY
from risk.feature import Text
from risk.lists import ListHit
from risk.rules.shapes import Rule
from risk.strategy import make_strategy, parts_of
from tests.risk.conftest import NOON

HOUR = dt.timedelta(hours=1)
RECENT = dt.timedelta(hours=72)
ACTION = {
    "stage": "account",
    "kind": "login",
    "amount_minor": 0,
    "currency": NO_CURRENCY,
    "payee_id": None,
    "instrument_id": None,
}
BLOCK = ListHit(
    list_id="lse_1", kind="block", strength="absolute", entity="device", reason="seen before"
)


@pytest.fixture
def judged(payment, known, features, strategy):
    """Return a judge of a login from a known device, and of what is named instead."""

    def judge(kind="login", /, preset="CN", **given) -> Assessment:
        of_facts = {name: one for name, one in given.items() if name in payment().__struct_fields__}
        rest = {name: one for name, one in given.items() if name not in of_facts}
        facts = payment(**ACTION | {"kind": kind} | of_facts)
        return events.judge(facts, known(preset=preset, **rest), features(), strategy)

    return judge


@pytest.fixture
def paid_out(payment, known, features, strategy):
    def judge(preset="CN", **given) -> Assessment:
        of_facts = {name: one for name, one in given.items() if name in payment().__struct_fields__}
        rest = {name: one for name, one in given.items() if name not in of_facts}
        facts = payment(stage="payout", kind="payout", **of_facts)
        return events.judge(facts, known(preset=preset, **rest), features(), strategy)

    return judge


@pytest.mark.parametrize(
    ("sign_in", "is_known", "outcome", "level"),
    [
        ("password", True, "approve", 0),
        ("passkey", False, "approve", 0),
        ("password", False, "challenge", 2),
        ("none", True, "challenge", 1),
        (None, False, "challenge", 2),
        ("other", True, "challenge", 1),
    ],
)
def test_a_login_is_proved_by_its_sign_in(judged, sign_in, is_known, outcome, level) -> None:
    said = judged(sign_in=sign_in, device_is_known=is_known)

    assert (said.outcome, said.level) == (outcome, level)
    assert bool(said.any_of) is (outcome == "challenge")


@pytest.mark.parametrize("kind", ["account_change", "new_payee"])
def test_a_sign_in_counts_for_nothing_but_its_login(judged, kind) -> None:
    changes = ("email",) if kind == "account_change" else ()

    said = judged(kind, sign_in="passkey", changes=changes)

    assert (said.outcome, said.level, said.reason_code) == ("challenge", 2, "event_level")


def test_nobody_can_prove_anything_at_a_sign_up(judged) -> None:
    assert judged("sign_up", device_is_known=False).outcome == "approve"


@pytest.mark.parametrize(
    ("changes", "level"),
    [(("address",), 1), (("address", "phone"), 2), (("factor",), 2), (("email",), 2)],
)
def test_the_strongest_of_what_is_changed_counts(judged, changes, level) -> None:
    assert judged("account_change", changes=changes).level == level


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"device_is_known": False}, "unknown_device"),
        ({"contact_changed_at": NOON - RECENT + HOUR}, "recent_change"),
        ({"credentials_changed_at": NOON - HOUR}, "recent_change"),
        # Within a day the starter rule says so too, also where a preset asks for no level.
        ({"contact_changed_at": NOON + HOUR}, "new_payee_after_contact_change"),
    ],
)
def test_a_strange_device_and_a_recent_change_raise_the_level(judged, given, reason) -> None:
    said = judged("new_payee", payee_id="p_77", **given)

    assert (said.level, said.reason_code) == (3, reason)


def test_a_change_is_recent_for_72_hours_and_no_longer(judged) -> None:
    said = judged("new_payee", contact_changed_at=NOON - RECENT)

    assert said.level == 2


def test_a_preset_without_levels_lets_pass_what_nothing_stops(judged) -> None:
    said = judged("account_change", preset="judge_only", changes=("factor",))

    assert (said.outcome, said.level, said.reason_code) == ("approve", None, "judged_without_level")


def test_a_block_declines_whatever_else_was_judged(judged) -> None:
    for given in ({}, {"forced": "approve"}, {"preset": "judge_only"}):
        said = judged(lists=(BLOCK,), sign_in="passkey", **given)

        assert (said.outcome, said.reason_code) == ("decline", "on_block_list")
        assert [one.effect for one in said.rules] == ["raise:decline"]


@pytest.mark.parametrize(
    ("forced", "outcome"),
    [
        ("approve", "approve"),
        ("challenge", "challenge"),
        ("hold", "hold"),
        ("decline", "decline"),
        ("degraded", "challenge"),
    ],
)
def test_the_sandbox_forces_an_outcome(judged, forced, outcome) -> None:
    said = judged(forced=forced, sign_in="password")

    assert said.outcome == outcome
    assert (said.hold is not None) is (outcome == "hold")
    assert said.degraded == (("scorer_down",) if forced == "degraded" else ())


@pytest.mark.parametrize("kind", [*events.ACTIONS])
def test_without_a_score_nothing_is_judged_milder(judged, kind) -> None:
    changes = ("email",) if kind == "account_change" else ()
    scored = judged(kind, changes=changes, sign_in="password")
    down = judged(kind, changes=changes, sign_in="password", scorer="down")
    without_proof = judged(kind, changes=changes, preset="judge_only", scorer="down")

    assert down.outcome == "challenge"
    assert (down.level or 0) >= (scored.level or 0)
    assert (without_proof.outcome, without_proof.reason_code) == ("hold", "degraded_no_proof")


@pytest.mark.parametrize(
    "changed",
    [
        {"contact_changed_at": NOON - HOUR},
        {"credentials_changed_at": NOON - HOUR},
        {"instrument_added_at": NOON - HOUR},
    ],
)
@pytest.mark.parametrize(("preset", "end"), [("CN", "challenge"), ("judge_only", "decline")])
def test_a_payout_soon_after_a_change_waits(paid_out, changed, preset, end) -> None:
    said = paid_out(preset=preset, **changed)

    assert (said.outcome, said.reason_code) == ("hold", "recent_change")
    assert said.hold is not None
    assert (said.hold.end, bool(said.any_of)) == (end, end == "challenge")
    assert said.exemption is None


def test_a_payout_that_waits_asks_for_the_level_of_a_rule_that_hit(
    payment, known, features, strategy, make_rule
) -> None:
    rule = make_rule("amount_minor > 0", outcome="challenge", level=4, stages=("payout",))
    judging = msgspec.structs.replace(strategy, rules=(rule,))
    facts = payment(stage="payout", kind="payout", contact_changed_at=NOON - HOUR)

    said = events.judge(facts, known(), features(), judging)

    assert (said.outcome, said.level, said.reason_code) == ("hold", 4, "recent_change")


def test_a_payout_that_waits_after_a_change_says_of_no_proof_that_it_would_go(paid_out) -> None:
    asked = paid_out(amount_minor=900_000)
    waiting = paid_out(amount_minor=900_000, contact_changed_at=NOON - HOUR)

    assert (asked.outcome, len(asked.counterfactuals)) == ("challenge", 1)
    assert (waiting.outcome, waiting.counterfactuals) == ("hold", ())


@pytest.mark.parametrize("given", [{}, {"contact_changed_at": NOON - HOUR}])
def test_a_card_that_is_paid_to_offers_no_proof_by_its_issuer(paid_out, given) -> None:
    said = paid_out(instrument_type="card", amount_minor=900_000, **given)

    assert said.any_of
    assert "three_ds" not in said.any_of


def test_a_payout_that_is_declined_stays_declined_and_says_both(paid_out) -> None:
    said = paid_out(lists=(BLOCK,), contact_changed_at=NOON - HOUR)

    assert said.outcome == "decline"
    assert said.reason_code == "on_block_list"
    assert said.reasons[-1].code == "recent_change"


def test_what_the_sandbox_forces_is_not_held(paid_out) -> None:
    assert paid_out(forced="approve", contact_changed_at=NOON - HOUR).outcome == "approve"


def test_without_a_change_a_payout_is_judged_as_the_payment_that_it_is(
    paid_out, payment, known, features, strategy
) -> None:
    facts = payment(stage="payout", kind="payout", amount_minor=900_000)

    assert paid_out(amount_minor=900_000) == assess(facts, known(), features(), strategy)


def test_an_address_is_no_credential() -> None:
    assert "address" not in CREDENTIALS


def ruled(strategy, *texts: tuple[str, str, int]):
    """Return a strategy with rules of the stage `account` in the place of its own."""
    rules = tuple(
        Rule(
            code=f"rule_{place}",
            version=1,
            stages=("account",),
            when=when,
            outcome=outcome,
            level=level,
            meaning=Text("Looks.", "查看。"),
            reason=Text("on {action}", "操作 {action}"),
        )
        for place, (when, outcome, level) in enumerate(texts)
    )
    return make_strategy(msgspec.structs.replace(parts_of(strategy), rules=rules))


@pytest.mark.parametrize(
    ("when", "outcome", "level", "given", "expected"),
    [
        ('action == "login" and remote_access', "hold", 0, {"remote_access": True}, "hold"),
        ('action == "login" and remote_access', "hold", 0, {"remote_access": False}, "approve"),
        ('action == "sign_up"', "decline", 0, {}, "approve"),
        ("not device_is_known", "decline", 0, {"device_is_known": False}, "decline"),
        ('default(ip_country, "CN") != "CN"', "challenge", 3, {"ip_country": "KP"}, "challenge"),
        ('default(ip_country, "CN") != "CN"', "review", 0, {"ip_country": "KP"}, "review"),
    ],
)
def test_rules_raise_what_an_action_is_asked_for(
    payment, known, strategy, features, when, outcome, level, given, expected
) -> None:
    of_facts = {name: one for name, one in given.items() if name in payment().__struct_fields__}
    rest = {name: one for name, one in given.items() if name not in of_facts}
    facts = payment(
        **ACTION
        | {"sign_in": "passkey", "instrument_type": "card", "instrument_id": "i"}
        | of_facts,
    )
    strategy = ruled(strategy, (when, outcome, level))

    said = events.judge(facts, known(preset="CN", **rest), features(), strategy)

    assert said.outcome == expected
    assert said.degraded == ()
    hit = expected != "approve"
    assert [(one.rule, one.result) for one in said.rules] == [("rule_0", "hit")] * hit
    if hit:
        assert said.reason_code == "rule_0"
        assert said.reasons[0].slots == {"action": "login"}
    if expected == "challenge":
        # What an action names as an instrument proves nothing of who acts.
        assert (said.level, "three_ds" in said.any_of) == (3, False)


@pytest.mark.parametrize(
    ("kind", "level", "outcome"),
    [("login", 2, "approve"), ("login", 3, "challenge"), ("new_payee", 2, "challenge")],
)
def test_no_rule_asks_a_login_for_what_its_sign_in_proved(
    payment, known, strategy, features, kind, level, outcome
) -> None:
    strategy = ruled(strategy, ("device_is_known", "challenge", level))
    facts = payment(**ACTION | {"kind": kind, "sign_in": "passkey"})

    said = events.judge(facts, known(preset="CN"), features(), strategy)

    assert said.outcome == outcome


def test_rules_of_payments_say_nothing_of_an_action(judged) -> None:
    said = judged(device_is_known=False, call_active=True, payee_name_check="no_match")

    assert said.rules == ()


def test_a_rule_that_has_no_answer_leaves_an_action_to_the_degraded_policy(
    payment, known, strategy, features
) -> None:
    strategy = ruled(strategy, ("remote_access", "decline", 0))
    facts = payment(**ACTION, sign_in="passkey")

    said = events.judge(facts, known(preset="CN"), features(), strategy)

    assert (said.outcome, said.degraded) == ("challenge", ("rule_failed",))


def test_what_the_sandbox_forces_stands_above_rules_of_actions(
    payment, known, strategy, features
) -> None:
    strategy = ruled(strategy, ('action == "login"', "decline", 0))

    said = events.judge(
        payment(**ACTION), known(preset="CN", forced="approve"), features(), strategy
    )

    assert said.outcome == "approve"


def test_an_account_change_is_told_apart_by_what_it_changes(
    payment, known, strategy, features
) -> None:
    strategy = ruled(strategy, ("changes_factor and not changes_email", "hold", 0))
    changes = {**ACTION, "kind": "account_change"}
    found = [
        events.judge(payment(**changes, changes=of), known(preset="CN"), features(), strategy)
        for of in (("factor",), ("factor", "email"), ("address",))
    ]

    assert [one.outcome for one in found] == ["hold", "challenge", "challenge"]
