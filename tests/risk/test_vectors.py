"""Vectors: a missing value carries its reason, and a broken vector is noticed."""

import math

import msgspec
import pytest

from risk.vectors import (
    FeatureVector,
    Missing,
    entities,
    is_sound,
    observations,
    vector,
)
from risk.windows import EntityState

DEVICE_COUNT = "device_payment_count_1h"
PAYER_COUNT = "payer_payment_count_1h"


def test_without_a_device_its_features_are_missing_and_not_zero(payment, strategy) -> None:
    facts = payment(device_id=None)

    found = vector(facts, {("payer", "c_17"): EntityState()}, strategy.features)

    assert found.value(DEVICE_COUNT) == Missing("no_device")
    assert found.value(PAYER_COUNT) == 0


def test_a_state_that_was_not_loaded_is_missing_and_not_zero(payment, strategy) -> None:
    found = vector(payment(), {("device", "d_5"): EntityState()}, strategy.features)

    assert found.value(PAYER_COUNT) == Missing("not_loaded")


def test_a_stage_at_which_a_feature_may_not_be_known_is_missing(payment, strategy) -> None:
    only_later = [
        msgspec.structs.replace(feature, stages=("payout",))
        for feature in strategy.features.features
    ]
    features = msgspec.structs.replace(strategy.features, features=tuple(only_later))

    found = vector(payment(), {("payer", "c_17"): EntityState()}, features)

    assert set(found.values) == {Missing("not_at_stage")}


def test_what_a_state_let_go_is_missing(payment, strategy) -> None:
    state = EntityState()
    late = payment().occurred_at
    state.add(late, 1, "CNY")
    state.add(late.replace(day=27), 1, "CNY")

    found = vector(payment(), {("payer", "c_17"): state}, strategy.features)

    assert found.value("payer_payment_count_1m") == Missing("outside_kept_range")


def test_a_payer_and_a_device_of_one_key_are_two_entities(payment) -> None:
    facts = payment(payer_key="x", device_id="x")

    assert entities(facts) == (("payer", "x"), ("device", "x"))


@pytest.mark.parametrize("stage", ["in_flight", "post_payment"])
def test_a_later_stage_of_a_payment_counts_nothing(payment, stage) -> None:
    assert observations(payment(stage=stage)) == ()


@pytest.mark.parametrize("stage", ["pre_payment", "payout"])
def test_the_stage_that_creates_a_payment_counts_it(payment, stage) -> None:
    assert len(observations(payment(stage=stage))) == 2


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
