"""From a payment's row to its score and probabilities, or to what stands in for them. Pure."""

import math
from bisect import bisect_right
from typing import Final, NamedTuple

from risk.assessment import Basis, DegradedCode
from risk.cold_start import SignalCode, unlike
from risk.facts import Circumstances, Facts
from risk.feature import COUNTED_AT
from risk.models.calibration import Scored, probabilities
from risk.models.manifest import HEADS, HeadName
from risk.policy.costs import Harms
from risk.policy.shapes import RiskLevel
from risk.scored import Scorer
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing

SCORE_MAX: Final = 1_000
# Forty points double the odds of harm; 560 are odds of one to one. Odds are compared with the
# border of each score instead of taking a logarithm, whose last bit differs over columns.
POINTS_PER_DOUBLING: Final = 40
DOUBLINGS_BELOW_EVEN: Final = 14
BORDERS: Final = tuple(
    2.0 ** ((score - 0.5) / POINTS_PER_DOUBLING - DOUBLINGS_BELOW_EVEN)
    for score in range(1, SCORE_MAX + 1)
)
# The scores of odds of 1, 10 and 50 in a hundred: from each on, the next level.
RISK_FROM: Final = (295, 433, 560)
RISK_LEVELS: Final[tuple[RiskLevel, ...]] = ("low", "medium", "high", "very_high")
UNLABELLED: Final[dict[HeadName, DegradedCode]] = {
    "unauthorized": "unauthorized_unlabelled",
    "scam": "scam_unlabelled",
    "first_party": "first_party_unlabelled",
}


class Reading(NamedTuple):
    """What there is of a score.

    Attributes:
        score: None where nothing gave one.
        harms: By which costs are compared; None where no model scored.
        probabilities: As they are told: a harm without labels has none.
        model: Id of the model that scored.
        degraded: What was missing.
        signals: What is unlike its own normal, the most first.
    """

    basis: Basis = "rules"
    score: int | None = None
    harms: Harms | None = None
    probabilities: dict[str, float | None] | None = None
    model: str | None = None
    degraded: tuple[DegradedCode, ...] = ()
    signals: tuple[SignalCode, ...] = ()

    @property
    def risk_level(self) -> RiskLevel:
        """The level of the score; low where there is none."""
        return RISK_LEVELS[0 if self.score is None else bisect_right(RISK_FROM, self.score)]


def read_score(
    facts: Facts,
    circumstances: Circumstances,
    features: FeatureVector | None,
    strategy: Strategy,
    scorer: Scorer | None,
) -> Reading:
    """Return a payment's score by the strategy's model, or by its cold start where it has none.

    A payment is scored when it is made: later, most of what a model reads is not known any more.
    Where a model cannot be had its cold start stands in, besides the degraded policy: nothing is
    judged more mildly than it would be without any model.

    Args:
        facts: The payment.
        circumstances: What is known besides.
        features: None where they failed their check: they are never scored.
        strategy: Whose model scores.
        scorer: Of that model; None where there is none, or it cannot be had.
    """
    is_sound = features is not None
    degraded = scorer_missing(facts, circumstances, strategy, scorer, is_sound=is_sound)
    if facts.stage not in COUNTED_AT or features is None:
        return Reading(degraded=degraded)
    if degraded or strategy.model is None or scorer is None:
        return _by_cold_start(facts, features, strategy)._replace(degraded=degraded)
    preset = strategy.preset(circumstances.preset)
    scored = scorer.score(strategy.inputs.row(facts, circumstances, preset, features))
    if not _is_sound(scored, strategy.model.sha256):
        return _by_cold_start(facts, features, strategy)._replace(degraded=("scorer_down",))
    return reading_of(scored, strategy)


def scorer_missing(
    facts: Facts,
    circumstances: Circumstances,
    strategy: Strategy,
    scorer: Scorer | None,
    *,
    is_sound: bool,
) -> tuple[DegradedCode, ...]:
    """Return why there is no score though there should be one; empty where nothing is amiss.

    Features that failed their check are never scored, so that no scorer is missed for them.
    """
    if circumstances.scorer == "late":
        return ("scorer_late",)
    is_made = facts.stage in COUNTED_AT
    is_forced = circumstances.forced == "degraded" and is_made
    is_absent = strategy.model is not None and scorer is None and is_made and is_sound
    return ("scorer_down",) if circumstances.scorer == "down" or is_forced or is_absent else ()


def reading_of(scored: Scored, strategy: Strategy) -> Reading:
    """Return the score of what a model said; a prior stands in for a head that it lacks."""
    found = probabilities(scored, strategy.priors)
    told: dict[str, float | None] = {"normal": found["normal"]}
    missing: list[DegradedCode] = []
    for head in HEADS:
        is_labelled = scored.of(head) is not None
        told[head] = found[head] if is_labelled else None
        if not is_labelled:
            missing.append(UNLABELLED[head])
    return Reading(
        basis="model",
        score=score_of(found["normal"]),
        harms=(found["unauthorized"], found["scam"], found["first_party"]),
        probabilities=told,
        model=scored.model,
        degraded=tuple(missing),
    )


def with_points(reading: Reading, points: int) -> Reading:
    """Return a reading with what rules add to its score; as many points double the odds of harm.

    The probabilities that are told stay the model's own: points are a rule's opinion. Costs are
    compared by the odds that the whole score stands for.
    """
    if not points:
        return reading
    points = min(points, SCORE_MAX)
    harms = reading.harms
    if harms is not None:
        whole = harms[0] + harms[1] + harms[2]
        raised = whole * 2.0 ** (points / POINTS_PER_DOUBLING)
        # Of odds o times f the share is o f / (1 + o f), and o is whole / (1 - whole).
        share = raised / (1.0 - whole + raised) / whole if whole > 0.0 else 0.0
        harms = (harms[0] * share, harms[1] * share, harms[2] * share)
    score = min((reading.score or 0) + points, SCORE_MAX)
    return reading._replace(score=score, harms=harms)


def score_of(normal: float) -> int:
    """Return the score of a payment that is normal with this probability.

    Example:
        >>> score_of(0.5), score_of(0.99), score_of(1.0), score_of(0.0)
        (560, 295, 0, 1000)
    """
    if normal <= 0.0:
        return SCORE_MAX
    return bisect_right(BORDERS, (1.0 - normal) / normal)


def _by_cold_start(facts: Facts, features: FeatureVector, strategy: Strategy) -> Reading:
    told = features.values
    values: list[float | None] = [
        None if isinstance(value := told[slot], Missing) else value
        for slot in strategy.cold_start_slots
    ]
    values.append(facts.amount_minor)
    found = unlike(strategy.cold_start, values)
    if found.score is None:
        return Reading()
    return Reading(basis="cold_start", score=found.score, signals=found.signals)


def _is_sound(scored: Scored, model: str) -> bool:
    """Say whether a scorer said what can be judged by: its own model's numbers, from 0 to 1."""
    told = [value for head in HEADS if (value := scored.of(head)) is not None]
    is_finite = all(math.isfinite(value) and 0.0 <= value <= 1.0 for value in told)
    return bool(told) and is_finite and scored.model == model
