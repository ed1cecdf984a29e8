"""The judgement of what moves no money of a payment, and of payouts. Pure, as the engine is.

An account action (a login, a sign-up, a change of the account, a new payee) has no amount: its
level comes from `policy/events.toml`, by action, by what is changed, by device and by how long ago
the account was changed; rules of the stage `account` raise what it says. A payout is judged by the
engine as the payment that it is, and waits when the account that it empties, or where it goes, was
changed a short time ago.
"""

import datetime as dt
from typing import Final, cast, get_args

import msgspec

from risk.assessment import STRENGTH, Assessment, DegradedCode, Reason, ReasonCode
from risk.engine import assess
from risk.facts import Action, Circumstances, Facts
from risk.policy.asking import Ask, Setting, ask
from risk.policy.listing import shown, standing_block
from risk.policy.ruling import raise_to, raised_by
from risk.policy.settling import Verdict, refuse, stop, strongest, wait
from risk.policy.shapes import EventPolicy
from risk.rules.runner import Looked
from risk.scored import Scorer
from risk.strategy import Strategy
from risk.vectors import FeatureVector, is_sound

ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


def judge(
    facts: Facts,
    circumstances: Circumstances,
    features: FeatureVector,
    strategy: Strategy,
    scorer: Scorer | None = None,
) -> Assessment:
    """Judge a payment or an account action, by its stage.

    Args:
        facts: The payment or the action.
        circumstances: What is known besides.
        features: What was counted before it.
        strategy: By which it is judged.
        scorer: Of the strategy's model; an action has no use for it.

    Raises:
        LookupError: The strategy has no preset of the merchant's code.
    """
    if facts.stage == "account":
        return assess_action(facts, circumstances, features, strategy)
    said = assess(facts, circumstances, features, strategy, scorer)
    return _held_payout(said, facts, circumstances, strategy) if facts.stage == "payout" else said


def assess_action(
    facts: Facts, circumstances: Circumstances, features: FeatureVector, strategy: Strategy
) -> Assessment:
    """Judge an account action: policy, rules, what the sandbox forces, and lists above all.

    Raises:
        LookupError: The strategy has no preset of the merchant's code.
    """
    setting = _setting(facts, circumstances, strategy)
    # Features count payments: no rule of an action reads one.
    ruled = strategy.runner.look(facts, circumstances, setting.preset, None)
    degraded = _degraded(circumstances, ruled, is_sound=is_sound(features, strategy.features))
    asked = ask_action(setting, strategy.events)
    verdict = _forced(setting, asked)
    if verdict is None:
        verdict = _degraded_action(setting, asked) if degraded else _settled(setting, asked)
        verdict = raise_to(_signed_in(setting, strategy), asked, verdict, raised_by(ruled.hits))
    block = standing_block(circumstances.lists)
    if block is not None:
        listed = Reason("on_block_list", {"listed": block.entity})
        verdict = strongest(refuse(asked, (listed,)), verdict)
    return Assessment(
        stage=facts.stage,
        outcome=verdict.outcome,
        level=verdict.level,
        any_of=verdict.any_of,
        reason_code=verdict.reasons[0].code,
        reasons=verdict.reasons,
        rules=(*shown(circumstances.lists), *ruled.results),
        degraded=degraded,
        score=None,
        risk_level=setting.risk_level,
        probabilities=None,
        exemption=None,
        liability=setting.preset.liability,
        hold=verdict.hold,
        strategy=strategy.id,
        feature_set=strategy.features.id,
    )


def ask_action(setting: Setting, events: EventPolicy) -> Ask:
    """Return the level of proof that an account action needs; None where the preset asks none.

    A sign-in that was told counts for the login alone: whoever holds the session later need not
    be who began it.
    """
    if not setting.preset.asks_level:
        return Ask(level=None, reasons=(Reason("judged_without_level"),))
    facts, known = setting.facts, setting.circumstances
    action = cast("Action", facts.kind)
    levels = events.actions[action]
    base = max([levels.level, *(levels.changes[one] for one in facts.changes)])
    raised = [(base, Reason("event_level", {"event": action}))]
    if not known.device_is_known and levels.new_device > base:
        raised.append((levels.new_device, Reason("unknown_device")))
    if is_recently_changed(facts, known, events) and levels.after_change > base:
        raised.append((levels.after_change, Reason("recent_change", {"window": events.recent_s})))
    by_risk = setting.ladder.risk[setting.risk_level]
    if by_risk > base:
        raised.append((by_risk, Reason("risk_raised", {"risk_level": setting.risk_level})))
    level = max(level for level, _ in raised)
    reasons = tuple(reason for _, reason in sorted(raised, key=lambda pair: -pair[0]))
    signed_in = events.sign_in.get(facts.sign_in or "none", 0) if action == "login" else 0
    if 0 < level <= signed_in:
        reasons = (Reason("signed_in", {"level": signed_in}), *reasons)
        return Ask(level=0, reasons=reasons)
    return Ask(level=level, reasons=reasons)


