"""Writes of payments, and the reads that commands declare. Every write carries its guard."""

import datetime as dt
from typing import Final

import msgspec
import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.rooms.payments.contract import EventReply, TokenClaims
from service.rooms.payments.model import Payment, to_row
from service.rooms.payments.tables import PAYMENTS, REPORTED, TOKENS
from service.unit_of_work.commands import Mode

# What a payment is told with; everything else may change.
_FIXED: Final = frozenset(
    {
        *("tenant_id", "payment_id", "merchant_id", "mode", "reference", "kind", "currency"),
        *("requested_minor", "payer_key", "payer_id", "payee_id", "instrument_id", "device_id"),
        *("parent_id", "retry_of", "created_at", "facts"),
    }
)
_CHANGING: Final = tuple(column.name for column in PAYMENTS.c if column.name not in _FIXED)

INSERT_PAYMENT: Final = Statement(sa.insert(PAYMENTS), rows=1, name="insert payment")
SAVE_PAYMENT: Final = Statement(
    sa.update(PAYMENTS)
    .where(
        PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYMENTS.c.payment_id == sa.bindparam("payment_id"),
        PAYMENTS.c.version == sa.bindparam("before"),
    )
    .values({name: sa.bindparam(name) for name in _CHANGING}),
    rows=1,
    name="save payment",
)
PAYMENT_BY_ID: Final = Statement(
    sa.select(PAYMENTS).where(
        PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYMENTS.c.mode == sa.bindparam("mode"),
        PAYMENTS.c.payment_id == sa.bindparam("payment_id"),
    ),
    name="payment",
)
PAYMENT_BY_REFERENCE: Final = Statement(
    sa.select(PAYMENTS.c.payment_id).where(
        PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYMENTS.c.mode == sa.bindparam("mode"),
        PAYMENTS.c.reference == sa.bindparam("reference"),
    ),
    name="payment by reference",
)

INSERT_TOKEN: Final = Statement(sa.insert(TOKENS), rows=1, name="insert payment token")
# What makes a token work once: active, not expired, and this payment's, or no row.
SPEND_TOKEN: Final = Statement(
    sa.update(TOKENS)
    .where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.jti == sa.bindparam("jti"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
        TOKENS.c.state == "active",
        TOKENS.c.expires_at > sa.bindparam("now"),
    )
    .values(state="spent", ended_at=sa.bindparam("now")),
    rows=1,
    name="spend payment token",
)
VOID_TOKEN: Final = Statement(
    sa.update(TOKENS)
    .where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.jti == sa.bindparam("jti"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
        TOKENS.c.state == "active",
    )
    .values(state="voided", ended_at=sa.bindparam("now")),
    rows=1,
    name="void payment token",
)
EXPIRE_TOKEN: Final = Statement(
    sa.update(TOKENS)
    .where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.jti == sa.bindparam("jti"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
        TOKENS.c.state == "active",
        TOKENS.c.expires_at <= sa.bindparam("now"),
    )
    .values(state="expired", ended_at=sa.bindparam("now")),
    rows=1,
    name="expire payment token",
)
TOKEN_BY_JTI: Final = Statement(
    sa.select(TOKENS).where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
        TOKENS.c.jti == sa.bindparam("jti"),
    ),
    name="payment token",
)
# A payment's one active token, for commands that know the payment and not the jti.
ACTIVE_TOKEN: Final = Statement(
    sa.select(TOKENS).where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
        TOKENS.c.state == "active",
    ),
    name="active payment token",
)

INSERT_REPORTED: Final = Statement(sa.insert(REPORTED), rows=1, name="insert reported event")
REPORTED_BY_ID: Final = Statement(
    sa.select(REPORTED.c.event_id, REPORTED.c.reply).where(
        REPORTED.c.tenant_id == sa.bindparam("tenant_id"),
        REPORTED.c.payment_id == sa.bindparam("payment_id"),
        REPORTED.c.source == sa.bindparam("source"),
        REPORTED.c.external_id == sa.bindparam("external_id"),
    ),
    name="reported event",
)

_ENCODER: Final = msgspec.json.Encoder()


def insert(payment: Payment) -> Bound:
    """Return the change that stores a new payment."""
    return INSERT_PAYMENT(**to_row(payment))


def save(payment: Payment, *, before: int) -> Bound:
    """Return the change that stores a payment over the version that was read.

    Args:
        payment: The payment after its events.
        before: The version it was folded onto.
    """
    row = to_row(payment)
    return SAVE_PAYMENT(
        tenant_id=payment.tenant_id,
        payment_id=payment.payment_id,
        before=before,
        **{name: row[name] for name in _CHANGING},
    )


def insert_token(claims: TokenClaims, *, tenant_id: str, now: dt.datetime) -> Bound:
    """Return the change that stores a new token, active until its claims' `exp`."""
    return INSERT_TOKEN(
        tenant_id=tenant_id,
        jti=claims.jti,
        payment_id=claims.txn,
        state="active",
        issued_at=now,
        expires_at=dt.datetime.fromtimestamp(claims.exp, dt.UTC),
        ended_at=None,
        claims=_ENCODER.encode(claims),
    )


def claims_of(row: Row) -> TokenClaims:
    """Return the claims that a token was issued over."""
    return msgspec.json.decode(row["claims"], type=TokenClaims)


def insert_reported(
    reply: EventReply, *, tenant_id: str, source: str, external_id: str, now: dt.datetime
) -> Bound:
    """Return the change that keeps an event's answer under the name its source gave it."""
    return INSERT_REPORTED(
        tenant_id=tenant_id,
        payment_id=reply.payment_id,
        source=source,
        external_id=external_id,
        event_id=reply.id,
        reply=_ENCODER.encode(reply),
        recorded_at=now,
    )


def reported_reply(row: Row) -> EventReply:
    """Return the answer that an event got the first time."""
    return msgspec.json.decode(row["reply"], type=EventReply)


def by_id(payment_id: str, *, tenant_id: str, merchant_id: str, mode: Mode) -> Bound:
    """Return the read of a merchant's payment."""
    return PAYMENT_BY_ID(
        tenant_id=tenant_id, merchant_id=merchant_id, mode=mode, payment_id=payment_id
    )
