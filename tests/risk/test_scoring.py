"""A payment with a score: what is told of it, what it asks for at least, what is missing."""

import math
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from risk.assessment import STRENGTH, Amount, Assessment, Counterfactual, Reason
from risk.engine import assess
from risk.models.calibration import Scored
from risk.reasons import reason_text
from risk.scored import ModelRef
from risk.scoring import score_of
from risk.strategy import Strategy, load_strategy, make_strategy, parts_of
from risk.vectors import Missing

ID = f"sha256:{'5f' * 32}"
OTHER_ID = f"sha256:{'60' * 32}"
change = msgspec.structs.replace


class Says:
    """A scorer that says the same of every row, and keeps the rows."""

    def __init__(self, *heads: float | None, model: str = ID) -> None:
        self.said = Scored(model, *heads)
        self.rows: list[np.ndarray] = []

    def score(self, row: Any) -> Scored:
        self.rows.append(row)
        return self.said


@pytest.fixture(scope="session")
def modelled(strategy: Strategy) -> Strategy:
    names = ("payer_payment_count_24h", "amount_minor", "payer_amount_mean")
    model = ModelRef(
        sha256=ID, origin="trained", feature_set=strategy.features.id, inputs=names,
        priors={"unauthorized": 0.0, "scam": 0.0, "first_party": 0.0},
    )  # fmt: skip
    return make_strategy(change(parts_of(strategy), model=model))


@pytest.fixture(scope="session")
def scored(modelled, payment, known, features) -> Any:
    """Return a judge of a payment by what a model says of it."""

    def run(*heads: float | None, by: Any = None, vector: Any = None, **given: Any) -> Assessment:
        of_facts = {name: value for name, value in given.items() if name in payment_fields}
        of_known = {name: value for name, value in given.items() if name not in payment_fields}
        circumstances = known(**{"scorer": "ready", **of_known})
        by = by or Says(*heads)
        return assess(payment(**of_facts), circumstances, vector or features(), modelled, by)

    payment_fields = set(payment().__struct_fields__)
    return run


def test_a_score_with_its_probabilities_is_told(scored) -> None:
    found = scored(0.2, 0.1, 0.05, preset="judge_only")

    assert found.probabilities is not None
    assert math.isclose(sum(found.probabilities.values()), 1.0)
    assert list(found.probabilities) == ["normal", "unauthorized", "scam", "first_party"]
    assert (found.basis, found.model, found.is_calibrated) == ("model", ID, True)
    assert found.score == score_of(found.probabilities["normal"])
    assert found.degraded == ()


def test_a_row_has_what_the_model_names_and_nan_for_what_is_missing(scored, features) -> None:
    says = Says(0.0001, None, None)

    scored(by=says, vector=features(payer_amount_mean=Missing("no_history")))

    [row] = says.rows
    assert row.dtype == np.float32
    assert list(row[:2]) == [0.0, 5_000.0]
    assert math.isnan(row[2])


def test_a_head_without_labels_is_null_and_told_and_nothing_else(scored) -> None:
    found = scored(0.0001, None, None)

    assert found.degraded == ("scam_unlabelled", "first_party_unlabelled")
    assert found.probabilities["scam"] is None
    assert found.probabilities["normal"] == pytest.approx(0.9999)
    # The payment is small and counted: the degraded policy would have said so.
    assert (found.outcome, found.reason_code) == ("approve", "small_payment")


@pytest.mark.parametrize("head", [0, 1, 2])
def test_a_prior_stands_in_for_a_head_without_labels(modelled, payment, known, features, head):
    names = ("unauthorized", "scam", "first_party")
    assert modelled.model is not None
    model = change(modelled.model, priors={names[head]: 0.02})
    dear = make_strategy(change(parts_of(modelled), model=model))
    heads = [0.0001, 0.0001, 0.0001]
    heads[head] = None

    found = assess(payment(), known(scorer="ready"), features(), dear, Says(*heads))

    assert found.probabilities["normal"] == pytest.approx(0.98, abs=0.001)
    assert found.degraded == (f"{names[head]}_unlabelled",)


def test_where_the_model_brings_no_prior_the_costs_do(strategy, modelled) -> None:
    model = change(modelled.model, priors={"scam": 0.25})
    some = make_strategy(change(parts_of(strategy), model=model))

    assert some.priors == {"unauthorized": 0.00015, "scam": 0.25, "first_party": 0.0001}
    assert strategy.priors == {"unauthorized": 0.00015, "scam": 0.00005, "first_party": 0.0001}


