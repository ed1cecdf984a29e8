"""The first tables of payers."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "payer_links",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("payer_id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("first_paid_at", Instant(), nullable=True),
        sa.Column("asserted_since", Instant(), nullable=True),
        sa.Column("proved_at", Instant(), nullable=True),
        sa.Column("fraud_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('device', 'payee', 'instrument')", name=op.f("ck_payer_links_kind")
        ),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_payer_links_mode")),
        sa.PrimaryKeyConstraint(
            "tenant_id",
            "merchant_id",
            "mode",
            "payer_id",
            "kind",
            "key",
            name=op.f("pk_payer_links"),
        ),
    )
    op.create_table(
        "payers",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("payer_id", sa.String(length=64), nullable=False),
        sa.Column("small_consent_at", Instant(), nullable=True),
        sa.Column("small_consent_withdrawn_at", Instant(), nullable=True),
        sa.Column("is_protected", sa.Boolean(), nullable=False),
        sa.Column("is_protected_small_allowed", sa.Boolean(), nullable=False),
        sa.Column("account_created_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_payers_mode")),
        sa.CheckConstraint(
            "small_consent_withdrawn_at IS NULL OR small_consent_at IS NOT NULL",
            name=op.f("ck_payers_small_consent"),
        ),
        sa.CheckConstraint("version >= 1", name=op.f("ck_payers_version")),
        sa.PrimaryKeyConstraint(
            "tenant_id", "merchant_id", "mode", "payer_id", name=op.f("pk_payers")
        ),
    )


def downgrade() -> None:
    op.drop_table("payers")
    op.drop_table("payer_links")
