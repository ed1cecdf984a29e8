"""Tables of tenants, merchants and API keys. Hold no key, only keyed hashes."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

TENANTS: Final = sa.Table(
    "tenants",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    # The directory of shards: which writer holds this tenant's rows.
    sa.Column("shard", sa.Integer, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.CheckConstraint("shard >= 0", name="shard"),
)

MERCHANTS: Final = sa.Table(
    "merchants",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("name", sa.String(120), nullable=False),
    sa.Column("preset", sa.String(16), nullable=False),
    sa.Column("review_mode", sa.String(16), nullable=False),
    # JSON by currency: a handful, read with the row and never searched.
    sa.Column("limits", sa.String(4_096), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"]),
    sa.UniqueConstraint("merchant_id"),
    one_of("preset", ("judge_only", "CN")),
    one_of("review_mode", ("hold", "before_capture")),
    one_of("status", ("active", "suspended")),
    sa.CheckConstraint("version >= 1", name="version"),
)

API_KEYS: Final = sa.Table(
    "api_keys",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("key_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    # Words of the closed set, sorted, one space between them.
    sa.Column("scopes", sa.String(400), nullable=False),
    sa.Column("secret_hash", sa.LargeBinary(32), nullable=False),
    sa.Column("label", sa.String(64), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=True),
    sa.Column("revoked_at", Instant, nullable=True),
    sa.ForeignKeyConstraint(
        ["tenant_id", "merchant_id"], ["merchants.tenant_id", "merchants.merchant_id"]
    ),
    sa.UniqueConstraint("secret_hash"),
    one_of("mode", ("live", "sandbox")),
    one_of("state", ("active", "revoked")),
    sa.CheckConstraint("(state = 'revoked') = (revoked_at IS NOT NULL)", name="revoked"),
    sa.CheckConstraint("mode = 'sandbox' OR scopes NOT LIKE '%replay%'", name="replay"),
    sa.Index("ix_api_keys_merchant_id", "tenant_id", "merchant_id"),
)
