"""One conformance suite over every feature of the registry, present and future."""

import datetime as dt
import inspect
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.facts import Facts
from risk.feature import Feature, load_features, make_feature_set
from risk.vectors import FeatureVector, Observation, entities, observations, vector
from risk.windows import EntityState

FEATURES = load_features()
EACH = pytest.mark.parametrize("feature", FEATURES.features, ids=FEATURES.names)
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
WINDOW_WORDS = {"1m": 60, "1h": 3_600, "24h": 86_400, "7d": 7 * 86_400, "30d": 30 * 86_400}
BUCKETS = {60: 1, 3_600: 60, 86_400: 3_600, 7 * 86_400: 3_600, 30 * 86_400: 86_400}


def payments() -> st.SearchStrategy[list[Facts]]:
    """Histories of a few payers and devices, within the permitted lateness, in any order."""
    day_s = 86_400
    one = st.builds(
        lambda back, payer, device, amount, currency: Facts(
            stage="pre_payment",
            occurred_at=NOON - dt.timedelta(seconds=back),
            kind="purchase",
            amount_minor=amount,
            currency=currency,
            payer_key=payer,
            payee_id="p",
            device_id=device,
        ),
        st.one_of(st.integers(-120, 200), st.integers(0, day_s), st.sampled_from([59, 60, 3_600])),
        st.sampled_from(["a", "b"]),
        st.sampled_from([None, "a", "d"]),
        st.integers(0, 10**6),
        st.sampled_from(["CNY", "USD"]),
    )
    return st.lists(one, min_size=1, max_size=25)


def online(history: list[Facts]) -> list[FeatureVector]:
    """Judge in order of arrival, as the writer does: read, then add."""
    states: dict[tuple[str, str], EntityState] = {}
    vectors = []
    for facts in history:
        for entity in entities(facts):
            states.setdefault(entity, EntityState())
        vectors.append(vector(facts, states, FEATURES))
        for seen in observations(facts):
            states[seen.kind, seen.key].add(seen.at, seen.amount_minor, seen.currency)
    return vectors


def by_definition(feature: Feature, facts: Facts, before: list[Facts]) -> int:
    size = BUCKETS[feature.window_s]
    end = (int(facts.occurred_at.timestamp()) // size + 1) * size
    who = "payer_key" if feature.entity == "payer" else "device_id"
    found = [
        other
        for other in before
        if getattr(other, who) == getattr(facts, who)
        and end - feature.window_s <= other.occurred_at.timestamp() < end
    ]
    if feature.aggregate == "count":
        return len(found)
    return sum(other.amount_minor for other in found if other.currency == facts.currency)


@EACH
@settings(deadline=None, max_examples=20)
@given(history=payments())
def test_online_equals_the_definition_over_any_history(
    feature: Feature, history: list[Facts]
) -> None:
    found = online(history)

    for place, facts in enumerate(history):
        value = found[place].value(feature.name)
        if feature.entity == "device" and facts.device_id is None:
            assert msgspec.to_builtins(value) == {"missing": "no_device"}
        else:
            assert value == by_definition(feature, facts, history[:place])


@EACH
def test_a_name_says_entity_what_aggregate_and_window(feature: Feature) -> None:
    entity, _, aggregate, window = feature.name.split("_")

    assert entity == feature.entity
    assert aggregate == feature.aggregate
    assert WINDOW_WORDS[window] == feature.window_s


@EACH
def test_a_feature_is_documented_in_both_languages(feature: Feature) -> None:
    assert re.fullmatch(r"[A-Z][ -~]+\.", feature.meaning.en)
    assert re.search(r"[\u4e00-\u9fff]", feature.meaning.zh)
    assert feature.meaning.zh.endswith("。")
    assert feature.source
    assert feature.version >= 1
    assert feature.stages


@EACH
def test_a_count_is_of_payments_and_a_sum_of_money(feature: Feature) -> None:
    assert feature.unit == {"count": "payments", "sum": "minor"}[feature.aggregate]


@settings(deadline=None)
@given(history=payments())
def test_vectors_are_deterministic(history: list[Facts]) -> None:
    assert online(history) == online(history)


@settings(deadline=None)
@given(history=payments())
def test_reading_changes_no_state(history: list[Facts]) -> None:
    state = EntityState()
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


def test_a_feature_file_holds_one_constant_and_no_function() -> None:
    import risk.features.payer_payment_count_1h as module  # noqa: PLC0415  the file is the subject

    own = [name for name, value in vars(module).items() if isinstance(value, Feature)]

    assert own == ["FEATURE"]
    assert not [f for f in vars(module).values() if inspect.isfunction(f)]


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

    assert observations(facts) == (
        Observation("payer", "a", NOON, 5, "CNY"),
        Observation("device", "d", NOON, 5, "CNY"),
    )
