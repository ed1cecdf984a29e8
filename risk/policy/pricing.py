"""From probabilities of harm to what a payment's outcome is at least. Never makes one milder."""

from typing import Final

from risk.assessment import Amount, Reason, ReasonCode, Slots
from risk.models.manifest import HEADS, HeadName
from risk.policy.asking import Setting
from risk.policy.costs import (
    CHALLENGES,
    PLAIN_MILLI,
    Costs,
    Harms,
    Priced,
    cheapest,
    menu_of,
    outcome_of,
)
from risk.policy.ruling import Raise
from risk.rules.showing import exponent_of

MILLION: Final = 1_000_000
_LIKELY: Final[dict[HeadName, ReasonCode]] = {
    "unauthorized": "likely_unauthorized",
    "scam": "likely_scam",
    "first_party": "likely_first_party",
}


def price(setting: Setting, harms: Harms, costs: Costs) -> Priced:
    """Return the cheapest of what can be done with a payment."""
    known = setting.circumstances
    weight = costs.protected_harm_milli if known.is_protected else PLAIN_MILLI
    menu = menu_of(setting.facts, known, setting.preset)
    return cheapest(costs, harms, setting.facts, menu, weight_milli=weight)


def raised_by_costs(setting: Setting, harms: Harms, priced: Priced) -> list[Raise]:
    """Return what the cheapest action raises a verdict to; nothing where that is approval."""
    if priced.action == "approve":
        return []
    likeliest = max(HEADS, key=lambda head: harms[HEADS.index(head)])
    currency = setting.facts.currency
    slots: Slots = {
        "share": round(harms[HEADS.index(likeliest)] * MILLION),
        "loss": Amount(round(priced.loss_minor), currency, exponent_of(currency)),
    }
    reasons = [Reason(_LIKELY[likeliest], slots)]
    if likeliest == "scam" and priced.action != "decline":
        # A proof stops no scam; the payer who reads why may.
        reasons.append(Reason("scam_warning"))
    level = CHALLENGES.get(priced.action, 0)
    return [Raise(outcome_of(priced.action), level, tuple(reasons))]
