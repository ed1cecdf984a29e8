"""Which level of proof a payment needs, by ladder and preset. Never says what then happens."""

import datetime as dt

import msgspec

from risk.assessment import Amount, ExemptionUse, Reason, Slots
from risk.facts import Circumstances, Facts
from risk.feature import COUNTED_AT
from risk.policy.shapes import (
    CurrencyLimits,
    ExemptionPolicy,
    Ladder,
    Preset,
    PresetLevels,
    RiskLevel,
)

# The weakest proof there is; only the counted exemption goes below it.
WEAKEST = 1


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """All that policy looks at, together."""

    facts: Facts
    circumstances: Circumstances
    preset: Preset
    ladder: Ladder
    risk_level: RiskLevel


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What a payment needs.

    Attributes:
        level: None where the preset asks for none; 0 only together with `exemption`, or for a
            payment that stands approved without proof.
        reasons: Why, the strongest first.
        exemption: What to count if it goes through without proof.
        is_refused: No proof can help.
    """

    level: int | None
    reasons: tuple[Reason, ...]
    exemption: ExemptionUse | None = None
    is_refused: bool = False


def ask(setting: Setting) -> Ask:
    """Return the level of proof that a payment needs. Total: every setting has an answer.

    After its creation a payment is not asked again: what it was approved with stands, and only
    judgement can stop it.
    """
    levels = setting.preset.levels
    if levels is None:
        return Ask(level=None, reasons=(Reason("judged_without_level"),))
    if setting.facts.stage not in COUNTED_AT:
        reached = setting.circumstances.level_proved
        return Ask(level=reached, reasons=(Reason("approval_stands"),))
    limits = setting.preset.limits.get(setting.facts.currency)
    if limits is not None and _is_over_static_qr(setting, limits):
        slots: Slots = {"limit": _amount(setting, limits, limits.static_qr_day_minor_max or 0)}
        return Ask(level=None, reasons=(Reason("static_qr_day_limit", slots),), is_refused=True)

    raised = _by_amount(setting, levels, limits) + _by_circumstance(setting, levels)
    level = max((level for level, _ in raised), default=WEAKEST)
    # Strongest first; sorting is stable, so reasons of one level keep their order.
    reasons = tuple(reason for _, reason in sorted(raised, key=lambda pair: -pair[0]))
    if level > WEAKEST or setting.circumstances.level_proved >= WEAKEST:
        return Ask(level=max(level, WEAKEST), reasons=reasons)
    exclusions = _exclusions(setting, limits)
    if limits is None or limits.exemption is None or exclusions or raised:
        return Ask(level=WEAKEST, reasons=(*reasons, *exclusions))
    return Ask(
        level=0,
        reasons=(Reason("small_payment"),),
        exemption=_use(setting.facts, limits.exemption),
    )


def day_bounds(preset: Preset, *, at: dt.datetime) -> tuple[dt.datetime, dt.datetime]:
    """Return start and end, in UTC, of the preset's day that holds an instant; half-open."""
    zone = dt.timezone(dt.timedelta(minutes=preset.day_offset_minutes))
    start = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return start.astimezone(dt.UTC), (start + dt.timedelta(days=1)).astimezone(dt.UTC)


def _is_over_static_qr(setting: Setting, limits: CurrencyLimits) -> bool:
    limit = limits.static_qr_day_minor_max
    if limit is None or setting.facts.entry != "qr_static" or _moves_no_money(setting.facts):
        return False
    spent = setting.circumstances.static_qr_today_minor
    return spent is None or spent + setting.facts.amount_minor > limit


