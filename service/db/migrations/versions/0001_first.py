"""The first tables."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0001"
down_revision = None
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
        sa.Column("salt", sa.LargeBinary(length=16), nullable=False),
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
        "entities",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key", sa.String(length=160), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("feature_set", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "mode", "kind", "key", name=op.f("pk_entities")),
    )
    op.create_table(
        "entries",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("log", sa.String(length=16), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("payment_id", sa.String(length=64), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(length=32), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "merchant_id", "number", name=op.f("pk_entries")),
        sa.UniqueConstraint("log", "position", name=op.f("uq_entries_log_position")),
    )
    op.create_index("ix_entries_payment_id", "entries", ["tenant_id", "payment_id"], unique=False)
    op.create_table(
        "entry_numbers",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "merchant_id", name=op.f("pk_entry_numbers")),
    )
    op.create_table(
        "events",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("occurred_at", Instant(), nullable=False),
        sa.Column("ingested_at", Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("observations", sa.LargeBinary(), nullable=True),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_events_mode")),
        sa.PrimaryKeyConstraint(
            "tenant_id", "subject_id", "sequence", "ordinal", name=op.f("pk_events")
        ),
    )
    op.create_index("ix_events_sequence", "events", ["sequence"], unique=False)
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
    op.create_table(
        "faulted_commands",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("fault_id", sa.String(length=64), nullable=False),
        sa.Column("command", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("cause", sa.String(length=400), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "fault_id", name=op.f("pk_faulted_commands")),
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=160), nullable=False),
        sa.Column("route", sa.String(length=160), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(length=32), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=True),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint(
            "tenant_id", "owner", "route", "key_hash", name=op.f("pk_idempotency")
        ),
    )
    op.create_index("ix_idempotency_created_at", "idempotency", ["created_at"], unique=False)
    op.create_table(
        "messages",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("schema", sa.Integer(), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "sequence", "ordinal", name=op.f("pk_messages")),
    )
    op.create_index("ix_messages_subject_id", "messages", ["tenant_id", "subject_id"], unique=False)
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
    op.create_table(
        "signing_keys",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("kid", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("public_key", sa.String(length=512), nullable=False),
        sa.Column("sealed_private", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("purpose IN ('payment_token')", name=op.f("ck_signing_keys_purpose")),
        sa.CheckConstraint("state IN ('active', 'retired')", name=op.f("ck_signing_keys_state")),
        sa.PrimaryKeyConstraint("tenant_id", "kid", name=op.f("pk_signing_keys")),
    )
    op.create_index(
        "uq_signing_keys_active",
        "signing_keys",
        ["tenant_id", "purpose"],
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("shard >= 0", name=op.f("ck_tenants_shard")),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "writer",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("folded", sa.BigInteger(), nullable=False),
        sa.Column("now", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_writer")),
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
    op.drop_table("writer")
    op.drop_table("tenants")
    op.drop_index(
        "uq_signing_keys_active",
        table_name="signing_keys",
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    )
    op.drop_table("signing_keys")
    op.drop_table("payers")
    op.drop_table("payer_links")
    op.drop_index("ix_messages_subject_id", table_name="messages")
    op.drop_table("messages")
    op.drop_index("ix_idempotency_created_at", table_name="idempotency")
    op.drop_table("idempotency")
    op.drop_table("faulted_commands")
    op.drop_table("exemption_counters")
    op.drop_index("ix_events_sequence", table_name="events")
    op.drop_table("events")
    op.drop_table("entry_numbers")
    op.drop_index("ix_entries_payment_id", table_name="entries")
    op.drop_table("entries")
    op.drop_table("entities")
    op.drop_table("day_sums")
    op.drop_index("ix_assessments_subject_id", table_name="assessments")
    op.drop_table("assessments")
