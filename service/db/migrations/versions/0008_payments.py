"""The first tables of payments."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payments",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("reference", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("requested_minor", sa.BigInteger(), nullable=False),
        sa.Column("sent_minor", sa.BigInteger(), nullable=True),
        sa.Column("authorized_minor", sa.BigInteger(), nullable=True),
        sa.Column("executed_minor", sa.BigInteger(), nullable=False),
        sa.Column("captured_minor", sa.BigInteger(), nullable=False),
        sa.Column("settled_minor", sa.BigInteger(), nullable=False),
        sa.Column("released_minor", sa.BigInteger(), nullable=False),
        sa.Column("refunded_minor", sa.BigInteger(), nullable=False),
        sa.Column("charged_back_minor", sa.BigInteger(), nullable=False),
        sa.Column("lost_minor", sa.BigInteger(), nullable=False),
        sa.Column("recovered_minor", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=True),
        sa.Column("liability", sa.String(length=16), nullable=False),
        sa.Column("assessment_id", sa.String(length=64), nullable=False),
        sa.Column("reviews_before_capture", sa.Boolean(), nullable=False),
        sa.Column("payer_key", sa.String(length=64), nullable=False),
        sa.Column("payer_id", sa.String(length=64), nullable=True),
        sa.Column("payee_id", sa.String(length=64), nullable=False),
        sa.Column("instrument_id", sa.String(length=64), nullable=True),
        sa.Column("device_id", sa.String(length=64), nullable=True),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("retry_of", sa.String(length=64), nullable=True),
        sa.Column("exemption_state", sa.String(length=16), nullable=False),
        sa.Column("exemption", sa.LargeBinary(), nullable=True),
        sa.Column("approval_expires_at", Instant(), nullable=True),
        sa.Column("authorization_expires_at", Instant(), nullable=True),
        sa.Column("token_jti", sa.String(length=64), nullable=True),
        sa.Column("challenge_id", sa.String(length=64), nullable=True),
        sa.Column("hold_id", sa.String(length=64), nullable=True),
        sa.Column("suspended_from", sa.String(length=16), nullable=True),
        sa.Column("timer_at", Instant(), nullable=True),
        sa.Column("timer_action", sa.String(length=16), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("facts", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(exemption_state = 'none') = (exemption IS NULL)", name=op.f("ck_payments_exemption")
        ),
        sa.CheckConstraint(
            "(status = 'approved') = (approval_expires_at IS NOT NULL)",
            name=op.f("ck_payments_approval"),
        ),
        sa.CheckConstraint(
            "(status = 'challenge_required') = (challenge_id IS NOT NULL)",
            name=op.f("ck_payments_challenge"),
        ),
        sa.CheckConstraint(
            "(status = 'held') = (hold_id IS NOT NULL)", name=op.f("ck_payments_hold")
        ),
        sa.CheckConstraint(
            "(status = 'suspended') = (suspended_from IS NOT NULL)",
            name=op.f("ck_payments_suspension"),
        ),
        sa.CheckConstraint(
            "exemption_state IN ('none', 'counted', 'returned')",
            name=op.f("ck_payments_exemption_state"),
        ),
        sa.CheckConstraint(
            "liability IN ('merchant', 'provider')", name=op.f("ck_payments_liability")
        ),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_payments_mode")),
        sa.CheckConstraint(
            "outcome IN ('approve', 'challenge', 'review', 'hold', 'decline')",
            name=op.f("ck_payments_outcome"),
        ),
        sa.CheckConstraint(
            "status IN ('approved', 'challenge_required', 'held', 'declined', 'cancelled', 'expired', 'executing', 'unknown', 'executed', 'captured', 'suspended', 'failed', 'settled', 'reversed')",
            name=op.f("ck_payments_status"),
        ),
        sa.CheckConstraint(
            "status NOT IN ('executing', 'unknown', 'executed', 'captured', 'suspended', 'settled', 'reversed') OR (sent_minor IS NOT NULL AND token_jti IS NOT NULL)",
            name=op.f("ck_payments_under_way"),
        ),
        sa.CheckConstraint(
            "suspended_from IN ('executed', 'captured')", name=op.f("ck_payments_suspended_from")
        ),
        sa.CheckConstraint(
            "timer_action IN ('expire', 'end', 'no_answer', 'lapse')",
            name=op.f("ck_payments_timer_action"),
        ),
        sa.CheckConstraint(
            "(timer_at IS NULL) = (timer_action IS NULL)", name=op.f("ck_payments_timer")
        ),
        sa.CheckConstraint(
            "requested_minor >= 0 AND executed_minor >= 0 AND captured_minor >= 0 AND settled_minor >= 0 AND released_minor >= 0 AND refunded_minor >= 0 AND charged_back_minor >= 0 AND lost_minor >= 0 AND recovered_minor >= 0",
            name=op.f("ck_payments_amounts"),
        ),
        sa.CheckConstraint(
            "sent_minor >= 0 AND sent_minor <= requested_minor", name=op.f("ck_payments_sent")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "payment_id", name=op.f("pk_payments")),
        sa.UniqueConstraint(
            "tenant_id",
            "merchant_id",
            "mode",
            "reference",
            name=op.f("uq_payments_tenant_id_merchant_id_mode_reference"),
        ),
    )
    op.create_index(
        "ix_payments_created",
        "payments",
        ["tenant_id", "merchant_id", "mode", "created_at", "payment_id"],
        unique=False,
    )
    op.create_index(
        "ix_payments_payee",
        "payments",
        ["tenant_id", "merchant_id", "mode", "payee_id", "created_at", "payment_id"],
        unique=False,
    )
    op.create_index(
        "ix_payments_payer",
        "payments",
        ["tenant_id", "merchant_id", "mode", "payer_id", "created_at", "payment_id"],
        unique=False,
    )
    op.create_index(
        "ix_payments_status",
        "payments",
        ["tenant_id", "merchant_id", "mode", "status", "created_at", "payment_id"],
        unique=False,
    )
    op.create_index(
        "ix_payments_timer",
        "payments",
        ["timer_at"],
        unique=False,
        sqlite_where=sa.text("timer_at IS NOT NULL"),
        postgresql_where=sa.text("timer_at IS NOT NULL"),
    )
    op.create_table(
        "payment_event_ids",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=128), nullable=False),
        sa.Column("event_id", sa.String(length=64), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("recorded_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payment_id"],
            ["payments.tenant_id", "payments.payment_id"],
            name=op.f("fk_payment_event_ids_tenant_id_payment_id_payments"),
        ),
        sa.PrimaryKeyConstraint(
            "tenant_id", "payment_id", "source", "external_id", name=op.f("pk_payment_event_ids")
        ),
    )
    op.create_table(
        "payment_tokens",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("jti", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("issued_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("claims", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint(
            "(state = 'active') = (ended_at IS NULL)", name=op.f("ck_payment_tokens_ended")
        ),
        sa.CheckConstraint(
            "state IN ('active', 'spent', 'voided', 'expired')",
            name=op.f("ck_payment_tokens_state"),
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "payment_id"],
            ["payments.tenant_id", "payments.payment_id"],
            name=op.f("fk_payment_tokens_tenant_id_payment_id_payments"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "jti", name=op.f("pk_payment_tokens")),
    )
    op.create_index(
        "uq_payment_tokens_active",
        "payment_tokens",
        ["tenant_id", "payment_id"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_payment_tokens_active",
        table_name="payment_tokens",
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.drop_table("payment_tokens")
    op.drop_table("payment_event_ids")
    op.drop_index(
        "ix_payments_timer",
        table_name="payments",
        sqlite_where=sa.text("timer_at IS NOT NULL"),
        postgresql_where=sa.text("timer_at IS NOT NULL"),
    )
    op.drop_index("ix_payments_status", table_name="payments")
    op.drop_index("ix_payments_payer", table_name="payments")
    op.drop_index("ix_payments_payee", table_name="payments")
    op.drop_index("ix_payments_created", table_name="payments")
    op.drop_table("payments")
