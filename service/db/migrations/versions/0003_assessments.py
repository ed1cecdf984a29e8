"""The first tables of assessments."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "assessments",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("assessment_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("strategy_id", sa.String(length=64), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("judged", sa.LargeBinary(), nullable=False),
        sa.Column("inputs", sa.LargeBinary(), nullable=False),
        sa.Column("features", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_assessments_mode")),
        sa.CheckConstraint(
            "outcome IN ('approve', 'challenge', 'review', 'hold', 'decline')",
            name=op.f("ck_assessments_outcome"),
        ),
        sa.CheckConstraint(
            "stage IN ('account', 'pre_payment', 'in_flight', 'post_payment', 'payout')",
            name=op.f("ck_assessments_stage"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "assessment_id", name=op.f("pk_assessments")),
    )
    op.create_index(
        "ix_assessments_subject_id", "assessments", ["tenant_id", "subject_id"], unique=False
    )
    op.create_table(
        "day_sums",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("payer_key", sa.String(length=96), nullable=False),
        sa.Column("day", sa.String(length=10), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("limit_code", sa.String(length=16), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "limit_code IN ('level_1', 'level_2', 'static_qr')", name=op.f("ck_day_sums_limit_code")
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_day_sums_amount_minor")),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "merchant_id",
            "mode",
            "payer_key",
            "day",
            "currency",
            "limit_code",
            name=op.f("pk_day_sums"),
        ),
    )
    op.create_table(
        "exemption_counters",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("scope", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=96), nullable=False),
        sa.Column("currency", sa.String(length=3), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("amount_minor", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "scope IN ('payer', 'instrument', 'device')", name=op.f("ck_exemption_counters_scope")
        ),
        sa.CheckConstraint("amount_minor >= 0", name=op.f("ck_exemption_counters_amount_minor")),
        sa.CheckConstraint("count >= 0", name=op.f("ck_exemption_counters_count")),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "merchant_id",
            "mode",
            "scope",
            "key",
            "currency",
            name=op.f("pk_exemption_counters"),
        ),
    )


def downgrade() -> None:
    op.drop_table("exemption_counters")
    op.drop_table("day_sums")
    op.drop_index("ix_assessments_subject_id", table_name="assessments")
    op.drop_table("assessments")
