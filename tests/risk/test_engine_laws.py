"""Laws that hold over every input: total, deterministic, monotone, never milder when degraded."""

import datetime as dt
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.assessment import STRENGTH, Assessment
from risk.engine import assess
from risk.facts import Circumstances, Counter, Facts
from risk.policy.asking import Setting, ask
from risk.policy.settling import settle
from risk.policy.shapes import RiskLevel
from risk.reasons import degraded_text, reason_text
from risk.strategy import Strategy, load_strategy
from risk.vectors import FeatureVector, Missing

LAW = settings(deadline=None, max_examples=200)
STRATEGY = load_strategy()
AMOUNTS = st.one_of(
    st.integers(0, 10**9),
    st.sampled_from([0, 1, 10_000, 10_001, 50_000, 50_001, 100_000, 100_001, 500_000, 500_001]),
)
MAYBE_AMOUNTS = st.none() | AMOUNTS
COUNTERS = st.dictionaries(
    st.sampled_from(["payer", "instrument", "device"]),
    st.builds(Counter, st.integers(0, 6), st.integers(0, 60_000)),
)
FACTS = st.builds(
    Facts,
    stage=st.sampled_from(["pre_payment", "in_flight", "post_payment", "payout"]),
    occurred_at=st.just(dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)),
    kind=st.sampled_from(["purchase", "transfer", "withdrawal", "top_up", "verification"]),
    initiator=st.sampled_from(["payer", "payer", "merchant"]),
    amount_minor=AMOUNTS,
    currency=st.sampled_from(["CNY", "CNY", "JPY"]),
    payer_key=st.just("k"),
    payer_id=st.sampled_from(["k", "k", None]),
    payee_id=st.just("p"),
    instrument_id=st.sampled_from(["i", "i", None]),
    instrument_type=st.sampled_from(["card", "account", None]),
    device_id=st.sampled_from(["d", "d", None]),
    entry=st.sampled_from(["app", "qr_static", None]),
)
GOOD_COUNTERS = st.just({scope: Counter(0, 0) for scope in ("payer", "instrument", "device")})


def circumstances(*, forced: bool) -> st.SearchStrategy[Circumstances]:
    words = ["approve", "challenge", "hold", "decline", "degraded"]
    often = st.sampled_from([True, True, True, False])
    return st.builds(
        Circumstances,
        preset=st.sampled_from(["CN", "CN", "judge_only"]),
        level_proved=st.sampled_from([0, 0, 1, 2, 3, 4]),
        exemption=st.sampled_from([None, "small_payment"]),
        has_small_consent=often,
        is_protected=st.booleans(),
        protected_small_allowed=often,
        protected_limit_minor=MAYBE_AMOUNTS,
        device_is_known=often,
        payee_is_new=st.sampled_from([False, False, True]),
        counters=GOOD_COUNTERS | COUNTERS,
        spent_today_minor=st.just({1: 0, 2: 0})
        | st.dictionaries(st.sampled_from([1, 2]), st.integers(0, 600_000)),
        static_qr_today_minor=st.none() | st.integers(0, 60_000),
        scorer=st.sampled_from(["none", "none", "down", "late"]),
        forced=st.none() | st.sampled_from(words) if forced else st.none(),
        small_limit_minor=MAYBE_AMOUNTS,
        merchant_limit_minor=MAYBE_AMOUNTS,
    )


VALUES = st.one_of(
    st.integers(0, 40),
    st.just(Missing("not_loaded")),
    st.sampled_from([float("nan"), -1.0, 30.0]),
)
VECTORS = VALUES.map(
    lambda value: FeatureVector(
        STRATEGY.features.id, STRATEGY.features.names, (value,) * len(STRATEGY.features.names)
    )
)


def judged(facts: Facts, known: Circumstances, vector: FeatureVector | None = None) -> Assessment:
    names = STRATEGY.features.names
    zero = FeatureVector(STRATEGY.features.id, names, (0,) * len(names))
    return assess(facts, known, vector or zero, STRATEGY)


def changed(value: Any, **fields: Any) -> Any:
    return msgspec.structs.replace(value, **fields)


@LAW
@given(FACTS, circumstances(forced=True), VECTORS)
def test_every_input_has_an_outcome_whose_parts_fit(facts, known, vector) -> None:
    found = judged(facts, known, vector)

    assert found.outcome in STRENGTH
    assert found.reason_code == found.reasons[0].code
    assert (found.hold is not None) == (found.outcome in ("review", "hold"))
    ends_asking = found.hold is not None and found.hold.end == "challenge"
    assert bool(found.any_of) == (found.outcome == "challenge" or ends_asking)
    assert found.level or not found.any_of
    assert found.exemption is None or (found.outcome, found.level) == ("approve", 0)


