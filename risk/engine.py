"""The judgement of one payment at one stage. Never impure: equal inputs, equal assessment."""

from typing import Literal

from risk.assessment import Assessment, DegradedCode, Reason, RuleResult, Slots
from risk.facts import Circumstances, Facts
from risk.feature import COUNTED_AT
from risk.lists import ListHit
from risk.policy.asking import Ask, Setting, ask
from risk.policy.listing import shown, standing_block
from risk.policy.ruling import rule
from risk.policy.settling import (
    Verdict,
    refuse,
    settle,
    settle_degraded,
    settle_forced,
    stop,
    strongest,
)
from risk.policy.shapes import Liability, Velocity, VelocityAt
from risk.rules.runner import Looked
from risk.scored import Scorer
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing, is_sound


def assess(
    facts: Facts,
    circumstances: Circumstances,
    features: FeatureVector,
    strategy: Strategy,
    scorer: Scorer | None = None,
) -> Assessment:
    """Judge a payment: rules, the check of features, the limit on speed, policy, and lists.

    Args:
        facts: The payment.
        circumstances: What is known besides.
        features: What was counted before it.
        strategy: By which it is judged.
        scorer: Of the strategy's model; a payment that it should score and cannot is judged by
            the degraded policy.

    Raises:
        LookupError: The strategy has no preset of the merchant's code.
    """
    setting = Setting(
        facts=facts,
        circumstances=circumstances,
        preset=strategy.preset(circumstances.preset),
        ladder=strategy.ladder,
        risk_level="low",  # where there is no score; and no strategy has a model yet
    )
    sound = is_sound(features, strategy.features)
    at = next((at for at in strategy.velocity.at if at.stage == facts.stage), None)
    value = features.value(strategy.velocity.feature) if sound else None
    looked = None if at is None else _look(strategy.velocity, at, value)
    # Features that fail their check are read by no rule: one that needs them fails.
    ruled = strategy.runner.look(facts, circumstances, setting.preset, features if sound else None)
    is_scored = strategy.model is None or facts.stage not in COUNTED_AT or scorer is not None
    degraded = _degraded(
        facts, circumstances, is_sound=sound, is_scored=is_scored, looked=looked, ruled=ruled
    )

    asked = ask(setting)
    verdict = settle_forced(setting, asked)
    if verdict is None:
        verdict = settle_degraded(setting, asked) if degraded else settle(setting, asked)
        if at is not None and looked is not None and looked.result == "hit":
            limited = _hit(setting, asked, at=at, value=value, strategy=strategy)
            verdict = strongest(limited, verdict)
        verdict = rule(setting, asked, verdict, ruled.hits)
    block = standing_block(circumstances.lists)
    if block is not None:
        verdict = strongest(refuse(asked, (_listed(block),)), verdict)
    return Assessment(
        stage=facts.stage,
        outcome=verdict.outcome,
        level=verdict.level,
        any_of=verdict.any_of,
        reason_code=verdict.reasons[0].code,
        reasons=verdict.reasons,
        rules=(
            *shown(circumstances.lists),
            *(() if looked is None else (looked,)),
            *ruled.results,
        ),
        degraded=degraded,
        score=None,
        risk_level=setting.risk_level,
        probabilities=None,
        exemption=verdict.exemption,
        liability=_liability(setting, verdict),
        hold=verdict.hold,
        strategy=strategy.id,
        feature_set=strategy.features.id,
    )


def _listed(block: ListHit) -> Reason:
    return Reason("on_block_list", {"listed": block.entity})


def _look(velocity: Velocity, at: VelocityAt, value: float | Missing | None) -> RuleResult:
    if value is None or isinstance(value, Missing):
        shown = "features_invalid" if value is None else f"missing: {value.missing}"
        return _result(velocity, at, "error", shown)
    if value >= at.at_least:
        return _result(velocity, at, "hit", f"{value} >= {at.at_least}")
    return _result(velocity, at, "no_hit", f"{value} < {at.at_least}")


def _result(
    velocity: Velocity, at: VelocityAt, result: Literal["hit", "no_hit", "error"], shown: str
) -> RuleResult:
    return RuleResult(
        rule=velocity.code,
        version=velocity.version,
        result=result,
        effect=f"raise:{at.outcome}",
        shown=shown,
    )


def _degraded(
    facts: Facts,
    circumstances: Circumstances,
    *,
    is_sound: bool,
    is_scored: bool,
    looked: RuleResult | None,
    ruled: Looked,
) -> tuple[DegradedCode, ...]:
    """Return what was missing; anything here sends the payment to the degraded policy.

    A limit that could not be looked at counts as missing, not as kept; so does a rule.
    """
    found: list[DegradedCode] = []
    is_forced = circumstances.forced == "degraded" and facts.stage in COUNTED_AT
    if circumstances.scorer == "late":
        found.append("scorer_late")
    elif circumstances.scorer == "down" or is_forced or not is_scored:
        found.append("scorer_down")
    if not is_sound:
        found.append("features_invalid")
    if looked is not None and looked.result == "error":
        found.append("velocity_unknown")
    if ruled.has_failed:
        found.append("rule_failed")
    return tuple(found)


def _hit(
    setting: Setting,
    asked: Ask,
    *,
    at: VelocityAt,
    value: float | Missing | None,
    strategy: Strategy,
) -> Verdict:
    window_s = strategy.features.feature(strategy.velocity.feature).window_s
    count = int(value) if isinstance(value, int | float) else at.at_least
    slots: Slots = {"count": count, "window": window_s}
    reasons = (Reason("too_many_payments", slots),)
    if at.outcome == "decline":
        return refuse(asked, reasons)
    return stop(setting, asked, reasons)


def _liability(setting: Setting, verdict: Verdict) -> Liability:
    limits = setting.preset.limits.get(setting.facts.currency)
    used = verdict.exemption.code if verdict.exemption else setting.circumstances.exemption
    if used is not None and limits is not None and limits.exemption is not None:
        return limits.exemption.liability
    return setting.preset.liability
