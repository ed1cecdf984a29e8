"""One conformance suite over every feature of the registry, present and future."""

import datetime as dt
import inspect
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.entity_state import EntityState
from risk.facts import Facts
from risk.feature import Feature, declare, load_features, make_feature_set, name_of
from risk.plan import WINDOWED
from risk.vectors import FeatureVector, Missing, Observation, entities, observations, vector
from tests.support.defined import WINDOW_WORDS, by_definition, is_declined

FEATURES = load_features()
EACH = pytest.mark.parametrize("feature", FEATURES.features, ids=FEATURES.names)
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)


def payments() -> st.SearchStrategy[list[Facts]]:
    """Histories of a few of each entity, within the permitted lateness, in any order."""
    day_s = 86_400
    some = st.sampled_from([None, "a", "b"])
    one = st.builds(
        lambda back, ip, **given: Facts(
            stage="pre_payment",
            occurred_at=NOON - dt.timedelta(seconds=back),
            kind="purchase",
            ip_keys=() if ip is None else ("8", "16", "24", ip),
            **given,
        ),
        back=st.one_of(
            st.integers(-120, 200), st.integers(0, day_s), st.sampled_from([59, 60, 3_600])
        ),
        ip=some,
        payer_key=st.sampled_from(["a", "b"]),
        payee_id=st.sampled_from(["a", "p"]),
        device_id=some,
        instrument_id=some,
        email_key=some,
        phone_key=some,
        shipping_address_id=some,
        instrument_bin=some,
        instrument_issuer_country=some,
        merchant_id=st.just("m"),
        amount_minor=st.integers(0, 10**6),
        currency=st.sampled_from(["CNY", "USD"]),
    )
    return st.lists(one, min_size=1, max_size=25)


def online(history: list[Facts]) -> list[FeatureVector]:
    """Judge in order of arrival, as the writer does: read, then add."""
    states: dict[tuple[str, str], EntityState] = {}
    vectors = []
    for facts in history:
        for entity in entities(facts):
            states.setdefault(entity, EntityState(FEATURES.plans[entity[0]]))
        vectors.append(vector(facts, states, FEATURES))
        for seen in observations(facts, is_declined=is_declined(facts), features=vectors[-1]):
            states[seen.kind, seen.key].add(
                seen.at,
                seen.amount_minor,
                seen.currency,
                seen.is_declined,
                seen.others,
                ratio_milli=seen.ratio_milli,
            )
    return vectors


@pytest.mark.long
@settings(deadline=None, max_examples=150)
@given(history=payments())
def test_online_equals_the_definition_over_any_history(history: list[Facts]) -> None:
    found = online(history)

    for place, facts in enumerate(history):
        for feature, value in zip(FEATURES.features, found[place].values, strict=True):
            expected = by_definition(feature, facts, history[:place])
            known = Missing(expected) if isinstance(expected, str) else expected
            assert value == known, feature.name


@EACH
def test_a_name_says_entity_what_aggregate_and_window(feature: Feature) -> None:
    word = next((word for word, s in WINDOW_WORDS.items() if s == feature.window_s), None)

    assert feature.name == name_of(feature.entity, feature.aggregate, word, feature.of)
    assert (word is None) == (feature.aggregate not in WINDOWED)


@EACH
def test_a_feature_is_documented_in_both_languages(feature: Feature) -> None:
    assert re.fullmatch(r"[A-Z][ -~]+\.", feature.meaning.en)
    assert re.search(r"[\u4e00-\u9fff]", feature.meaning.zh)
    assert feature.meaning.zh.endswith("。")
    assert feature.source
    assert feature.version >= 1
    assert feature.stages


@EACH
def test_a_unit_follows_from_the_aggregate(feature: Feature) -> None:
    other = declare(feature.entity, feature.aggregate, en="", zh="")

    assert feature.unit == other.unit


@pytest.mark.long
@settings(deadline=None)
@given(history=payments())
def test_vectors_are_deterministic(history: list[Facts]) -> None:
    assert online(history) == online(history)


@settings(deadline=None)
@given(history=payments())
def test_reading_changes_no_state(history: list[Facts]) -> None:
    state = EntityState(FEATURES.plans["payer"])
    for facts in history:
        state.add(facts.occurred_at, facts.amount_minor, facts.currency)
    before = state.pack()

    vector(history[0], dict.fromkeys(entities(history[0]), state), FEATURES)

    assert state.pack() == before


def test_features_stand_in_order_of_their_names() -> None:
    assert list(FEATURES.names) == sorted(FEATURES.names)


def test_two_features_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="share a name"):
        make_feature_set([FEATURES.features[0], FEATURES.features[0]])


def test_a_feature_with_a_window_that_is_not_kept_is_refused() -> None:
    odd = msgspec.structs.replace(FEATURES.features[0], window_s=61)

    with pytest.raises(ValueError, match="a window of"):
        make_feature_set([odd])


@pytest.mark.parametrize(
    ("aggregate", "of"),
    [
        ("distinct", None),
        ("share", None),
        ("sum", "payee"),
        ("since_first", "payee"),
        ("count", "payer"),
        ("count", "issuer_country"),
    ],
)
def test_a_feature_that_nothing_would_read_is_refused(aggregate: Any, of: Any) -> None:
    window = "1h" if aggregate in WINDOWED else None
    odd = declare("payer", aggregate, window, of=of, en="", zh="")

    with pytest.raises(ValueError, match="of another entity or of none"):
        make_feature_set([odd])