@pytest.mark.parametrize(
    ("says", "scorer", "code"),
    [
        (Says(0.1, 0.1, 0.1, model=OTHER_ID), "ready", "scorer_down"),
        (Says(math.nan, 0.1, 0.1), "ready", "scorer_down"),
        (Says(0.1, 1.5, 0.1), "ready", "scorer_down"),
        (Says(-0.1, 0.1, 0.1), "ready", "scorer_down"),
        (Says(None, None, None), "ready", "scorer_down"),
        (Says(0.1, 0.1, 0.1), "down", "scorer_down"),
        (Says(0.1, 0.1, 0.1), "late", "scorer_late"),
    ],
)
def test_what_cannot_be_a_score_is_judged_by_the_degraded_policy(
    scored, says, scorer, code
) -> None:
    found = scored(by=says, scorer=scorer)

    assert (found.degraded, found.reason_code) == ((code,), "degraded_small")
    assert (found.basis, found.probabilities, found.model) == ("cold_start", None, None)
    assert (found.risk_level, found.expected_loss_minor) == ("low", None)


def test_a_model_without_its_scorer_is_judged_by_the_degraded_policy(
    modelled, payment, known, features
) -> None:
    for scorer in ("none", "ready"):
        found = assess(payment(), known(scorer=scorer), features(), modelled)
        assert (found.degraded, found.reason_code) == (("scorer_down",), "degraded_small")


def test_features_that_fail_their_check_are_never_scored(scored, features) -> None:
    says = Says(0.1, 0.1, 0.1)

    found = scored(by=says, vector=features(payer_payment_count_24h=math.inf))

    assert says.rows == []
    assert "features_invalid" in found.degraded
    assert found.score is None


def test_an_execution_is_not_scored_again(scored) -> None:
    says = Says(0.9, 0.1, 0.1)

    found = scored(by=says, stage="in_flight", level_proved=2)

    assert says.rows == []
    assert (found.outcome, found.basis, found.degraded) == ("approve", "rules", ())


def test_the_cheapest_outcome_stands_at_least(scored) -> None:
    found = scored(0.99, 0.0, 0.0, preset="judge_only", amount_minor=100_000)

    assert found.outcome == "decline"
    assert found.reasons[0] == Reason(
        "likely_unauthorized", {"share": 990_000, "loss": Amount(100_485, "CNY", 2)}
    )
    assert found.expected_loss_minor == 100_485


def test_a_scam_is_warned_of_and_held_because_no_proof_stops_it(scored) -> None:
    found = scored(0.0001, 0.3, 0.0001, amount_minor=100_000, level_proved=3)

    codes = [reason.code for reason in found.reasons]
    assert found.outcome == "hold"
    assert codes[:2] == ["likely_scam", "scam_warning"]


def test_a_take_over_is_asked_for_proof_and_goes_with_it(scored) -> None:
    asked = scored(0.05, 0.00001, 0.00001, amount_minor=20_000)
    proved = scored(0.05, 0.00001, 0.00001, amount_minor=20_000, level_proved=3)

    assert (asked.outcome, asked.risk_level) == ("challenge", "medium")
    assert asked.counterfactuals == (Counterfactual(asked.level, "approve"),)
    assert (proved.outcome, proved.counterfactuals) == ("approve", ())


@pytest.mark.parametrize(
    ("normal", "score"),
    [(0.5, 560), (0.9, 433), (0.99, 295), (0.999, 161), (1.0, 0), (0.0, 1_000), (1e-9, 1_000)],
)
def test_the_score_is_that_of_the_formula(normal, score) -> None:
    assert score_of(normal) == score


@settings(deadline=None)
@given(st.floats(1e-6, 1 - 1e-6))
def test_forty_points_double_the_odds(normal) -> None:
    exact = 40 * (14 + math.log2((1 - normal) / normal))

    assert abs(score_of(normal) - min(max(exact, 0), 1_000)) <= 0.5 + 1e-6


