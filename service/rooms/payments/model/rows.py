"""A payment as a row and back. Pure: rows are plain dictionaries, whoever fetched them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from service.rooms.payments.contract import PaymentFacts, TokenState
from service.rooms.payments.model.events import ExemptionCount
from service.rooms.payments.model.payment import Payment

_FACTS: Final = msgspec.json.Decoder(PaymentFacts)
_EXEMPTION: Final = msgspec.json.Decoder(ExemptionCount)
_ENCODER: Final = msgspec.json.Encoder()


def to_row(payment: Payment) -> dict[str, Any]:
    """Return a payment as its row."""
    row = msgspec.structs.asdict(payment)
    facts = payment.facts
    instrument, device, exemption = facts.instrument, facts.device, payment.exemption
    row.update(
        reference=facts.reference,
        kind=facts.kind,
        currency=facts.amount.currency,
        requested_minor=facts.amount.value,
        payer_key=facts.payer.payer_key,
        payer_id=facts.payer.payer_id,
        payee_id=facts.payee.payee_id,
        instrument_id=None if instrument is None else instrument.instrument_id,
        device_id=None if device is None else device.device_id,
        parent_id=facts.parent_id,
        retry_of=facts.retry_of,
        exemption=None if exemption is None else _ENCODER.encode(exemption),
        facts=_ENCODER.encode(facts),
    )
    return row


def from_row(row: Mapping[str, Any]) -> Payment:
    """Return a row as its payment."""
    values = {name: row[name] for name in Payment.__struct_fields__}
    values["facts"] = _FACTS.decode(row["facts"])
    if row["exemption"] is not None:
        values["exemption"] = _EXEMPTION.decode(row["exemption"])
    return Payment(**values)


def token_state(row: Mapping[str, Any], *, now: dt.datetime) -> TokenState:
    """Return a token's state now: one that nobody used is expired from `expires_at` on."""
    state: TokenState = row["state"]
    return "expired" if state == "active" and row["expires_at"] <= now else state
