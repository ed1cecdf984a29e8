"""The starter set: it covers what shops ask for, says why, and leaves ordinary payments be."""

import datetime as dt
import tomllib
from importlib import resources
from typing import Any, get_args

import msgspec
import pytest

from risk.assessment import Reason
from risk.facts import NO_CURRENCY, Action
from risk.reasons import reason_text
from risk.rules.compiler import compile_rules, make_places
from risk.rules.fields import Fields
from risk.rules.reader import load_starter_rules
from risk.rules.runner import Runner
from risk.rules.shapes import RuleFile
from risk.rules.showing import Shown, make_said, make_telling, slot_kind, slots_of
from risk.rules.tree import fields_of
from risk.strategy import Strategy
from risk.vectors import Missing
from tests.risk.conftest import NOON

HOUR = dt.timedelta(hours=1)

# What shops ask of a first set of rules, and which of ours answer it. Every rule is named.
COVERED = {
    "counts by card, BIN, e-mail, merchant": {
        *("instrument_burst", "email_burst", "declines_on_bin", "declines_at_merchant"),
        *("device_burst", "new_account_fast"),
    },
    "sums by card, BIN, e-mail, merchant": {"instrument_sum", "email_sum", "bin_takes_over"},
    "cards by payer, e-mail and device": {
        *("many_instruments_by_payer", "many_instruments_of_email", "many_instruments_on_device"),
    },
    "BIN countries by e-mail": {"many_issuer_countries_of_email"},
    "cards and payments by network address": {
        *("many_instruments_on_ip", "ip_burst", "network_burst"),
    },
    "a merchant and a BIN against their own normal": {"merchant_surge", "bin_burst"},
    "countries of card, bill, network and delivery": {
        *("ip_country_differs", "billing_country_differs", "three_countries"),
    },
    "tries that failed": {
        *("declines_on_device", "declines_on_instrument", "verifications_on_device"),
    },
    "one person with many names": {
        *("many_payers_on_device", "many_payers_on_ip", "many_payers_at_address"),
        "many_devices_of_payer",
    },
    "listed and raised by what was reported": {
        *("reported_instrument", "reported_instrument_used", "reported_device"),
    },
    "accounts before money leaves them": {
        *("guided_new_payee", "guided_account_change", "remote_access_sign_in"),
        *("new_payee_name_differs", "new_payee_name_nearly_matches"),
        *("new_payee_after_contact_change", "change_without_sign_in"),
        *("tampered_app", "tampered_sign_up"),
    },
    "taken-over accounts": {
        *("balance_drained", "half_of_large_balance_sgd", "contact_just_changed"),
        *("integrity_failed", "amount_above_normal"),
    },
    "scams": {
        *("remote_access_transfer", "remote_access_purchase", "call_new_payee", "payee_just_added"),
        *("name_differs", "name_nearly_matches", "collecting_person"),
    },
    "amounts cut small": {"structuring_under_exemption", "small_payments_to_many"},
}


def test_the_starter_set_stands_and_covers_what_it_should(fields, strategy) -> None:
    rules = load_starter_rules(fields)

    assert rules == strategy.rules
    assert sorted(rule.code for rule in rules) == sorted(
        code for codes in COVERED.values() for code in codes
    )


def starter_files() -> list[RuleFile]:
    """Return the files as they are written, with the tests of each rule."""
    folder = resources.files("risk.rules") / "starter"
    texts = [one.read_text("utf-8") for one in folder.iterdir() if one.name.endswith(".toml")]
    return [msgspec.convert(tomllib.loads(text), RuleFile) for text in texts]


def moved_by(name: str, strategy: Strategy, fields: Fields) -> set[str]:
    """Return the rules that a field makes hit by being raised from 0, all else as it is.

    A rule that only compares with it, as with a shop's money beside that of a BIN, is not one.
    """
    found = set()
    by_code = {one.rule.code: one for one in strategy.runner.ready}
    for written in (rule for file in starter_files() for rule in file.rules):
        ready = by_code[written.code]
        others = [one for one in fields_of(ready.node) if fields.by_name[one].source != "feature"]
        run = compile_rules({0: ready.node}, make_places(fields.features, others))
        for test in written.tests:
            if test.result != "hit" or name not in test.given:
                continue
            hit: list[int] = []
            given = {**test.given, name: 0}
            features = [given.get(one, Missing("no_history")) for one in fields.features]
            run(features, [given.get(one) for one in others], hit.append, lambda _number: None)
            if not hit:
                found.add(written.code)
    return found


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("instrument_payment_count_1h", "instrument_burst"),
        ("instrument_amount_sum_24h", "instrument_sum"),
        ("bin_payment_count_1h", "bin_burst"),
        ("bin_amount_sum_1h", "bin_takes_over"),
        ("email_payment_count_24h", "email_burst"),
        ("email_amount_sum_24h", "email_sum"),
        ("merchant_payment_count_24h", "merchant_surge"),
        ("merchant_amount_sum_24h", "merchant_surge"),
        ("ip_payment_count_1h", "ip_burst"),
        ("ip_24_payment_count_1h", "network_burst"),
        ("ip_instrument_distinct_24h", "many_instruments_on_ip"),
        ("payer_instrument_distinct_24h", "many_instruments_by_payer"),
        ("email_instrument_distinct_24h", "many_instruments_of_email"),
        ("email_issuer_country_distinct_24h", "many_issuer_countries_of_email"),
        ("device_declined_share_24h", "declines_on_device"),
        ("device_fraud_count_30d", "reported_device"),
    ],
)
def test_what_shops_ask_to_count_turns_no_hit_into_hit_by_itself(
    strategy, fields, name, code
) -> None:
    assert code in moved_by(name, strategy, fields)


