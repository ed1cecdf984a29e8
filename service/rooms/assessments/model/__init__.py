"""Values of this room: what is judged, what came of it, how a judgement is told. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

import msgspec

from risk.assessment import Amount, Assessment, Slots
from risk.facts import CREDENTIALS, NO_CURRENCY, Facts, Forced, Scope, Stage
from risk.policy.shapes import Preset
from service.kernel import answers
from service.kernel import facts as kernel
from service.rooms.assessments.contract import (
    ActionBase,
    ActionFacts,
    ActionListed,
    ActionStatus,
)
from service.unit_of_work.commands import Mode

LEVEL_1: Final = "level_1"
LEVEL_2: Final = "level_2"
STATIC_QR: Final = "static_qr"
# What a sandbox id forces: of a payee, or of a payer where nobody is paid.
FORCED: Final[dict[str, Forced]] = {
    "test:approve": "approve",
    "test:challenge": "challenge",
    "test:hold": "hold",
    "test:decline": "decline",
    "test:degraded": "degraded",
}


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
    payee_id: str | None
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
            answers.ReasonCoded(
                code=one.code,
                slots=_slots(one.slots),
                said=None if one.said is None else answers.Said(en=one.said.en, zh=one.said.zh),
            )
            for one in said.reasons
        ),
        # What is not set is left out, and stands at its default.
        rules=msgspec.convert(
            msgspec.to_builtins(said.rules), tuple[answers.RuleCoded, ...], strict=True
        ),
        probabilities=said.probabilities,
        exemption=said.exemption.code if said.exemption else None,
        basis=said.basis,
        model=said.model,
        expected_loss_minor=said.expected_loss_minor,
        counterfactuals=tuple((one.level, one.outcome) for one in said.counterfactuals),
    )


def _slots(slots: Slots) -> dict[str, int | str | answers.SlotAmount]:
    return {
        name: answers.SlotAmount(**msgspec.structs.asdict(value))
        if isinstance(value, Amount)
        else value
        for name, value in slots.items()
    }


def people(
    payer: kernel.PayerKept,
    payee: kernel.Payee | None,
    authentication: kernel.Authentication | None,
) -> dict[str, Any]:
    """Return who takes part and how the payer signed in, as risk takes it."""
    signed_in = authentication or kernel.Authentication()
    return {
        "payer_key": payer.payer_key,
        "payer_id": payer.payer_id,
        "account_created_at": payer.account_created_at,
        "contact_changed_at": payer.contact_changed_at,
        "email_key": payer.email_key,
        "phone_key": payer.phone_key,
        "payee_id": payee.payee_id if payee else None,
        "payee_type": payee.type if payee else None,
        "payee_account_id": payee.account if payee else None,
        "payee_name_check": payee.name_check if payee else None,
        "payee_added_at": payee.added_at if payee else None,
        "sign_in": signed_in.sign_in,
        "sign_in_at": signed_in.at,
    }


def means(instrument: kernel.Instrument | None, device: kernel.DeviceKept | None) -> dict[str, Any]:
    """Return what pays, or is paid to, and from where it is asked, as risk takes it."""
    instrument = instrument or kernel.Instrument()
    device = device or kernel.DeviceKept()
    return {
        "instrument_id": instrument.instrument_id,
        "instrument_type": instrument.type,
        "instrument_network": instrument.network,
        "instrument_funding": instrument.funding,
        "instrument_bin": instrument.bin,
        "instrument_issuer_country": instrument.issuer_country,
        "instrument_billing_country": instrument.billing_country,
        "instrument_added_at": instrument.added_at,
        "device_id": device.device_id,
        "session_id": device.session_id,
        "platform": device.platform,
        "ip_keys": device.ip_keys,
        "ip_country": device.ip_country,
        "language": device.language,
        "timezone": device.timezone,
        "integrity": device.integrity,
        "remote_access": device.remote_access,
        "call_active": device.call_active,
    }


def action_facts(told: ActionFacts, *, merchant_id: str) -> Facts:
    """Return an action as risk judges it: a payout by its amount, everything else without one."""
    amount = told.amount
    return Facts(
        stage="account" if amount is None else "payout",
        occurred_at=told.occurred_at,
        kind=told.event,
        amount_minor=0 if amount is None else amount.value,
        currency=NO_CURRENCY if amount is None else amount.currency,
        channel=told.channel,
        merchant_id=merchant_id,
        changes=told.changes or (),
        **people(told.payer, told.payee, told.authentication),
        **means(told.destination, told.device),
    )


Move = Literal["assess", "release", "refuse", "cancel", "expire", "end"]
# What may be done, from where and to where; None is an action that is not there yet.
MOVES: Final[dict[Move, tuple[frozenset[ActionStatus | None], frozenset[ActionStatus]]]] = {
    "assess": (
        frozenset({None}),
        frozenset({"approved", "challenge_required", "held", "declined"}),
    ),
    "release": (frozenset({"held"}), frozenset({"approved"})),
    "refuse": (frozenset({"held"}), frozenset({"declined"})),
    "cancel": (frozenset({"challenge_required", "held"}), frozenset({"cancelled"})),
    "expire": (frozenset({"challenge_required"}), frozenset({"expired"})),
    "end": (
        frozenset({"held"}),
        frozenset({"challenge_required", "declined", "approved"}),
    ),
}
TIMERS: Final[dict[ActionStatus, Literal["expire", "end"]]] = {
    "challenge_required": "expire",
    "held": "end",
}
MADE: Final = "assessment.made"
MOVED: Final = "assessment.moved"


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An action was judged: the event that it is folded from, first.

    Attributes:
        ends_at: When its challenge or hold ends; None without one.
    """

    at: dt.datetime
    tenant_id: str
    assessment_id: str
    merchant_id: str
    mode: Mode
    facts: ActionFacts
    outcome: kernel.Outcome
    reason_code: str
    level: int | None
    to: ActionStatus
    challenge_id: str | None = None
    hold_id: str | None = None
    ends_at: dt.datetime | None = None


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """An action has another status; `level` and `challenge_id` only with a new challenge."""

    at: dt.datetime
    action: Move
    to: ActionStatus
    level: int | None = None
    challenge_id: str | None = None
    ends_at: dt.datetime | None = None


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An action as it stands: the fold of its events, and its row.

    Attributes:
        version: 1 when it was judged, and one more with each move.
        timer_at, timer_action: When its challenge or hold ends, and what is done then.
    """

    tenant_id: str
    assessment_id: str
    merchant_id: str
    mode: Mode
    status: ActionStatus
    version: int
    outcome: kernel.Outcome
    reason_code: str
    level: int | None
    challenge_id: str | None
    hold_id: str | None
    timer_at: dt.datetime | None
    timer_action: Literal["expire", "end"] | None
    created_at: dt.datetime
    updated_at: dt.datetime
    facts: ActionFacts


class IllegalMove(Exception):  # noqa: N818  says what was met
    """A move that MOVES does not have."""


def allowed(status: ActionStatus) -> list[Move]:
    """Return what may be done from a status."""
    return [move for move, (sources, _) in MOVES.items() if status in sources]


def made(body: Made) -> Action:
    """Return the action that begins with an event.

    Raises:
        IllegalMove: No judgement leads to this status.
    """
    if body.to not in MOVES["assess"][1]:
        raise IllegalMove(f"no judgement leads to {body.to}")
    values = msgspec.structs.asdict(body)
    at, to, ends_at = values.pop("at"), values.pop("to"), values.pop("ends_at")
    return Action(
        **values,
        status=to,
        version=1,
        timer_at=ends_at,
        timer_action=TIMERS.get(to),
        created_at=at,
        updated_at=at,
    )


def moved(action: Action, body: Moved) -> Action:
    """Return an action after an event.

    Raises:
        IllegalMove: MOVES has no such move.
    """
    sources, targets = MOVES[body.action]
    if action.status not in sources or body.to not in targets:
        raise IllegalMove(f"{body.action} does not lead from {action.status} to {body.to}")
    return msgspec.structs.replace(
        action,
        status=body.to,
        version=action.version + 1,
        level=action.level if body.level is None else body.level,
        challenge_id=body.challenge_id,
        hold_id=None,
        timer_at=body.ends_at,
        timer_action=TIMERS.get(body.to),
        updated_at=body.at,
    )


def credentials_changed_at(action: Action) -> dt.datetime | None:
    """Return when an action changed a credential; None if it did not, or not yet."""
    changes = set(action.facts.changes or ())
    return action.updated_at if action.status == "approved" and changes & CREDENTIALS else None


_FACTS: Final = msgspec.json.Decoder(ActionFacts)


def to_row(action: Action) -> dict[str, Any]:
    """Return an action as its row."""
    told = action.facts
    return msgspec.structs.asdict(action) | {
        "event": told.event,
        "payer_key": told.payer.payer_key,
        "payer_id": told.payer.payer_id,
        "credentials_changed_at": credentials_changed_at(action),
        "facts": msgspec.json.encode(told),
    }


def from_row(row: Mapping[str, Any]) -> Action:
    """Return a row as its action."""
    values = {name: row[name] for name in Action.__struct_fields__}
    return Action(**values | {"facts": _FACTS.decode(row["facts"])})


def base(action: Action) -> ActionBase:
    """Return what every answer says about an action."""
    return ActionBase(**_said(action))


def listed(action: Action) -> ActionListed:
    """Return an action as a list shows it."""
    told = action.facts
    return ActionListed(
        **_said(action),
        payer_id=told.payer.payer_id,
        payee_id=told.payee.payee_id if told.payee else None,
        amount=told.amount,
        created_at=action.created_at,
        updated_at=action.updated_at,
    )


def _said(action: Action) -> dict[str, Any]:
    return {
        "id": action.assessment_id,
        "event": action.facts.event,
        "status": action.status,
        "outcome": action.outcome,
        "reason_code": action.reason_code,
        "level": action.level,
    }
