"""A verdict raised by rules and costs: the strongest stands, its level never below policy's."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from risk.assessment import Reason
from risk.facts import Outcome
from risk.policy.asking import Ask, Setting
from risk.policy.settling import Verdict, demand, refuse, stop, strongest, wait
from risk.rules.runner import RuleHit

RAISED: Final[tuple[Outcome, ...]] = ("challenge", "review", "hold", "decline")


class Raise(NamedTuple):
    """What a verdict is raised to at least, by a rule or by costs.

    Attributes:
        level: Of a challenge; 0 for all else.
    """

    outcome: Outcome
    level: int
    reasons: tuple[Reason, ...]


def raised_by(hits: Sequence[RuleHit]) -> list[Raise]:
    """Return what rules that hit raise a verdict to, in their order; other effects raise none."""
    return [
        Raise(one.rule.outcome, one.rule.level, (one.reason,))
        for one in hits
        if one.rule.outcome != "approve"
    ]


def raise_to(setting: Setting, asked: Ask, verdict: Verdict, raises: Sequence[Raise]) -> Verdict:
    """Return a verdict that is raised as far as it must; the reasons of the strongest come first.

    A level that was asked for stays the least, also where something stronger than a challenge hit:
    a hold that ends in a challenge ends in one of that level.

    Args:
        setting: What policy looks at.
        asked: What the payment needs by policy.
        verdict: What policy alone settled.
        raises: What rules and costs say; of one outcome in the order of their reasons.
    """
    levels = [one.level for one in raises if one.outcome == "challenge"]
    # A payment that needs more by policy is not asked for less because a rule hit too.
    floor = max(asked.level or 0, verdict.level or 0, *levels)
    for outcome in RAISED:
        of_outcome = [one for one in raises if one.outcome == outcome]
        if of_outcome:
            reasons = tuple(reason for one in of_outcome for reason in one.reasons)
            raised = _raised(setting, asked, floor, outcome, reasons)
            if raised.outcome == "review" and verdict.outcome == "challenge":
                # A review may be put off until capture, and the proof that is asked for with it.
                raised = wait(setting, outcome="hold", level=floor, reasons=raised.reasons)
            verdict = strongest(raised, verdict)
    verdict = _at_least(setting, verdict, floor)
    return msgspec.structs.replace(verdict, reasons=_once(verdict.reasons))


def _raised(
    setting: Setting, asked: Ask, floor: int, outcome: Outcome, reasons: tuple[Reason, ...]
) -> Verdict:
    match outcome:
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
