"""Tables of payments: the folded row, its tokens, the events that others told. Holds no rule."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of
from service.rooms.payments.moves import STATUSES
from service.unit_of_work.tables import ID

TOKEN_STATES: Final = ("active", "spent", "voided", "expired")

PAYMENTS: Final = sa.Table(
    "payments",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("payment_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("reference", ID, nullable=True),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("currency", sa.String(3), nullable=False),
    sa.Column("requested_minor", sa.BigInteger, nullable=False),
    sa.Column("sent_minor", sa.BigInteger, nullable=True),
    sa.Column("authorized_minor", sa.BigInteger, nullable=True),
    sa.Column("executed_minor", sa.BigInteger, nullable=False),
    sa.Column("captured_minor", sa.BigInteger, nullable=False),
    sa.Column("settled_minor", sa.BigInteger, nullable=False),
    sa.Column("released_minor", sa.BigInteger, nullable=False),
    sa.Column("refunded_minor", sa.BigInteger, nullable=False),
    sa.Column("charged_back_minor", sa.BigInteger, nullable=False),
    sa.Column("lost_minor", sa.BigInteger, nullable=False),
    sa.Column("recovered_minor", sa.BigInteger, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("reason_code", sa.String(64), nullable=False),
    sa.Column("level", sa.Integer, nullable=True),
    sa.Column("liability", sa.String(16), nullable=False),
    sa.Column("assessment_id", ID, nullable=False),
    sa.Column("reviews_before_capture", sa.Boolean, nullable=False),
    sa.Column("payer_key", ID, nullable=False),
    sa.Column("payer_id", ID, nullable=True),
    sa.Column("payee_id", ID, nullable=False),
    sa.Column("instrument_id", ID, nullable=True),
    sa.Column("device_id", ID, nullable=True),
    sa.Column("parent_id", ID, nullable=True),
    sa.Column("retry_of", ID, nullable=True),
    sa.Column("exemption_state", sa.String(16), nullable=False),
    # What was counted, on which day and for whom: given back from here, exactly.
    sa.Column("exemption", sa.LargeBinary, nullable=True),
    sa.Column("approval_expires_at", Instant, nullable=True),
    sa.Column("authorization_expires_at", Instant, nullable=True),
    sa.Column("token_jti", ID, nullable=True),
    sa.Column("challenge_id", ID, nullable=True),
    sa.Column("hold_id", ID, nullable=True),
    sa.Column("suspended_from", sa.String(16), nullable=True),
    sa.Column("timer_at", Instant, nullable=True),
    sa.Column("timer_action", sa.String(16), nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("tenant_id", "merchant_id", "mode", "reference"),
    one_of("mode", ("live", "sandbox")),
    one_of("status", STATUSES),
    one_of("outcome", ("approve", "challenge", "review", "hold", "decline")),
    one_of("liability", ("merchant", "provider")),
    one_of("exemption_state", ("none", "counted", "returned")),
    one_of("suspended_from", ("executed", "captured")),
    one_of("timer_action", ("expire", "end", "no_answer", "lapse")),
    sa.CheckConstraint(
        "requested_minor >= 0 AND executed_minor >= 0 AND captured_minor >= 0"
        " AND settled_minor >= 0 AND released_minor >= 0 AND refunded_minor >= 0"
        " AND charged_back_minor >= 0 AND lost_minor >= 0 AND recovered_minor >= 0",
        name="amounts",
    ),
    # What our own command did. Reported amounts may exceed it; that opens a recovery.
    sa.CheckConstraint("sent_minor >= 0 AND sent_minor <= requested_minor", name="sent"),
    # Whatever the money of a payment did since, it was approved once and a token was spent.
    sa.CheckConstraint(
        "status NOT IN ('executing', 'unknown', 'executed', 'captured', 'suspended', 'settled',"
        " 'reversed') OR (sent_minor IS NOT NULL AND token_jti IS NOT NULL)",
        name="under_way",
    ),
    sa.CheckConstraint("(timer_at IS NULL) = (timer_action IS NULL)", name="timer"),
    sa.CheckConstraint(
        "(status = 'approved') = (approval_expires_at IS NOT NULL)", name="approval"
    ),
    sa.CheckConstraint(
        "(status = 'challenge_required') = (challenge_id IS NOT NULL)", name="challenge"
    ),
    sa.CheckConstraint("(status = 'held') = (hold_id IS NOT NULL)", name="hold"),
    sa.CheckConstraint("(status = 'suspended') = (suspended_from IS NOT NULL)", name="suspension"),
    sa.CheckConstraint("(exemption_state = 'none') = (exemption IS NULL)", name="exemption"),
    # One index a filter of the list, each in the list's order.
    sa.Index("ix_payments_created", "tenant_id", "merchant_id", "mode", "created_at", "payment_id"),
    sa.Index(
        "ix_payments_status",
        *("tenant_id", "merchant_id", "mode", "status", "created_at", "payment_id"),
    ),
    sa.Index(
        "ix_payments_payer",
        *("tenant_id", "merchant_id", "mode", "payer_id", "created_at", "payment_id"),
    ),
    sa.Index(
        "ix_payments_payee",
        *("tenant_id", "merchant_id", "mode", "payee_id", "created_at", "payment_id"),
    ),
    sa.Index(
        "ix_payments_timer",
        "timer_at",
        sqlite_where=sa.text("timer_at IS NOT NULL"),
        postgresql_where=sa.text("timer_at IS NOT NULL"),
    ),
)

TOKENS: Final = sa.Table(
    "payment_tokens",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("jti", ID, primary_key=True),
    sa.Column("payment_id", ID, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("issued_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    # When it was spent or voided.
    sa.Column("ended_at", Instant, nullable=True),
    sa.Column("claims", sa.LargeBinary, nullable=False),
    one_of("state", TOKEN_STATES),
    sa.CheckConstraint("(state = 'active') = (ended_at IS NULL)", name="ended"),
    sa.ForeignKeyConstraint(
        ("tenant_id", "payment_id"), ("payments.tenant_id", "payments.payment_id")
    ),
    # One token at a time may execute a payment.
    sa.Index(
        "uq_payment_tokens_active",
        "tenant_id",
        "payment_id",
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    ),
)

REPORTED: Final = sa.Table(
    "payment_event_ids",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("payment_id", ID, primary_key=True),
    sa.Column("source", ID, primary_key=True),
    sa.Column("external_id", sa.String(128), primary_key=True),
    sa.Column("event_id", ID, nullable=False),
    # The keyed hash of the first report would not help: what counts is that the answer to the
    # same name is the same, whatever else the report says this time.
    sa.Column("reply", sa.LargeBinary, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ("tenant_id", "payment_id"), ("payments.tenant_id", "payments.payment_id")
    ),
)