@pytest.mark.parametrize(
    "change",
    [
        {"name": "other"},
        {"entity": "device"},
        {"aggregate": "sum"},
        {"window_s": 120},
        {"unit": "minor"},
        {"stages": ("payout",)},
        {"source": "other"},
        {"version": 2},
    ],
)
def test_whatever_a_value_depends_on_changes_the_set_s_id(change: dict[str, object]) -> None:
    feature = FEATURES.feature("payer_payment_count_1h")

    changed = msgspec.structs.replace(feature, **change)

    assert make_feature_set([changed]).id != make_feature_set([feature]).id


def test_prose_does_not_change_the_set_s_id() -> None:
    feature = FEATURES.feature("payer_payment_count_1h")
    meaning = msgspec.structs.replace(feature.meaning, en="Something else.")

    changed = msgspec.structs.replace(feature, meaning=meaning)

    assert make_feature_set([changed]).id == make_feature_set([feature]).id


def test_a_feature_file_declares_and_holds_no_function() -> None:
    import risk.features.payee as of_entity  # noqa: PLC0415  the file is the subject
    import risk.features.payer_payment_count_1h as of_one  # noqa: PLC0415  the file is the subject

    assert [name for name, value in vars(of_one).items() if isinstance(value, Feature)] == [
        "FEATURE"
    ]
    for module in (of_entity, of_one):
        own = [f for f in vars(module).values() if inspect.isfunction(f)]
        assert not [f for f in own if f.__module__ == module.__name__]


def test_the_state_s_name_is_that_of_what_is_kept() -> None:
    fewer = [one for one in FEATURES.features if one.name != "payer_payment_count_1h"]
    none_of_bins = [one for one in FEATURES.features if one.entity != "bin"]

    assert make_feature_set(fewer).state_id == FEATURES.state_id
    assert make_feature_set(none_of_bins).state_id != FEATURES.state_id


def test_an_observation_carries_what_a_state_adds() -> None:
    facts = Facts(
        stage="pre_payment",
        occurred_at=NOON,
        kind="purchase",
        amount_minor=5,
        currency="CNY",
        payer_key="a",
        payee_id="p",
        device_id="d",
    )

    others = {"payer": "a", "device": "d", "payee": "p"}
    assert observations(facts, is_declined=True) == (
        Observation("payer", "a", NOON, 5, "CNY", True, others),
        Observation("device", "d", NOON, 5, "CNY", True, others),
        Observation("payee", "p", NOON, 5, "CNY", True, others),
    )


@pytest.mark.parametrize(
    ("names", "value", "ratio"),
    [
        (("payer_amount_to_usual",), 2_600, 2_600),
        (("payer_amount_to_usual",), Missing("no_history"), None),
        (("payer_amount_to_normal",), 2_600, None),
    ],
)
def test_an_observation_carries_how_usual_its_amount_was(
    names: tuple[str, ...], value: int | Missing, ratio: int | None
) -> None:
    facts = Facts(
        stage="pre_payment",
        occurred_at=NOON,
        kind="purchase",
        amount_minor=5,
        currency="CNY",
        payer_key="a",
        payee_id="p",
    )
    known = FeatureVector(feature_set="fs_1", names=names, values=(value,))

    assert {one.ratio_milli for one in observations(facts, features=known)} == {ratio}


# What was measured before the features were built (59 columns, among them the amount and the 15 of
# the handbook's book), by what it is of and the names that it has here.
MEASURED = {
    ("payer", "payments"): "payment_count_ 24h 3d 7d 14d 30d",
    ("payer", "mean amount"): "amount_mean_ 24h 3d 7d 14d 30d",
    ("payer", "time since the newest"): "since_last_s",
    ("payer", "over the clipped mean"): "amount_to_usual",
    ("payer", "weighted z"): "amount_z",
    ("payer", "weighted z of the logarithm"): "amount_log_z",
    ("payer", "of a month: z and ratio"): "amount_ z_30d to_mean_30d",
    ("payer", "abnormal: number"): "abnormal_count_ 7d 14d",
    ("payer", "abnormal: greatest"): "abnormal_max_ 7d 14d",
    ("payer", "abnormal: newest"): "since_abnormal_s",
    ("payer", "at this payee"): "payee_ payment_count_30d since_last_s",
    ("payee", "newest label"): "last_label",
    ("payee", "newest fraud"): "since_fraud_s",
    ("payee", "run of frauds"): "fraud_ run run_age_s",
    ("payee", "unexplained: newest"): "since_unexplained_fraud_s",
    ("payee", "unexplained: run"): "unexplained_fraud_ run run_age_s",
    ("payee", "genuine since"): "genuine_since_fraud",
    ("payee", "smoothed risk"): "fraud_risk_ 24h 7d 30d",
    ("payee", "not labelled yet"): "unlabelled_ 7d 30d",
    ("payee", "usual gap"): "usual_gap_s",
    ("payee", "abnormal amounts"): "abnormal_count_ 24h 7d",
    ("payee", "over its mean"): "amount_to_normal",
}


@pytest.mark.parametrize(("entity", "what"), MEASURED)
def test_what_was_measured_to_help_is_a_feature(entity: str, what: str) -> None:
    head, *tails = MEASURED[entity, what].split()

    names = {f"{entity}_{head}{tail}" for tail in tails or ("",)}
    assert names <= set(FEATURES.names)
