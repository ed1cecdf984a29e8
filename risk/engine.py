"""The judgement of one payment at one stage. Never impure: equal inputs, equal assessment."""

from typing import Literal, NamedTuple, cast

import msgspec

from risk.assessment import (
    ONLY_TOLD,
    Assessment,
    Counterfactual,
    DegradedCode,
    Reason,
    RuleResult,
    Slots,
)
from risk.facts import Circumstances, Facts
from risk.lists import ListHit
from risk.policy.asking import Ask, Setting, ask
from risk.policy.costs import Priced
from risk.policy.listing import shown, standing_block
from risk.policy.pricing import price, raised_by_costs
from risk.policy.ruling import raise_to, raised_by
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
from risk.rules.runner import Looked, RuleHit
from risk.scored import Scorer
from risk.scoring import Reading, read_score, with_points
from risk.strategy import Strategy
from risk.vectors import FeatureVector, Missing, is_sound


class _Limited(NamedTuple):
    """The limit on speed was passed: what it does here, and by how many payments."""

    at: VelocityAt
    payments: int


class _Found(NamedTuple):
    """What was found of a payment, whatever was proved."""

    strategy: Strategy
    reading: Reading
    degraded: tuple[DegradedCode, ...]
    limited: _Limited | None
    hits: tuple[RuleHit, ...]

    @property
    def is_degraded(self) -> bool:
        """Whether anything was missing that sends to the degraded policy."""
        return not ONLY_TOLD.issuperset(self.degraded)


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
    preset = strategy.preset(circumstances.preset)
    sound = is_sound(features, strategy.features)
    at = next((at for at in strategy.velocity.at if at.stage == facts.stage), None)
    value = features.value(strategy.velocity.feature) if sound else None
    looked = None if at is None else _look(strategy.velocity, at, value)
    # Features that fail their check are read by no rule and no model: one that needs them fails.
    checked = features if sound else None
    ruled = strategy.runner.look(facts, circumstances, preset, checked)
    reading = read_score(facts, circumstances, checked, strategy, scorer)
    reading = with_points(reading, sum(one.rule.points for one in ruled.hits))
    degraded = _degraded(reading, is_sound=sound, looked=looked, ruled=ruled)
    setting = Setting(
        facts=facts,
        circumstances=circumstances,
        preset=preset,
        ladder=strategy.ladder,
        risk_level=reading.risk_level,
    )
    limited = None
    if at is not None and looked is not None and looked.result == "hit":
        limited = _Limited(at, _count(value, at))
    found = _Found(
        strategy=strategy,
        reading=reading,
        degraded=degraded,
        limited=limited,
        hits=ruled.hits,
    )
    rules = (*shown(circumstances.lists), *(() if looked is None else (looked,)), *ruled.results)
    return _judged(setting, found, rules)


def _judged(setting: Setting, found: _Found, rules: tuple[RuleResult, ...]) -> Assessment:
    """Return what is said of a payment of which all was found."""
    priced = _priced(setting, found)
    verdict = _decided(setting, found, priced)
    reading, strategy = found.reading, found.strategy
    return Assessment(
        stage=setting.facts.stage,
        outcome=verdict.outcome,
        level=verdict.level,
        any_of=verdict.any_of,
        reason_code=verdict.reasons[0].code,
        reasons=verdict.reasons,
        rules=rules,
        degraded=found.degraded,
        score=reading.score,
        risk_level=reading.risk_level,
        probabilities=reading.probabilities,
        exemption=verdict.exemption,
        liability=_liability(setting, verdict),
        hold=verdict.hold,
        strategy=strategy.id,
        feature_set=strategy.features.id,
        basis=reading.basis,
        model=reading.model,
        expected_loss_minor=None if priced is None else round(priced.loss_minor),
        is_calibrated=reading.basis == "model",
        counterfactuals=_by_proof(setting, found, verdict),
    )


def _priced(setting: Setting, found: _Found) -> Priced | None:
    harms = found.reading.harms
    return None if harms is None else price(setting, harms, found.strategy.costs)


def _decided(setting: Setting, found: _Found, priced: Priced | None) -> Verdict:
    """Return the strongest of what ladder, limit, rules, costs and lists say."""
    asked = ask(setting)
    verdict = settle_forced(setting, asked)
    if verdict is None:
        verdict = settle_degraded(setting, asked) if found.is_degraded else settle(setting, asked)
        if found.limited is not None:
            verdict = strongest(_hit(setting, asked, found.limited, found.strategy), verdict)
        raises = raised_by(found.hits)
        if priced is not None and found.reading.harms is not None:
            raises += raised_by_costs(setting, found.reading.harms, priced)
        verdict = raise_to(setting, asked, verdict, raises)
        verdict = _told(setting, found, verdict)
    block = standing_block(setting.circumstances.lists)
    if block is not None:
        verdict = strongest(refuse(asked, (_listed(block),)), verdict)
    return verdict


def _told(setting: Setting, found: _Found, verdict: Verdict) -> Verdict:
    """Return a verdict that says what made the score, where that may have asked for proof."""
    if setting.risk_level == "low" or verdict.outcome == "approve":
        return verdict
    added = tuple(one.reason for one in found.hits if one.rule.points)
    unlike = [Reason("unlike_normal", {"signal": signal}) for signal in found.reading.signals]
    return msgspec.structs.replace(verdict, reasons=(*verdict.reasons, *added, *unlike))


def _by_proof(setting: Setting, found: _Found, verdict: Verdict) -> tuple[Counterfactual, ...]:
    """Return what the proof that is asked for would have led to.

    Nothing else is ever proposed: a smaller amount, another device or a later hour are what an
    attacker would like to hear of.
    """
    if verdict.outcome != "challenge" or not verdict.level:
        return ()
    proved = cast("Literal[1, 2, 3, 4]", verdict.level)
    known = msgspec.structs.replace(setting.circumstances, level_proved=proved)
    proving = msgspec.structs.replace(setting, circumstances=known)
    other = _decided(proving, found, _priced(proving, found))
    return (Counterfactual(level=proved, outcome=other.outcome),)


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
    reading: Reading, *, is_sound: bool, looked: RuleResult | None, ruled: Looked
) -> tuple[DegradedCode, ...]:
    """Return what was missing; see `ONLY_TOLD` for what does not send to the degraded policy.

    A limit that could not be looked at counts as missing, not as kept; so does a rule.
    """
    found = list(reading.degraded)
    if not is_sound:
        found.append("features_invalid")
    if looked is not None and looked.result == "error":
        found.append("velocity_unknown")
    if ruled.has_failed:
        found.append("rule_failed")
    return tuple(found)


def _count(value: float | Missing | None, at: VelocityAt) -> int:
    return int(value) if isinstance(value, int | float) else at.at_least


def _hit(setting: Setting, asked: Ask, limited: _Limited, strategy: Strategy) -> Verdict:
    window_s = strategy.features.feature(strategy.velocity.feature).window_s
    slots: Slots = {"count": limited.payments, "window": window_s}
    reasons = (Reason("too_many_payments", slots),)
    if limited.at.outcome == "decline":
        return refuse(asked, reasons)
    return stop(setting, asked, reasons)


def _liability(setting: Setting, verdict: Verdict) -> Liability:
    limits = setting.preset.limits.get(setting.facts.currency)
    used = verdict.exemption.code if verdict.exemption else setting.circumstances.exemption
    if used is not None and limits is not None and limits.exemption is not None:
        return limits.exemption.liability
    return setting.preset.liability