def _by_amount(
    setting: Setting, levels: PresetLevels, limits: CurrencyLimits | None
) -> list[tuple[int, Reason]]:
    facts = setting.facts
    found = []
    if facts.kind == "verification":
        found.append((levels.verification, Reason("verification")))
    if _moves_no_money(facts):
        return found
    if limits is None:
        return [*found, (levels.other_currency, Reason("no_limits", {"currency": facts.currency}))]
    # A weaker proof also counts against every stronger day limit: 5,000 CNY a day are 5,000 CNY,
    # however they were proved. So the strongest limit that would be passed decides.
    exceeded = None
    for day in limits.days:
        spent = setting.circumstances.spent_today_minor.get(day.level)
        if spent is None or spent + facts.amount_minor > day.amount_minor_max:
            exceeded = day
    if exceeded is None:
        return found
    limit = _amount(setting, limits, exceeded.amount_minor_max)
    if exceeded == limits.days[-1]:
        return [*found, (levels.above, Reason("above_day_limits", {"limit": limit}))]
    reason = Reason("day_limit", {"level": exceeded.level, "limit": limit})
    return [*found, (exceeded.level + 1, reason)]


def _by_circumstance(setting: Setting, levels: PresetLevels) -> list[tuple[int, Reason]]:
    facts, known = setting.facts, setting.circumstances
    raised = []
    own_limit = known.protected_limit_minor
    if known.is_protected and own_limit is not None and facts.amount_minor > own_limit:
        raised.append((levels.protected_over_limit, Reason("protected_over_limit")))
    if known.payee_is_new and not _moves_no_money(facts):
        raised.append((levels.new_payee, Reason("new_payee")))
    by_risk = setting.ladder.risk[setting.risk_level]
    if by_risk > 0:
        raised.append((by_risk, Reason("risk_raised", {"risk_level": setting.risk_level})))
    return raised


def _exclusions(setting: Setting, limits: CurrencyLimits | None) -> tuple[Reason, ...]:
    facts, known = setting.facts, setting.circumstances
    if limits is None or limits.exemption is None or facts.kind == "verification":
        return ()
    policy = limits.exemption
    found = []
    if facts.amount_minor > policy.amount_minor_max:
        limit = _amount(setting, limits, policy.amount_minor_max)
        found.append(Reason("small_over_limit", {"limit": limit}))
    if facts.initiator != "payer":
        found.append(Reason("small_not_by_payer"))
    if facts.payer_id is None:
        found.append(Reason("small_guest"))
    if not known.has_small_consent:
        found.append(Reason("small_no_consent"))
    if facts.device_id is None or not known.device_is_known:
        found.append(Reason("small_device_unknown"))
    if known.is_protected and not known.protected_small_allowed:
        found.append(Reason("small_protected"))
    return (*found, *_spent_counters(setting, limits, policy))


def _spent_counters(
    setting: Setting, limits: CurrencyLimits, policy: ExemptionPolicy
) -> list[Reason]:
    found = []
    for scope in policy.scopes:
        counter = setting.circumstances.counters.get(scope)
        # What cannot be counted is not exempt: leaving the instrument out must not help.
        if counter is None or (scope == "instrument" and setting.facts.instrument_id is None):
            found.append(Reason("small_uncountable", {"scope": scope}))
            continue
        if counter.count + 1 > policy.count_max:
            slots: Slots = {"scope": scope, "count": policy.count_max}
            found.append(Reason("small_count_spent", slots))
        if counter.amount_minor + setting.facts.amount_minor > policy.sum_minor_max:
            limit = _amount(setting, limits, policy.sum_minor_max)
            found.append(Reason("small_sum_spent", {"scope": scope, "limit": limit}))
    return found


def _use(facts: Facts, policy: ExemptionPolicy) -> ExemptionUse:
    return ExemptionUse(
        code=policy.code,
        scopes=policy.scopes,
        amount_minor=facts.amount_minor,
        currency=facts.currency,
        count_max=policy.count_max,
        amount_minor_max=policy.sum_minor_max,
    )


def _moves_no_money(facts: Facts) -> bool:
    # By kind and amount: an amount under the name of a verification is a payment like any other.
    return facts.kind == "verification" and facts.amount_minor == 0


def _amount(setting: Setting, limits: CurrencyLimits, minor: int) -> Amount:
    return Amount(minor=minor, currency=setting.facts.currency, exponent=limits.exponent)