@LAW
@given(FACTS, circumstances(forced=True), VECTORS)
def test_a_challenge_comes_only_at_creation_and_to_a_payer_who_is_there(
    facts, known, vector
) -> None:
    found = judged(facts, known, vector)

    is_possible = facts.stage in ("pre_payment", "payout") and facts.initiator == "payer"
    assert is_possible or found.outcome != "challenge"
    assert is_possible or facts.initiator == "payer" or not found.any_of


@pytest.mark.long
@LAW
@given(FACTS, circumstances(forced=True), VECTORS)
def test_a_decision_made_again_from_what_is_stored_is_equal(facts, known, vector) -> None:
    def stored(value: Any) -> Any:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(value), type=type(value))

    first = judged(facts, known, vector)
    second = assess(stored(facts), stored(known), stored(vector), stored(STRATEGY))

    assert second == first
    assert stored(first) == first
    assert msgspec.json.decode(msgspec.json.encode(first), type=Assessment) == first


@LAW
@given(FACTS, circumstances(forced=False), AMOUNTS)
def test_more_money_never_makes_a_decision_milder(facts, known, more) -> None:
    smaller = judged(facts, known)
    larger = judged(changed(facts, amount_minor=facts.amount_minor + more), known)

    assert STRENGTH[larger.outcome] >= STRENGTH[smaller.outcome]


@LAW
@given(FACTS, circumstances(forced=False), st.sampled_from(["down", "late"]))
def test_without_a_score_a_decision_is_never_milder(facts, known, scorer) -> None:
    usual = judged(facts, changed(known, scorer="none"))
    degraded = judged(facts, changed(known, scorer=scorer))

    assert STRENGTH[degraded.outcome] >= STRENGTH[usual.outcome]


@LAW
@given(FACTS, circumstances(forced=False), VECTORS)
def test_features_never_make_a_decision_milder(facts, known, vector) -> None:
    usual = judged(facts, known)
    found = judged(facts, known, vector)

    assert STRENGTH[found.outcome] >= STRENGTH[usual.outcome]


@LAW
@given(FACTS, circumstances(forced=False))
def test_risk_never_lowers_the_level_nor_the_outcome(facts, known) -> None:
    settings_by_risk = [
        Setting(
            facts=facts,
            circumstances=known,
            preset=STRATEGY.preset(known.preset),
            ladder=STRATEGY.ladder,
            risk_level=risk_level,
        )
        for risk_level in get_args(RiskLevel)
    ]

    asks = [ask(setting) for setting in settings_by_risk]
    outcomes = [settle(s, a).outcome for s, a in zip(settings_by_risk, asks, strict=True)]
    levels = [asked.level or 0 for asked in asks]

    assert levels == sorted(levels)
    assert outcomes == sorted(outcomes, key=STRENGTH.__getitem__)


@LAW
@given(FACTS, circumstances(forced=False))
def test_more_proof_never_makes_a_decision_stronger_but_to_cool_off(facts, known) -> None:
    unproved = judged(facts, changed(known, level_proved=0, exemption=None))
    proved = judged(facts, changed(known, level_proved=4, exemption=None))

    assert STRENGTH[proved.outcome] <= STRENGTH[unproved.outcome]


@LAW
@given(FACTS, circumstances(forced=False))
def test_more_proof_holds_no_small_payment_while_the_scorer_is_down(facts, known) -> None:
    down = changed(known, scorer="down", merchant_limit_minor=None, exemption=None)
    small = changed(facts, amount_minor=min(facts.amount_minor, 10_000))

    for level in (1, 2, 3, 4):
        unproved = judged(small, changed(down, level_proved=level - 1))
        proved = judged(small, changed(down, level_proved=level))
        assert STRENGTH[proved.outcome] <= STRENGTH[unproved.outcome]


@LAW
@given(FACTS, circumstances(forced=False))
def test_an_exemption_never_passes_its_counters(facts, known) -> None:
    used = judged(facts, known).exemption

    assert used is None or facts.amount_minor <= 10_000
    counters = [known.counters[scope] for scope in used.scopes] if used else []
    assert all(c.count + 1 <= 5 for c in counters)
    assert all(c.amount_minor + facts.amount_minor <= 50_000 for c in counters)


@LAW
@given(FACTS, circumstances(forced=True), VECTORS)
def test_every_reason_has_words_in_both_languages(texts, facts, known, vector) -> None:
    found = judged(facts, known, vector)

    said = [
        *(reason_text(reason, lang, texts) for reason in found.reasons for lang in ("en", "zh")),
        *(degraded_text(code, lang, texts) for code in found.degraded for lang in ("en", "zh")),
    ]
    assert all(text and "{" not in text for text in said)


def test_an_assessment_does_not_depend_on_which_copy_of_the_strategy_is_used() -> None:
    other: Strategy = load_strategy()

    assert other == STRATEGY


@pytest.mark.parametrize("weaker", ["approve", "challenge", "review", "hold"])
def test_outcomes_rise_in_the_order_of_the_design(weaker) -> None:
    order = ["approve", "challenge", "review", "hold", "decline"]

    assert STRENGTH[weaker] < STRENGTH[order[order.index(weaker) + 1]]