def _signed_in(setting: Setting, strategy: Strategy) -> Setting:
    """Return a login as proved by its sign-in, so that no rule asks for what was given."""
    facts = setting.facts
    if facts.kind != "login":
        return setting
    level = strategy.events.sign_in.get(facts.sign_in or "none", 0)
    known = msgspec.structs.replace(setting.circumstances, level_proved=level)
    return msgspec.structs.replace(setting, circumstances=known)


def is_recently_changed(facts: Facts, known: Circumstances, events: EventPolicy) -> bool:
    """Say whether contact, credential or destination changed less than `recent_s` before.

    A time that is still to come counts as recent: a clock that is wrong makes nothing milder.
    """
    recent = dt.timedelta(seconds=events.recent_s)
    told = (facts.contact_changed_at, known.credentials_changed_at, facts.instrument_added_at)
    return any(at is not None and facts.occurred_at - at < recent for at in told)


def _setting(facts: Facts, circumstances: Circumstances, strategy: Strategy) -> Setting:
    return Setting(
        facts=facts,
        circumstances=circumstances,
        preset=strategy.preset(circumstances.preset),
        ladder=strategy.ladder,
        risk_level="low",  # where there is no score; and no strategy has a model yet
    )


def _degraded(
    circumstances: Circumstances, ruled: Looked, *, is_sound: bool
) -> tuple[DegradedCode, ...]:
    found: list[DegradedCode] = []
    if circumstances.scorer == "down" or circumstances.forced == "degraded":
        found.append("scorer_down")
    elif circumstances.scorer == "late":
        found.append("scorer_late")
    if not is_sound:
        found.append("features_invalid")
    if ruled.has_failed:
        found.append("rule_failed")
    return tuple(found)


def _settled(setting: Setting, asked: Ask) -> Verdict:
    if not asked.level:
        return Verdict(outcome="approve", level=asked.level, reasons=asked.reasons)
    return _demanded(setting, level=asked.level, reasons=asked.reasons)


def _degraded_action(setting: Setting, asked: Ask) -> Verdict:
    """Return what happens while there is no score: a strong proof, or a stop where none is."""
    if asked.level is None:
        return stop(setting, asked, (Reason("degraded_no_proof"),))
    return _demanded(
        setting,
        level=max(asked.level, setting.ladder.degraded.level),
        reasons=(Reason("degraded_challenge"), *asked.reasons),
    )


def _forced(setting: Setting, asked: Ask) -> Verdict | None:
    forced = setting.circumstances.forced
    if forced is None or forced == "degraded":
        return None
    by_payer = setting.facts.payee_id is None
    code: ReasonCode = "sandbox_payer_forced" if by_payer else "sandbox_forced"
    reasons = (Reason(code, {"outcome": forced}),)
    if forced == "approve":
        return Verdict(outcome="approve", level=None, reasons=reasons)
    if forced == "hold":
        return stop(setting, asked, reasons)
    if forced == "decline":
        return refuse(asked, reasons)
    level = max(asked.level or 0, setting.ladder.sandbox.level)
    return _demanded(setting, level=level, reasons=reasons)


def _demanded(setting: Setting, *, level: int, reasons: tuple[Reason, ...]) -> Verdict:
    any_of = setting.ladder.levels[level].any_of
    return Verdict(outcome="challenge", level=level, reasons=reasons, any_of=any_of)


def _held_payout(
    said: Assessment, facts: Facts, circumstances: Circumstances, strategy: Strategy
) -> Assessment:
    """Return the judgement of a payout; soon after a change it waits at least.

    Money that left for a new account of a thief does not come back, and a proof proves little
    when the thief has just changed what proves.
    """
    is_forced = circumstances.forced not in {None, "degraded"}
    if is_forced or not is_recently_changed(facts, circumstances, strategy.events):
        return said
    reason = Reason("recent_change", {"window": strategy.events.recent_s})
    if STRENGTH[said.outcome] >= STRENGTH["hold"]:
        return msgspec.structs.replace(said, reasons=(*said.reasons, reason))
    setting = _setting(facts, circumstances, strategy)
    # What rules asked for stands: a hold that ends in a challenge asks for no less.
    asked = ask(setting)
    levels = [level for level in (asked.level, said.level) if level is not None]
    held = wait(setting, outcome="hold", level=max(levels, default=None), reasons=(reason,))
    others = () if said.outcome == "approve" else said.reasons
    return msgspec.structs.replace(
        said,
        outcome=held.outcome,
        level=held.level,
        any_of=held.any_of,
        reason_code=reason.code,
        reasons=(reason, *others),
        exemption=None,
        liability=setting.preset.liability,
        hold=held.hold,
        counterfactuals=(),
    )
