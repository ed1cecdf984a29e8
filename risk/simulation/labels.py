"""What becomes known of payments, from whom and when: late, not of all, sometimes wrong. Pure."""

import datetime as dt
from typing import Final

from risk.simulation.draws import Draws
from risk.simulation.shapes import Intent, Paid, Scenario, Told, World

# Who tells, the likelier first, and how often that one does.
_SOURCES: Final[dict[Scenario, tuple[Intent, tuple[str, str], float]]] = {
    "card_testing": ("unauthorized", ("issuer_alert", "chargeback"), 0.7),
    "takeover": ("unauthorized", ("payer_report", "chargeback"), 0.75),
    "scam": ("scam", ("scam_report", "payer_report"), 0.85),
}
_FALSE_FIRST_PARTY: Final = 0.5


def label(world: World, draws: Draws, paid: Paid) -> Told | None:
    """Return what will be said of a payment, None where nobody says anything."""
    said = _said(world, draws, paid)
    if said is None:
        return None
    intent, source = said
    delay = world.delay[source]
    days = draws.lognormal(delay.days, delay.spread)
    return Told(
        at=paid.at + dt.timedelta(seconds=int(days * 86_400) + 1),
        reference=paid.body["reference"],
        intent=intent,
        source=source,
    )


def _said(world: World, draws: Draws, paid: Paid) -> tuple[Intent, str] | None:
    told = world.labels
    if paid.scenario != "ordinary":
        intent, sources, share = _SOURCES[paid.scenario]
        if draws.chance(told.missed_share):
            return None
        return intent, sources[0] if draws.chance(share) else sources[1]
    if draws.chance(told.false_claim_share):
        # A payer says that it was not them; some are found out before the label is told.
        is_found_out = draws.chance(_FALSE_FIRST_PARTY)
        return ("first_party" if is_found_out else "unauthorized"), "chargeback"
    if draws.chance(told.confirmed_share):
        return "normal", "confirmation"
    return None
