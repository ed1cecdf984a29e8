"""Values of this room: what an exemption has counted, and how a judgement is told. Pure."""

import datetime as dt
from typing import Final, NamedTuple

import msgspec

from risk.assessment import Amount, Assessment, Slots
from risk.facts import Facts, Scope, Stage
from risk.policy.shapes import Preset
from service.kernel import answers

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


class Touched(NamedTuple):
    """What a judgement will read and spend from; enough to declare it before it is made.

    Attributes:
        stage: When it will be made.
        payer_key: What stands for the payer.
        instrument_id: What pays.
        device_id: Where it is paid from.
        currency: ISO 4217 code.
        payee_id: Who is paid.
        merchant_id: Who asks.
        email_key, phone_key, instrument_bin, shipping_address_id, ip_keys: See risk.facts.Facts.
    """

    stage: Stage
    payer_key: str
    instrument_id: str | None
    device_id: str | None
    currency: str
    payee_id: str
    merchant_id: str | None
    email_key: str | None = None
    phone_key: str | None = None
    instrument_bin: str | None = None
    shipping_address_id: str | None = None
    ip_keys: tuple[str, ...] = ()


def scopes_of(facts: Facts | Touched) -> dict[Scope, str]:
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


def as_answered(assessment_id: str, said: Assessment) -> answers.Judged:
    """Return a judgement as ids and codes, for replies and answers."""
    return answers.Judged(
        id=assessment_id,
        stage=said.stage,
        outcome=said.outcome,
        reason_code=said.reason_code,
        level=said.level,
        score=said.score,
        risk_level=said.risk_level,
        strategy=said.strategy,
        arm="champion",
        degraded=said.degraded,
        reasons=tuple(
            answers.ReasonCoded(code=one.code, slots=_slots(one.slots)) for one in said.reasons
        ),
        rules=tuple(answers.RuleShown(**msgspec.structs.asdict(one)) for one in said.rules),
        probabilities=said.probabilities,
        exemption=said.exemption.code if said.exemption else None,
    )


def _slots(slots: Slots) -> dict[str, int | str | answers.SlotAmount]:
    return {
        name: answers.SlotAmount(**msgspec.structs.asdict(value))
        if isinstance(value, Amount)
        else value
        for name, value in slots.items()
    }
