"""The first tables of merchants."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("shard >= 0", name=op.f("ck_tenants_shard")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "merchants",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("preset", sa.String(length=16), nullable=False),
        sa.Column("review_mode", sa.String(length=16), nullable=False),
        sa.Column("limits", sa.String(length=4096), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("preset IN ('judge_only', 'CN')", name=op.f("ck_merchants_preset")),
        sa.CheckConstraint(
            "review_mode IN ('hold', 'before_capture')", name=op.f("ck_merchants_review_mode")
        ),
        sa.CheckConstraint("status IN ('active', 'suspended')", name=op.f("ck_merchants_status")),
        sa.CheckConstraint("version >= 1", name=op.f("ck_merchants_version")),
        sa.ForeignKeyConstraint(
            ["tenant_id"], ["tenants.tenant_id"], name=op.f("fk_merchants_tenant_id_tenants")
        ),
        sa.PrimaryKeyConstraint("tenant_id", "merchant_id", name=op.f("pk_merchants")),
        sa.UniqueConstraint("merchant_id", name=op.f("uq_merchants_merchant_id")),
    )
    op.create_table(
        "api_keys",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("scopes", sa.String(length=400), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("label", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(state = 'revoked') = (revoked_at IS NOT NULL)", name=op.f("ck_api_keys_revoked")
        ),
        sa.CheckConstraint(
            "mode = 'sandbox' OR scopes NOT LIKE '%replay%'", name=op.f("ck_api_keys_replay")
        ),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_api_keys_mode")),
        sa.CheckConstraint("state IN ('active', 'revoked')", name=op.f("ck_api_keys_state")),
        sa.ForeignKeyConstraint(
            ["tenant_id", "merchant_id"],
            ["merchants.tenant_id", "merchants.merchant_id"],
            name=op.f("fk_api_keys_tenant_id_merchant_id_merchants"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "key_id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("secret_hash", name=op.f("uq_api_keys_secret_hash")),
    )
    op.create_index(
        "ix_api_keys_merchant_id", "api_keys", ["tenant_id", "merchant_id"], unique=False
    )


def downgrade() -> None:
    op.drop_index("ix_api_keys_merchant_id", table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_table("merchants")
    op.drop_table("tenants")
