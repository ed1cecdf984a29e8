"""Points that rules add to a score: what they double, what they leave, what they never do."""

import math
from typing import Any

import msgspec
import pytest

from risk.assessment import STRENGTH
from risk.engine import assess
from risk.scored import ModelRef
from risk.scoring import Reading, with_points
from risk.strategy import make_strategy, parts_of
from tests.risk.test_scoring import ID, Says

change = msgspec.structs.replace
ADDS = "default(remote_access, false)"


@pytest.fixture(scope="session")
def judged(strategy, make_rule, payment, known, features) -> Any:
    """Return a judge by a model, under one rule that adds points to what it hits."""

    def run(*heads: float | None, points: int, by: Any = None, **given: Any) -> Any:
        rule = make_rule(ADDS, outcome="approve", points=points, code="caller_watches")
        model = ModelRef(
            sha256=ID, origin="trained", feature_set=strategy.features.id,
            inputs=("amount_minor",), priors={"scam": 0.0, "first_party": 0.0},
        )  # fmt: skip
        made = make_strategy(change(parts_of(strategy), model=model, rules=(rule,)))
        circumstances = known(scorer="ready", preset="judge_only")
        facts = payment(**{"remote_access": True, **given})
        return assess(facts, circumstances, features(), made, by or Says(*heads))

    return run


def test_forty_points_double_the_odds_of_each_harm() -> None:
    reading = Reading(basis="model", score=400, harms=(0.02, 0.01, 0.01))

    found = with_points(reading, 40)

    before, after = 0.04 / 0.96, sum(found.harms or ()) / (1 - sum(found.harms or ()))
    assert math.isclose(after, 2 * before)
    assert math.isclose((found.harms or (0.0,))[0], 2 * sum((found.harms or ())[1:]) / 2)
    assert found.score == 440


def test_a_score_has_an_end() -> None:
    found = with_points(Reading(basis="model", score=900, harms=(0.9, 0.1, 0.0)), 1_000)

    assert found.score == 1_000
    assert math.isclose(sum(found.harms or ()), 1.0)
    assert with_points(Reading(basis="model", score=0, harms=(0.0, 0.0, 0.0)), 9).harms == (0, 0, 0)


def test_points_begin_at_nought_where_nothing_gave_a_score() -> None:
    assert with_points(Reading(), 300) == Reading(score=300)
    assert with_points(Reading(), 300).risk_level == "medium"


@pytest.mark.parametrize("missing", ["scorer_down", "scorer_late"])
def test_points_count_as_well_where_the_model_is_away(missing) -> None:
    assert with_points(Reading(degraded=(missing,)), 300).risk_level == "medium"


def test_points_have_an_end_however_many_rules_hit() -> None:
    found = with_points(Reading(basis="model", score=1, harms=(1e-9, 0.0, 0.0)), 10**9)

    assert found.score == 1_000
    assert 0 < sum(found.harms or ()) < 1


def test_a_rule_raises_the_score_and_so_what_is_cheapest(judged) -> None:
    calm = judged(0.001, 0.0, 0.0, points=200, amount_minor=100_000, remote_access=False)
    found = judged(0.001, 0.0, 0.0, points=200, amount_minor=100_000)

    assert found.score == calm.score + 200
    assert found.probabilities == calm.probabilities, "the model's own"
    assert STRENGTH[found.outcome] > STRENGTH[calm.outcome]
    assert [one.effect for one in found.rules if one.result == "hit"] == ["score:+200"]
    assert "caller_watches" in [one.code for one in found.reasons]


def test_what_goes_on_tells_no_reason_of_points(judged) -> None:
    found = judged(1e-6, 0.0, 0.0, points=1, amount_minor=100)

    assert found.outcome == "approve"
    assert "caller_watches" not in [one.code for one in found.reasons]