SHARE = st.floats(0.0, 1.0) | st.floats(0.0, 0.02)
HEADS = st.tuples(SHARE, st.none() | SHARE, st.none() | SHARE)
CASES = st.fixed_dictionaries(
    {
        "amount_minor": st.integers(0, 10**8),
        "preset": st.sampled_from(["CN", "judge_only"]),
        "initiator": st.sampled_from(["payer", "payer", "merchant"]),
        "stage": st.sampled_from(["pre_payment", "payout", "in_flight"]),
        "level_proved": st.integers(0, 4),
        "is_protected": st.booleans(),
        "payee_is_new": st.booleans(),
        "has_small_consent": st.booleans(),
    }
)


@pytest.mark.parametrize("scorer", ["down", "late"])
@settings(deadline=None, max_examples=100)
@given(CASES, st.integers(1, 30))
def test_nothing_is_milder_while_the_model_is_away_than_without_any(
    strategy, modelled, payment, known, features, scorer, case, times
) -> None:
    fields = set(payment().__struct_fields__)
    facts = payment(**{name: one for name, one in case.items() if name in fields})
    rest = {name: one for name, one in case.items() if name not in fields}
    vector = features(payer_payment_count_30d=20, payer_amount_mean=1 + facts.amount_minor // times)
    without = assess(facts, known(**rest), vector, strategy)
    away = assess(facts, known(scorer=scorer, **rest), vector, modelled)

    assert STRENGTH[away.outcome] >= STRENGTH[without.outcome]
    assert (away.level or 0) >= (without.level or 0)
    assert away.score == without.score


def test_features_that_fail_their_check_miss_no_scorer(modelled, payment, known, features) -> None:
    unsound = change(features(), feature_set="another")
    circumstances = known(scorer="ready")
    first = assess(payment(), circumstances, unsound, modelled, Says(0.5, 0.1, 0.1))

    again = assess(payment(), circumstances, unsound, modelled, None)

    assert "features_invalid" in first.degraded
    assert again == first, "what was never asked is not needed to judge again"


@settings(deadline=None, max_examples=200)
@given(HEADS, CASES)
def test_no_outcome_is_milder_than_without_a_score(judge, scored, heads, case) -> None:
    without, found = judge(**case), scored(*heads, **case)

    assert STRENGTH[found.outcome] >= STRENGTH[without.outcome]
    assert (found.level or 0) >= (without.level or 0) or found.outcome == "decline"


# One kind of harm at a time: where one grows in the place of another, other things help.
@settings(deadline=None, max_examples=200)
@given(st.integers(0, 2), CASES, SHARE, SHARE)
def test_a_riskier_payment_is_never_judged_milder(scored, head, case, one, other) -> None:
    risks = [[None, None, None], [None, None, None]]
    risks[0][head], risks[1][head] = sorted((one, other))

    milder, riskier = (scored(*heads, **case) for heads in risks)

    assert STRENGTH[riskier.outcome] >= STRENGTH[milder.outcome]


@settings(deadline=None, max_examples=200)
@given(HEADS, CASES, st.integers(0, 10**8))
def test_at_equal_risk_more_money_is_never_judged_milder(scored, heads, case, more) -> None:
    larger = {**case, "amount_minor": case["amount_minor"] + more}

    assert STRENGTH[scored(*heads, **larger).outcome] >= STRENGTH[scored(*heads, **case).outcome]


@settings(deadline=None, max_examples=200)
@given(HEADS, CASES)
def test_every_score_leads_to_a_whole_judgement(scored, texts, again, heads, case) -> None:
    found = scored(*heads, **case)

    said = [reason_text(one, "zh", texts) for one in found.reasons]
    assert all(text and "{" not in text for text in said)
    assert again(found) == found
    assert found.reason_code == found.reasons[0].code
    assert (found.hold is not None) == (found.outcome in ("review", "hold"))
    assert all(one.level > case["level_proved"] for one in found.counterfactuals)


def test_an_assessment_of_before_there_were_scores_is_still_read(judge) -> None:
    before = msgspec.to_builtins(judge())
    for name in ("basis", "model", "expected_loss_minor", "is_calibrated", "counterfactuals"):
        del before[name]

    found = msgspec.convert(before, Assessment)

    assert (found.basis, found.model, found.counterfactuals) == ("rules", None, ())


def test_a_strategy_with_an_input_that_is_none_is_refused(strategy) -> None:
    model = ModelRef(
        sha256=ID, origin="trained", feature_set=strategy.features.id, inputs=("payer_id",)
    )

    with pytest.raises(ValueError, match="payer_id"):
        make_strategy(change(parts_of(load_strategy()), model=model))
