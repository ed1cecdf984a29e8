"""From the rules that hit to a verdict: the strongest effect, its level never below policy's."""

from collections.abc import Sequence
from typing import Final

import msgspec

from risk.assessment import Reason
from risk.facts import Outcome
from risk.policy.asking import Ask, Setting
from risk.policy.settling import Verdict, demand, refuse, stop, strongest, wait
from risk.rules.runner import RuleHit

RAISED: Final[tuple[Outcome, ...]] = ("challenge", "review", "hold", "decline")


def rule(setting: Setting, asked: Ask, verdict: Verdict, hits: Sequence[RuleHit]) -> Verdict:
    """Return a verdict raised by the rules that hit; the reasons of the strongest come first.

    A level that was asked for stays the least, also where something stronger than a challenge hit:
    a hold that ends in a challenge ends in one of that level.

    Args:
        setting: What policy looks at.
        asked: What the payment needs by policy.
        verdict: What policy alone settled.
        hits: What rules said.
    """
    levels = [hit.rule.level for hit in hits if hit.rule.outcome == "challenge"]
    # A payment that needs more by policy is not asked for less because a rule hit too.
    floor = max(asked.level or 0, verdict.level or 0, *levels)
    for outcome in RAISED:
        of_outcome = [hit for hit in hits if hit.rule.outcome == outcome]
        if of_outcome:
            raised = _raised(setting, asked, floor, of_outcome)
            if raised.outcome == "review" and verdict.outcome == "challenge":
                # A review may be put off until capture, and the proof that is asked for with it.
                raised = wait(setting, outcome="hold", level=floor, reasons=raised.reasons)
            verdict = strongest(raised, verdict)
    verdict = _at_least(setting, verdict, floor)
    return msgspec.structs.replace(verdict, reasons=_once(verdict.reasons))


def _raised(setting: Setting, asked: Ask, floor: int, hits: Sequence[RuleHit]) -> Verdict:
    reasons = tuple(hit.reason for hit in hits)
    match hits[0].rule.outcome:
        case "decline":
            return refuse(asked, reasons)
        case "hold":
            return stop(setting, asked, reasons)
        case "review":
            return wait(setting, outcome="review", level=asked.level, reasons=reasons)
        case _:
            return demand(setting, level=floor, reasons=reasons)


def _at_least(setting: Setting, verdict: Verdict, floor: int) -> Verdict:
    """Return a verdict whose hold, if it ends in a challenge, ends in one of this level."""
    hold = verdict.hold
    if hold is None or hold.end != "challenge" or (verdict.level or 0) >= floor:
        return verdict
    return wait(setting, outcome=verdict.outcome, level=floor, reasons=verdict.reasons)


def _once(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return reasons without those that stand there already: both sides may say `proof_given`."""
    found: list[Reason] = []
    for reason in reasons:
        if reason not in found:
            found.append(reason)
    return tuple(found)
