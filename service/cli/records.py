"""Reads of the command line that know no tenant: one payment, whole; one fault. Writes nothing."""

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from service.cli.screen import Failure
from service.db.reader import Reader
from service.db.statements import Row, Statement
from service.rooms.assessments.tables import ASSESSMENTS
from service.rooms.merchants.tables import TENANTS
from service.rooms.payments.tables import PAYMENTS, TOKENS
from service.unit_of_work.events import EVENTS_OF
from service.unit_of_work.tables import ENTRIES, FAULTS, MESSAGES

# A payment has some dozen of each; of one with more, the oldest are shown.
ROWS_MAX: Final = 10_000

# The key begins with the tenant, so each tenant is looked up: an index seek a tenant.
PAYMENT_BY_ID: Final = Statement(
    sa.select(PAYMENTS)
    .select_from(TENANTS)
    .join(
        PAYMENTS,
        sa.and_(
            PAYMENTS.c.tenant_id == TENANTS.c.tenant_id,
            PAYMENTS.c.payment_id == sa.bindparam("payment_id"),
        ),
    ),
    name="payment by id alone",
)
FAULT_BY_ID: Final = Statement(
    sa.select(FAULTS).where(FAULTS.c.fault_id == sa.bindparam("fault_id")),
    name="fault by id alone",
)
ENTRIES_OF: Final = Statement(
    sa.select(ENTRIES.c.body)
    .where(
        ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTRIES.c.payment_id == sa.bindparam("payment_id"),
    )
    .order_by(ENTRIES.c.position)
    .limit(ROWS_MAX),
    name="entries of a payment",
)
MESSAGES_OF: Final = Statement(
    sa.select(
        MESSAGES.c.sequence,
        MESSAGES.c.batch,
        MESSAGES.c.created_at,
        MESSAGES.c.kind,
        MESSAGES.c.body,
    )
    .where(
        MESSAGES.c.tenant_id == sa.bindparam("tenant_id"),
        MESSAGES.c.subject_id == sa.bindparam("payment_id"),
    )
    .order_by(MESSAGES.c.sequence, MESSAGES.c.ordinal)
    .limit(ROWS_MAX),
    name="messages of a payment",
)
ASSESSMENTS_OF: Final = Statement(
    sa.select(
        ASSESSMENTS.c.assessment_id,
        ASSESSMENTS.c.stage,
        ASSESSMENTS.c.outcome,
        ASSESSMENTS.c.strategy_id,
        ASSESSMENTS.c.made_at,
    )
    .where(
        ASSESSMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        ASSESSMENTS.c.subject_id == sa.bindparam("payment_id"),
    )
    .order_by(ASSESSMENTS.c.made_at)
    .limit(ROWS_MAX),
    name="assessments of a payment",
)
TOKENS_OF: Final = Statement(
    sa.select(TOKENS.c.jti, TOKENS.c.state, TOKENS.c.issued_at, TOKENS.c.ended_at)
    .where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.payment_id == sa.bindparam("payment_id"),
    )
    .order_by(TOKENS.c.issued_at)
    .limit(ROWS_MAX),
    name="tokens of a payment",
)


class Records(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of one payment.

    Attributes:
        payment: Its row.
        events: The facts that it is the fold of.
        entries: Its audit entries, as their leaves hold them.
        messages: What was put into the outbox for it.
        assessments: Its judgements.
        tokens: Its payment tokens; a token's id, never the token.
    """

    payment: Row
    events: list[Row]
    entries: list[dict[str, Any]]
    messages: list[Row]
    assessments: list[Row]
    tokens: list[Row]


def find_payment(reader: Reader, payment_id: str) -> Row:
    """Return a payment's row.

    Raises:
        Failure: There is none.
        StoreUnavailable: The database cannot be read.
    """
    row = reader.maybe(PAYMENT_BY_ID(payment_id=payment_id))
    if row is None:
        raise Failure(
            "payment_not_found",
            f"there is no payment {payment_id} here",
            then="check the id; PAYGUARD_DATA_DIR says where to look",
        )
    return row


def events_of(reader: Reader, payment: Row) -> list[Row]:
    """Return a payment's events, the oldest first."""
    read = EVENTS_OF(
        tenant_id=payment["tenant_id"],
        merchant_id=payment["merchant_id"],
        subject_id=payment["payment_id"],
        limit=ROWS_MAX,
    )
    return reader.fetch(read)


def records_of(reader: Reader, payment_id: str) -> Records:
    """Return all that is stored of a payment.

    Raises:
        Failure: There is none.
        StoreUnavailable: The database cannot be read.
    """
    payment = find_payment(reader, payment_id)
    owner = {"tenant_id": payment["tenant_id"], "payment_id": payment_id}
    return Records(
        payment=payment,
        events=events_of(reader, payment),
        entries=[msgspec.json.decode(row["body"]) for row in reader.fetch(ENTRIES_OF(**owner))],
        messages=reader.fetch(MESSAGES_OF(**owner)),
        assessments=reader.fetch(ASSESSMENTS_OF(**owner)),
        tokens=reader.fetch(TOKENS_OF(**owner)),
    )
