"""Values of this room: what an exemption has counted, and the day it was counted on. Pure."""

import datetime as dt
from typing import Final

import msgspec

from risk.facts import Facts, Scope
from risk.policy.shapes import Preset

LEVEL_1: Final = "level_1"
LEVEL_2: Final = "level_2"
STATIC_QR: Final = "static_qr"


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What an approval without proof has used up, so that it can be given back once.

    Attributes:
        code: The exemption's code.
        scopes: Scope -> key of each counter.
        currency: ISO 4217 code.
        amount_minor: What each counter grew by.
        day: The day whose sums grew.
        limit_codes: Which of the day's sums grew.
        payer_key: Whose day it was.
    """

    code: str
    scopes: dict[str, str]
    currency: str
    amount_minor: int
    day: str
    limit_codes: tuple[str, ...]
    payer_key: str


def scopes_of(facts: Facts) -> dict[Scope, str]:
    """Return the counters that a payment can be counted by: scope -> key."""
    found: dict[Scope, str] = {"payer": facts.payer_key}
    if facts.instrument_id is not None:
        found["instrument"] = facts.instrument_id
    if facts.device_id is not None:
        found["device"] = facts.device_id
    return found


def day_of(preset: Preset, at: dt.datetime) -> str:
    """Return the date, in the preset's own time zone, of an instant."""
    zone = dt.timezone(dt.timedelta(minutes=preset.day_offset_minutes))
    return at.astimezone(zone).date().isoformat()
