"""One conformance suite over every feature of the registry, present and future."""

import datetime as dt
import inspect
import math
import re

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.entity_state import EntityState
from risk.facts import Facts
from risk.feature import Feature, declare, load_features, make_feature_set, name_of
from risk.plan import OF_LABELS, WINDOWED
from risk.vectors import FeatureVector, Missing, Observation, entities, observations, vector

FEATURES = load_features()
EACH = pytest.mark.parametrize("feature", FEATURES.features, ids=FEATURES.names)
NOON = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
DAY_S = 86_400
WINDOW_WORDS = {
    "1m": 60,
    "1h": 3_600,
    "24h": DAY_S,
    **{f"{days}d": days * DAY_S for days in (3, 7, 14, 30)},
}
BUCKETS = {
    60: 1,
    3_600: 60,
    **dict.fromkeys((DAY_S, 3 * DAY_S, 7 * DAY_S), 3_600),
    **dict.fromkeys((14 * DAY_S, 30 * DAY_S), DAY_S),
}
# What labels say of nobody; tests/risk/offline/test_columns.py has those with labels.
NOT_TOLD = {"fraud_count": 0, "unexplained_fraud_count": 0, "fraud_risk": 10_000}


OWN = {
    "payer": lambda facts: facts.payer_key,
    "device": lambda facts: facts.device_id,
    "instrument": lambda facts: facts.instrument_id,
    "payee": lambda facts: facts.payee_id,
    "email": lambda facts: facts.email_key,
    "phone": lambda facts: facts.phone_key,
    "address": lambda facts: facts.shipping_address_id,
    "ip": lambda facts: facts.ip_keys[-1] if facts.ip_keys else None,
    "ip_24": lambda facts: facts.ip_keys[-2] if facts.ip_keys else None,
    "bin": lambda facts: facts.instrument_bin,
    "merchant": lambda facts: facts.merchant_id,
}
ABSENT = {"ip_24": "no_ip"}


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
        merchant_id=st.just("m"),
        amount_minor=st.integers(0, 10**6),
        currency=st.sampled_from(["CNY", "USD"]),
    )
    return st.lists(one, min_size=1, max_size=25)


def is_declined(facts: Facts) -> bool:
    """An outcome that every history can tell again."""
    return facts.amount_minor % 3 == 0


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


def by_definition(feature: Feature, facts: Facts, before: list[Facts]) -> int | str:
    """Return a feature's value, or why it is missing, from the whole history."""
    own = OWN[feature.entity]
    if own(facts) is None:
        return ABSENT.get(feature.entity, f"no_{feature.entity}")
    found = [other for other in before if own(other) == own(facts)]
    if feature.window_s:
        return _in_window(feature, facts, found, before)
    if feature.aggregate in OF_LABELS:
        return "no_history"
    if feature.aggregate == "usual_gap":
        return _usual_gap(found)
    if feature.aggregate in {"since_last", "since_first", "since_abnormal"}:
        return _since(feature, facts, found, before)
    return _of_amounts(feature, facts, found)


def _since(feature: Feature, facts: Facts, found: list[Facts], before: list[Facts]) -> int | str:
    if feature.aggregate == "since_abnormal":
        found = [other for other in found if _usual_ratio(other, before) > 2_500]
    elif feature.of is not None:
        of = OWN[feature.of]
        found = [other for other in found if of(other) == of(facts)]
    pick = min if feature.aggregate == "since_first" else max
    times = [other.occurred_at for other in found]
    if not times:
        return "no_history"
    return max(int((facts.occurred_at - pick(times)).total_seconds()), 0)


def _usual_gap(found: list[Facts]) -> int | str:
    if len(found) < 3:
        return "no_history"
    mean, newest = None, found[0].occurred_at
    for other in found[1:]:
        gap = max((other.occurred_at - newest).total_seconds(), 0.0)
        mean = gap if mean is None else mean + 0.125 * (gap - mean)
        newest = max(newest, other.occurred_at)
    return int(mean + 0.5)


def _usual(money: list[int]) -> float:
    """Return the slow mean in which no amount counts for more than twice the mean before it."""
    usual = float(money[0])
    for number, amount in enumerate(money[1:], start=1):
        cut = min(amount, 2.0 * usual) if usual > 0 else amount
        usual += max(1.0 / (number + 1), 0.0625) * (cut - usual)
    return usual


