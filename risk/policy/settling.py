"""From the level that a payment needs to what happens to it. Never milder without a score."""

from typing import Final

import msgspec

from risk.assessment import STRENGTH, ExemptionUse, Hold, Reason
from risk.facts import Outcome, Stage
from risk.feature import COUNTED_AT
from risk.policy.asking import WEAKEST, Ask, Setting
from risk.policy.shapes import Grounds, HoldEnd

# Where somebody is there who can prove something.
_ASKED_AT: Final[frozenset[Stage]] = frozenset({"account", *COUNTED_AT})


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome with what it carries."""

    outcome: Outcome
    level: int | None
    reasons: tuple[Reason, ...]
    any_of: tuple[str, ...] = ()
    exemption: ExemptionUse | None = None
    hold: Hold | None = None


def settle(setting: Setting, asked: Ask) -> Verdict:
    """Return what happens to a payment that needs this."""
    if asked.is_refused:
        return refuse(asked, asked.reasons)
    if _needs_nothing(setting, asked):
        return Verdict(
            outcome="approve",
            level=asked.level,
            reasons=asked.reasons,
            exemption=asked.exemption,
        )
    return demand(setting, level=asked.level or 0, reasons=asked.reasons)


def settle_degraded(setting: Setting, asked: Ask) -> Verdict:
    """Return what happens while there is no score though there should be one.

    Small and counted goes on, flagged; up to the merchant's limit a strong proof is asked for;
    above it the payment waits. A preset that counts no exemption has no counter left, and where
    no proof can be asked for, the payment waits as well: never milder than with a score.
    """
    if asked.is_refused:
        return refuse(asked, asked.reasons)
    if _is_small(setting, asked):
        return Verdict(
            outcome="approve",
            level=asked.level,
            reasons=(Reason("degraded_small"), *asked.reasons),
            exemption=asked.exemption,
        )
    if _is_small_and_proved(setting, asked):
        proved = setting.circumstances.level_proved
        reasons = (Reason("proof_given", {"level": proved}), *asked.reasons)
        return Verdict(outcome="approve", level=asked.level, reasons=reasons)
    limit = setting.circumstances.merchant_limit_minor
    if limit is None or setting.facts.amount_minor > limit:
        return stop(setting, asked, (Reason("degraded_over_limit"),))
    if asked.level is None:
        return stop(setting, asked, (Reason("degraded_no_proof"),))
    return demand(
        setting,
        level=max(asked.level, setting.ladder.degraded.level),
        reasons=(Reason("degraded_challenge"), *_unless_exempt(asked)),
    )


def settle_forced(setting: Setting, asked: Ask) -> Verdict | None:
    """Return what a sandbox payee forces, or None where it forces nothing at this stage.

    Only the creation of a payment is forced: one that was held, lifted and then executed goes.
    A forced challenge ends when the proof is there. `degraded` is not forced here: it is judged
    as if the scorer were down.
    """
    forced = setting.circumstances.forced
    if forced is None or forced == "degraded" or setting.facts.stage not in COUNTED_AT:
        return None
    reasons = (Reason("sandbox_forced", {"outcome": forced}),)
    if forced == "approve":
        return Verdict(outcome="approve", level=None, reasons=reasons)
    if forced == "hold":
        return stop(setting, asked, reasons)
    if forced == "decline":
        return refuse(asked, reasons)
    level = max(asked.level or 0, setting.ladder.sandbox.level)
    return demand(setting, level=level, reasons=reasons)


def stop(setting: Setting, asked: Ask, reasons: tuple[Reason, ...]) -> Verdict:
    """Return a hold with grounds review."""
    return wait(setting, outcome="hold", level=asked.level, reasons=reasons)


def refuse(asked: Ask, reasons: tuple[Reason, ...]) -> Verdict:
    """Return a refusal."""
    return Verdict(outcome="decline", level=asked.level, reasons=reasons)


def strongest(first: Verdict, second: Verdict) -> Verdict:
    """Return the stronger of two verdicts, the first of equals, with the other's reasons behind.

    The reasons of an approval that did not come about are left out.
    """
    if STRENGTH[second.outcome] > STRENGTH[first.outcome]:
        first, second = second, first
    if second.outcome == "approve":
        return first
    return msgspec.structs.replace(first, reasons=(*first.reasons, *second.reasons))


def demand(setting: Setting, *, level: int, reasons: tuple[Reason, ...]) -> Verdict:
    """Return a challenge, or what stands for it where none can be asked or it was passed."""
    proved = setting.circumstances.level_proved
    if proved >= level:
        reasons = (Reason("proof_given", {"level": proved}), *reasons)
        return Verdict(outcome="approve", level=level, reasons=reasons)
    if proved == 3 and level == 4:  # noqa: PLR2004  the ladder's own numbers
        return _cool_off(setting, reasons)
    if not _can_ask(setting) or setting.facts.stage not in _ASKED_AT:
        return wait(setting, outcome="hold", level=level, reasons=reasons)
    if setting.facts.initiator == "merchant":
        # The payer is absent: nobody could answer a challenge. A hold and no review, which a
        # merchant may put off until capture: the proof that is needed would never be given.
        reasons = (Reason("merchant_initiated"), *reasons)
        return wait(setting, outcome="hold", level=level, reasons=reasons)
    return Verdict(
        outcome="challenge", level=level, reasons=reasons, any_of=_any_of(setting, level)
    )


def _cool_off(setting: Setting, reasons: tuple[Reason, ...]) -> Verdict:
    grounds: Grounds = "cooling_off"
    policy = setting.ladder.holds[grounds]
    return Verdict(
        outcome="hold",
        level=policy.end_level,
        reasons=(Reason("cooling_off"), *reasons),
        hold=Hold(grounds=grounds, end="approve", duration_s=policy.duration_s),
    )


def wait(
    setting: Setting, *, outcome: Outcome, level: int | None, reasons: tuple[Reason, ...]
) -> Verdict:
    """Return a hold or a review, which ends in a challenge where one can be asked."""
    grounds: Grounds = "review"
    policy = setting.ladder.holds[grounds]
    is_asked = _can_ask(setting) and setting.facts.initiator == "payer"
    end: HoldEnd = "challenge" if is_asked else "decline"
    if is_asked:
        level = max(level or 0, policy.end_level)
    return Verdict(
        outcome=outcome,
        level=level,
        reasons=reasons,
        any_of=_any_of(setting, level) if is_asked and level else (),
        hold=Hold(grounds=grounds, end=end, duration_s=policy.duration_s),
    )


def _needs_nothing(setting: Setting, asked: Ask) -> bool:
    is_later = setting.facts.stage not in COUNTED_AT
    return asked.level is None or asked.exemption is not None or is_later


def _is_small(setting: Setting, asked: Ask) -> bool:
    own = setting.circumstances.small_limit_minor
    # Later than its creation, a payment's exemption has been counted already.
    is_exempt = asked.exemption is not None or (
        setting.facts.stage not in COUNTED_AT and setting.circumstances.exemption is not None
    )
    return is_exempt and (own is None or setting.facts.amount_minor <= own)


def _is_small_and_proved(setting: Setting, asked: Ask) -> bool:
    """Say whether a payment is as small as an exempt one, and its proof is there instead.

    Proof takes the place of the exemption, so it must not lead to a hold that none would.
    """
    limits = setting.preset.limits.get(setting.facts.currency)
    if limits is None or limits.exemption is None:
        return False
    own, amount_minor = setting.circumstances.small_limit_minor, setting.facts.amount_minor
    is_small = amount_minor <= limits.exemption.amount_minor_max
    is_within = own is None or amount_minor <= own
    needed = max(asked.level or 0, WEAKEST)
    return is_small and is_within and setting.circumstances.level_proved >= needed


def _unless_exempt(asked: Ask) -> tuple[Reason, ...]:
    return () if asked.exemption is not None else asked.reasons


def _can_ask(setting: Setting) -> bool:
    return setting.preset.asks_level or setting.circumstances.forced == "challenge"


def _any_of(setting: Setting, level: int) -> tuple[str, ...]:
    rung = setting.ladder.levels[level]
    # The instrument of a payout is where money goes: its issuer proves nothing of who sends it.
    # That of an account action is where it would go.
    is_paid_to = setting.facts.stage in {"payout", "account"} or setting.facts.kind == "payout"
    if setting.facts.instrument_type == "card" and not is_paid_to:
        return (*rung.any_of, *rung.any_of_card)
    return rung.any_of