# Signs of a scam or a take-over: what tells it, and which rule says so at each stage.
SIGNALS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "a drained balance": (
        {"balance_before_minor": 5_100, "payee_is_new": True},
        {"pre_payment": "balance_drained", "payout": "balance_drained"},
    ),
    "contact just changed": (
        {"contact_changed_at": NOON - HOUR, "payee_is_new": True},
        {
            "account": "new_payee_after_contact_change",
            **dict.fromkeys(("pre_payment", "payout"), "contact_just_changed"),
        },
    ),
    "the name differs": (
        {"payee_name_check": "no_match", "payee_is_new": True},
        {
            "account": "new_payee_name_differs",
            **dict.fromkeys(("pre_payment", "payout"), "name_differs"),
        },
    ),
    "the name nearly matches": (
        {"payee_name_check": "close_match", "payee_is_new": True},
        {
            "account": "new_payee_name_nearly_matches",
            **dict.fromkeys(("pre_payment", "payout"), "name_nearly_matches"),
        },
    ),
    "remote access": (
        {"remote_access": True},
        {
            "account": "guided_new_payee",
            **dict.fromkeys(("pre_payment", "payout"), "remote_access_transfer"),
        },
    ),
    "a call to somebody new": (
        {"call_active": True, "payee_is_new": True},
        {
            "account": "guided_new_payee",
            **dict.fromkeys(("pre_payment", "payout"), "call_new_payee"),
        },
    ),
    "a tampered app": (
        {"integrity": "failed"},
        {
            "account": "tampered_app",
            **dict.fromkeys(("pre_payment", "payout"), "integrity_failed"),
        },
    ),
}
# What is sent away, as each stage calls it.
SENT = {"account": "new_payee", "pre_payment": "transfer", "payout": "payout"}


@pytest.mark.parametrize("signal", SIGNALS)
@pytest.mark.parametrize("stage", SENT)
def test_a_sign_hits_at_each_stage_that_can_tell_it(
    payment, known, features, strategy, signal, stage
) -> None:
    told, codes = SIGNALS[signal]
    circumstances = {one: told[one] for one in told if one == "payee_is_new"}
    facts = {one: told[one] for one in told if one not in circumstances}
    is_told = signal != "a drained balance" or stage != "account"
    plain = {"stage": stage, "kind": SENT[stage]}
    if stage == "account":
        # Features count payments, and who is added as a payee is new.
        facts.pop("balance_before_minor", None)
        plain |= {"amount_minor": 0, "currency": NO_CURRENCY}
    vector = None if stage == "account" else features()

    found = strategy.runner.look(
        payment(**plain, **facts), known(**circumstances), strategy.preset("CN"), vector
    )

    assert (stage in codes) == is_told
    assert {one.rule for one in found.results} == ({codes[stage]} if is_told else set())


@pytest.mark.parametrize(
    ("action", "told", "code"),
    [
        (
            "account_change",
            {"remote_access": True, "changes": ("address",)},
            "guided_account_change",
        ),
        ("account_change", {"call_active": True, "changes": ("factor",)}, "guided_account_change"),
        ("account_change", {"call_active": True, "changes": ("address",)}, None),
        ("account_change", {"sign_in": "none", "changes": ("email",)}, "change_without_sign_in"),
        ("login", {"remote_access": True, "sign_in": "passkey"}, "remote_access_sign_in"),
        ("login", {"call_active": True, "sign_in": "password"}, None),
        ("sign_up", {"integrity": "failed"}, "tampered_sign_up"),
        *((action, {}, None) for action in get_args(Action)),
    ],
)
def test_an_action_is_stopped_for_what_it_tells_and_for_nothing_else(
    payment, known, strategy, action, told, code
) -> None:
    facts = payment(stage="account", kind=action, amount_minor=0, currency=NO_CURRENCY, **told)

    found = strategy.runner.look(facts, known(), strategy.preset("CN"), None)

    assert [one.rule for one in found.results] == ([] if code is None else [code])


# The least that a shop tells: no instrument, no device, no address; and a payer never seen.
@pytest.mark.parametrize("stage", ["pre_payment", "in_flight", "post_payment", "payout"])
@pytest.mark.parametrize("preset", ["CN", "judge_only"])
def test_no_starter_rule_hits_or_fails_for_an_ordinary_payment(
    fields, payment, known, features, strategy, stage, preset
) -> None:

    unseen = features(**dict.fromkeys(strategy.features.names, Missing("no_history")))
    plain = payment(stage=stage, instrument_id=None, device_id=None, payer_id=None)
    known_little = known(device_is_known=False, payee_is_new=True, has_small_consent=False)
    runner = Runner(strategy.rules, fields)

    for vector in (unseen, features()):
        found = runner.look(plain, known_little, strategy.preset(preset), vector)

        assert found.results == ()


def test_every_reason_reads_in_both_languages_with_values_and_without(
    fields, strategy, texts
) -> None:
    for rule in strategy.rules:
        kinds = {name: slot_kind(fields.by_name[name]) for name in slots_of(rule.reason.en)}
        values = {name: "CN" if kind == "text" else 999 for name, kind in kinds.items()}
        for given in (values, dict.fromkeys(kinds)):
            telling = make_telling(Shown("", ()), kinds, make_places((), tuple(given)))
            slots = telling.reason(((), tuple(given.values())), "CNY")
            reason = Reason(rule.code, slots, make_said(rule.reason, kinds))

            english, chinese = (reason_text(reason, one, texts) for one in ("en", "zh"))
            assert "{" not in english + chinese
            assert english.isascii()
            assert not chinese.isascii()