def _usual_ratio(facts: Facts, before: list[Facts]) -> int:
    """Return the amount to what was usual for its payer when it came, or 0."""
    place = next(place for place, other in enumerate(before) if other is facts)
    money = [
        other.amount_minor
        for other in before[:place]
        if (other.payer_key, other.currency) == (facts.payer_key, facts.currency)
    ]
    if len(money) < 3 or not any(money):
        return 0
    return int(min(1_000.0 * facts.amount_minor / _usual(money), 1_000_000))


def _in_window(
    feature: Feature, facts: Facts, found: list[Facts], before: list[Facts]
) -> int | str:
    size = BUCKETS[feature.window_s]
    end = (int(facts.occurred_at.timestamp()) // size + 1) * size
    start = end - feature.window_s
    found = [other for other in found if start <= other.occurred_at.timestamp() < end]
    money = [other.amount_minor for other in found if other.currency == facts.currency]
    if feature.aggregate in {"sum", "max"}:
        return sum(money) if feature.aggregate == "sum" else max(money, default="no_history")
    if feature.aggregate in {"window_mean", "to_window_mean", "window_z"}:
        return _to_window(feature, facts, money)
    if feature.aggregate in {"abnormal_count", "abnormal_max"}:
        far = [ratio for other in found if (ratio := _usual_ratio(other, before)) > 2_500]
        is_count = feature.aggregate == "abnormal_count"
        return len(far) if is_count else max(far, default="no_history")
    if feature.of is not None:
        return _with_others(feature, facts, found)
    return {
        "count": len(found),
        # Nobody labelled any.
        "unlabelled": len(found),
        "declined_share": _share(sum(map(is_declined, found)), found),
        "fraud_share": _share(0, found),
        **NOT_TOLD,
    }[feature.aggregate]


def _share(part: int, whole: list[Facts]) -> int | str:
    return 1_000 * part // len(whole) if whole else "no_history"


def _to_window(feature: Feature, facts: Facts, money: list[int]) -> int | str:
    if feature.aggregate == "window_mean":
        return sum(money) // len(money) if money else "no_history"
    if len(money) < 3 or not sum(money):
        return "no_history"
    mean = sum(money) / len(money)
    if feature.aggregate == "to_window_mean":
        return int(min(1_000.0 * facts.amount_minor / mean, 1_000_000))
    variance = max(sum(amount**2 for amount in money) / len(money) - mean * mean, 0.0)
    return _z(facts.amount_minor, mean, max(math.sqrt(variance), mean / 16))


def _z(value: float, mean: float, deviation: float) -> int:
    return int((min(max((value - mean) / deviation, -10.0), 10.0) + 10.0) * 1_000.0)


def _with_others(feature: Feature, facts: Facts, found: list[Facts]) -> int | str:
    of = OWN[feature.of]
    if feature.aggregate == "distinct":
        return len({of(other) for other in found} - {None})
    if of(facts) is None:
        return ABSENT.get(feature.of, f"no_{feature.of}")
    together = sum(of(other) == of(facts) for other in found)
    if feature.aggregate == "count":
        return together
    return 1_000 * together // len(found) if found else "no_history"


def _of_amounts(feature: Feature, facts: Facts, found: list[Facts]) -> int | str:
    money = [other.amount_minor for other in found if other.currency == facts.currency]
    if len(money) < 3:
        return "no_history"
    mean, variance = _weighted([float(one) for one in money], 0.125)
    if mean <= 0:
        return "no_history"
    if feature.aggregate in {"to_normal", "to_usual"}:
        normal = mean if feature.aggregate == "to_normal" else _usual(money)
        return int(min(1_000.0 * facts.amount_minor / normal, 1_000_000))
    if feature.aggregate == "z":
        return _z(facts.amount_minor, mean, max(math.sqrt(variance), mean / 16))
    if feature.aggregate == "log_z":
        mean, variance = _weighted([math.log(1.0 + one) for one in money], 0.0625)
        return _z(math.log(1.0 + facts.amount_minor), mean, max(math.sqrt(variance), 0.0625))
    return int((mean if feature.aggregate == "mean" else math.sqrt(variance)) + 0.5)


def _weighted(values: list[float], weight: float) -> tuple[float, float]:
    mean, variance = values[0], 0.0
    for one in values[1:]:
        by = one - mean
        part = weight * by
        mean, variance = mean + part, (1.0 - weight) * (variance + part * by)
    return mean, variance


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
