"""Vectors: a missing value carries its reason, and a broken vector is noticed."""

import math

import msgspec
import pytest

from risk.entity_state import EntityState
from risk.feature import load_features
from risk.vectors import (
    FeatureVector,
    Missing,
    entities,
    is_sound,
    observations,
    vector,
)

PLANS = load_features().plans


def empty(kind):
    return EntityState(PLANS[kind])


DEVICE_COUNT = "device_payment_count_1h"
PAYER_COUNT = "payer_payment_count_1h"


def test_without_a_device_its_features_are_missing_and_not_zero(payment, strategy) -> None:
    facts = payment(device_id=None)

    found = vector(facts, {("payer", "c_17"): empty("payer")}, strategy.features)

    assert found.value(DEVICE_COUNT) == Missing("no_device")
    assert found.value(PAYER_COUNT) == 0


def test_a_state_that_was_not_loaded_is_missing_and_not_zero(payment, strategy) -> None:
    found = vector(payment(), {("device", "d_5"): empty("device")}, strategy.features)

    assert found.value(PAYER_COUNT) == Missing("not_loaded")


def test_a_stage_at_which_a_feature_may_not_be_known_is_missing(payment, strategy) -> None:
    only_later = [
        msgspec.structs.replace(feature, stages=("payout",))
        for feature in strategy.features.features
    ]
    features = msgspec.structs.replace(strategy.features, features=tuple(only_later))

    found = vector(payment(), {("payer", "c_17"): empty("payer")}, features)

    assert set(found.values) == {Missing("not_at_stage")}


def test_what_a_state_let_go_is_missing(payment, strategy) -> None:
    state = empty("payer")
    late = payment().occurred_at
    state.add(late, 1, "CNY")
    state.add(late.replace(day=27), 1, "CNY")

    found = vector(payment(), {("payer", "c_17"): state}, strategy.features)

    assert found.value("payer_payment_count_1m") == Missing("outside_kept_range")


def test_a_payer_and_a_device_of_one_key_are_two_entities(payment) -> None:
    facts = payment(payer_key="x", device_id="x")

    assert entities(facts)[:2] == (("payer", "x"), ("device", "x"))


def test_a_payment_names_every_entity_that_it_has(payment) -> None:
    facts = payment(
        email_key="e",
        phone_key="f",
        shipping_address_id="a",
        ip_keys=("8", "16", "24", "32"),
        instrument_bin="411111",
        merchant_id="m",
    )

    assert dict(entities(facts)) == {
        "payer": "c_17",
        "device": "d_5",
        "instrument": "ins_1",
        "payee": "p_77",
        "email": "e",
        "phone": "f",
        "address": "a",
        "ip": "32",
        "ip_24": "24",
        "bin": "411111",
        "merchant": "m",
    }


def test_a_later_stage_reads_whom_its_token_names(payment) -> None:
    facts = payment(stage="in_flight", merchant_id="m")

    assert entities(facts) == (("payer", "c_17"), ("device", "d_5"))


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("email_payment_count_24h", "no_email"),
        ("phone_payment_count_24h", "no_phone"),
        ("address_payment_count_24h", "no_address"),
        ("ip_payment_count_1h", "no_ip"),
        ("ip_24_payment_count_1h", "no_ip"),
        ("bin_payment_count_1h", "no_bin"),
        ("merchant_payment_count_1h", "no_merchant"),
        ("instrument_payment_count_1h", "no_instrument"),
        ("payer_instrument_payment_count_30d", "no_instrument"),
        ("payer_device_payment_count_30d", "no_device"),
        ("payer_amount_mean", "no_history"),
        ("payer_since_last_s", "no_history"),
        ("payer_amount_max_30d", "no_history"),
        ("payer_declined_share_24h", "no_history"),
    ],
)
def test_what_is_missing_says_why(payment, strategy, name, why) -> None:
    facts = payment(instrument_id=None, device_id=None)
    states = {entity: empty(entity[0]) for entity in entities(facts)}

    assert vector(facts, states, strategy.features).value(name) == Missing(why)


@pytest.mark.parametrize("stage", ["in_flight", "post_payment"])
def test_a_later_stage_of_a_payment_counts_nothing(payment, stage) -> None:
    assert observations(payment(stage=stage)) == ()


@pytest.mark.parametrize("stage", ["pre_payment", "payout"])
def test_the_stage_that_creates_a_payment_counts_it(payment, stage) -> None:
    assert [one.kind for one in observations(payment(stage=stage))] == [
        "payer",
        "device",
        "instrument",
        "payee",
    ]


def test_missing_values_with_their_reasons_are_sound(features, strategy) -> None:
    assert is_sound(features(**{DEVICE_COUNT: Missing("no_device")}), strategy.features)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -1, -0.5])
def test_a_value_that_is_not_finite_or_negative_is_not_sound(features, strategy, value) -> None:
    assert not is_sound(features(**{PAYER_COUNT: value}), strategy.features)


def test_a_vector_out_of_order_is_not_sound(features, strategy) -> None:
    good = features()

    swapped = FeatureVector(good.feature_set, good.names[::-1], good.values)

    assert not is_sound(swapped, strategy.features)


def test_a_vector_with_a_value_left_out_is_not_sound(features, strategy) -> None:
    good = features()

    short = FeatureVector(good.feature_set, good.names, good.values[1:])

    assert not is_sound(short, strategy.features)


def test_a_vector_of_another_set_is_not_sound(features, strategy) -> None:
    good = features()

    other = FeatureVector("fs_000000000000", good.names, good.values)

    assert not is_sound(other, strategy.features)


def test_a_vector_survives_a_receipt(features, again) -> None:
    found = features(**{DEVICE_COUNT: Missing("no_device"), PAYER_COUNT: 7})

    assert again(found) == found
    assert msgspec.json.decode(msgspec.json.encode(found), type=FeatureVector) == found
