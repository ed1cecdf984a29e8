"""Tables of endpoints, their keys, and deliveries. Keys lie in them sealed only."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of
from service.rooms.webhooks.contract import ENDPOINTS_MAX
from service.unit_of_work.tables import ID

ENDPOINTS: Final = sa.Table(
    "webhook_endpoints",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("endpoint_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    # Which of its merchant's places it takes in this mode; a deleted one takes none.
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("url", sa.String(1_024), nullable=False),
    sa.Column("description", sa.String(120), nullable=False),
    # Types of events with a blank between them; empty: all.
    sa.Column("kinds", sa.String(1_024), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("disabled_because", sa.String(16), nullable=True),
    sa.Column("failing_since", Instant, nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "merchant_id"], ["merchants.tenant_id", "merchants.merchant_id"]
    ),
    one_of("mode", ("live", "sandbox")),
    one_of("state", ("enabled", "disabled", "deleted")),
    one_of("disabled_because", ("merchant", "gone")),
    sa.CheckConstraint("(state = 'disabled') = (disabled_because IS NOT NULL)", name="because"),
    sa.CheckConstraint("version >= 1", name="version"),
    sa.CheckConstraint(f"place BETWEEN 1 AND {ENDPOINTS_MAX}", name="place"),
    # Two that take the last place at once: the second's insert fails.
    sa.Index(
        "uq_webhook_endpoints_place",
        *("tenant_id", "merchant_id", "mode", "place"),
        unique=True,
        sqlite_where=sa.text("state <> 'deleted'"),
        postgresql_where=sa.text("state <> 'deleted'"),
    ),
    sa.Index("ix_webhook_endpoints_merchant_id", "tenant_id", "merchant_id", "mode"),
    sa.Index(
        "ix_webhook_endpoints_enabled",
        "endpoint_id",
        sqlite_where=sa.text("state = 'enabled'"),
        postgresql_where=sa.text("state = 'enabled'"),
    ),
)

SECRETS: Final = sa.Table(
    "webhook_secrets",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("secret_id", ID, primary_key=True),
    sa.Column("endpoint_id", ID, nullable=False),
    sa.Column("public_key", ID, nullable=False),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    # None for the newest; the one before signs until then.
    sa.Column("expires_at", Instant, nullable=True),
    sa.ForeignKeyConstraint(
        ["tenant_id", "endpoint_id"],
        ["webhook_endpoints.tenant_id", "webhook_endpoints.endpoint_id"],
    ),
    # One is the newest: whoever comes second, its insert fails.
    sa.Index(
        "uq_webhook_secrets_newest",
        *("tenant_id", "endpoint_id"),
        unique=True,
        sqlite_where=sa.text("expires_at IS NULL"),
        postgresql_where=sa.text("expires_at IS NULL"),
    ),
    sa.Index("ix_webhook_secrets_endpoint_id", "tenant_id", "endpoint_id"),
)

# How far a tenant's outbox was read. A tenant that never had an endpoint has no row, and costs
# nothing.
CURSORS: Final = sa.Table(
    "webhook_cursors",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("ordinal", sa.Integer, nullable=False),
)

# The bytes that each attempt sends: written once, whatever a later version would say.
EVENTS: Final = sa.Table(
    "webhook_events",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("event_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    one_of("mode", ("live", "sandbox")),
    sa.Index("ix_webhook_events_created_at", "created_at"),
)

DELIVERIES: Final = sa.Table(
    "webhook_deliveries",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("delivery_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("endpoint_id", ID, nullable=False),
    sa.Column("event_id", ID, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    # From where the three days count: a replay begins anew.
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("next_attempt_at", Instant, nullable=True),
    sa.Column("last_status", sa.Integer, nullable=True),
    sa.Column("last_cause", sa.String(16), nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=True),
    sa.ForeignKeyConstraint(
        ["tenant_id", "endpoint_id"],
        ["webhook_endpoints.tenant_id", "webhook_endpoints.endpoint_id"],
    ),
    sa.ForeignKeyConstraint(
        ["tenant_id", "event_id"], ["webhook_events.tenant_id", "webhook_events.event_id"]
    ),
    # One event reaches one endpoint by one row, and so once as state.
    sa.UniqueConstraint("tenant_id", "event_id", "endpoint_id"),
    one_of("mode", ("live", "sandbox")),
    one_of("state", ("pending", "delivered", "failed", "skipped")),
    sa.CheckConstraint("attempts >= 0", name="attempts"),
    sa.CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name="next"),
    sa.CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name="ended"),
    sa.Index(
        "ix_webhook_deliveries_due",
        *("tenant_id", "endpoint_id", "next_attempt_at"),
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    ),
    sa.Index(
        "ix_webhook_deliveries_endpoint_id",
        *("tenant_id", "endpoint_id", "created_at", "delivery_id"),
    ),
    sa.Index("ix_webhook_deliveries_created_at", "created_at"),
)
