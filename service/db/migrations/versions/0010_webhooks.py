"""What the tables of webhooks gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('webhook_cursors',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('sequence', sa.BigInteger(), nullable=False),
    sa.Column('ordinal', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', name=op.f('pk_webhook_cursors'))
    )
    op.create_table('webhook_events',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('event_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('kind', sa.String(length=64), nullable=False),
    sa.Column('subject_id', sa.String(length=64), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_webhook_events_mode')),
    sa.PrimaryKeyConstraint('tenant_id', 'event_id', name=op.f('pk_webhook_events'))
    )
    with op.batch_alter_table('webhook_events', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_events_created_at', ['created_at'], unique=False)

    op.create_table('webhook_endpoints',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('endpoint_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('place', sa.Integer(), nullable=False),
    sa.Column('url', sa.String(length=1024), nullable=False),
    sa.Column('description', sa.String(length=120), nullable=False),
    sa.Column('kinds', sa.String(length=1024), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('disabled_because', sa.String(length=16), nullable=True),
    sa.Column('failing_since', Instant(), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.CheckConstraint("(state = 'disabled') = (disabled_because IS NOT NULL)", name=op.f('ck_webhook_endpoints_because')),
    sa.CheckConstraint("disabled_because IN ('merchant', 'gone')", name=op.f('ck_webhook_endpoints_disabled_because')),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_webhook_endpoints_mode')),
    sa.CheckConstraint("state IN ('enabled', 'disabled', 'deleted')", name=op.f('ck_webhook_endpoints_state')),
    sa.CheckConstraint('place BETWEEN 1 AND 20', name=op.f('ck_webhook_endpoints_place')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_webhook_endpoints_version')),
    sa.ForeignKeyConstraint(['tenant_id', 'merchant_id'], ['merchants.tenant_id', 'merchants.merchant_id'], name=op.f('fk_webhook_endpoints_tenant_id_merchant_id_merchants')),
    sa.PrimaryKeyConstraint('tenant_id', 'endpoint_id', name=op.f('pk_webhook_endpoints'))
    )
    with op.batch_alter_table('webhook_endpoints', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_endpoints_enabled', ['endpoint_id'], unique=False, sqlite_where=sa.text("state = 'enabled'"), postgresql_where=sa.text("state = 'enabled'"))
        batch_op.create_index('ix_webhook_endpoints_merchant_id', ['tenant_id', 'merchant_id', 'mode'], unique=False)
        batch_op.create_index('uq_webhook_endpoints_place', ['tenant_id', 'merchant_id', 'mode', 'place'], unique=True, sqlite_where=sa.text("state <> 'deleted'"), postgresql_where=sa.text("state <> 'deleted'"))

    op.create_table('webhook_deliveries',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('delivery_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('endpoint_id', sa.String(length=64), nullable=False),
    sa.Column('event_id', sa.String(length=64), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('started_at', Instant(), nullable=False),
    sa.Column('next_attempt_at', Instant(), nullable=True),
    sa.Column('last_status', sa.Integer(), nullable=True),
    sa.Column('last_cause', sa.String(length=16), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('ended_at', Instant(), nullable=True),
    sa.CheckConstraint("(state = 'pending') = (ended_at IS NULL)", name=op.f('ck_webhook_deliveries_ended')),
    sa.CheckConstraint("(state = 'pending') = (next_attempt_at IS NOT NULL)", name=op.f('ck_webhook_deliveries_next')),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_webhook_deliveries_mode')),
    sa.CheckConstraint("state IN ('pending', 'delivered', 'failed', 'skipped')", name=op.f('ck_webhook_deliveries_state')),
    sa.CheckConstraint('attempts >= 0', name=op.f('ck_webhook_deliveries_attempts')),
    sa.ForeignKeyConstraint(['tenant_id', 'endpoint_id'], ['webhook_endpoints.tenant_id', 'webhook_endpoints.endpoint_id'], name=op.f('fk_webhook_deliveries_tenant_id_endpoint_id_webhook_endpoints')),
    sa.ForeignKeyConstraint(['tenant_id', 'event_id'], ['webhook_events.tenant_id', 'webhook_events.event_id'], name=op.f('fk_webhook_deliveries_tenant_id_event_id_webhook_events')),
    sa.PrimaryKeyConstraint('tenant_id', 'delivery_id', name=op.f('pk_webhook_deliveries')),
    sa.UniqueConstraint('tenant_id', 'event_id', 'endpoint_id', name=op.f('uq_webhook_deliveries_tenant_id_event_id_endpoint_id'))
    )
    with op.batch_alter_table('webhook_deliveries', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_deliveries_created_at', ['created_at'], unique=False)
        batch_op.create_index('ix_webhook_deliveries_due', ['tenant_id', 'endpoint_id', 'next_attempt_at'], unique=False, sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.create_index('ix_webhook_deliveries_endpoint_id', ['tenant_id', 'endpoint_id', 'created_at', 'delivery_id'], unique=False)

    op.create_table('webhook_secrets',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('secret_id', sa.String(length=64), nullable=False),
    sa.Column('endpoint_id', sa.String(length=64), nullable=False),
    sa.Column('public_key', sa.String(length=64), nullable=False),
    sa.Column('sealed', sa.LargeBinary(), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('expires_at', Instant(), nullable=True),
    sa.ForeignKeyConstraint(['tenant_id', 'endpoint_id'], ['webhook_endpoints.tenant_id', 'webhook_endpoints.endpoint_id'], name=op.f('fk_webhook_secrets_tenant_id_endpoint_id_webhook_endpoints')),
    sa.PrimaryKeyConstraint('tenant_id', 'secret_id', name=op.f('pk_webhook_secrets'))
    )
    with op.batch_alter_table('webhook_secrets', schema=None) as batch_op:
        batch_op.create_index('ix_webhook_secrets_endpoint_id', ['tenant_id', 'endpoint_id'], unique=False)
        batch_op.create_index('uq_webhook_secrets_newest', ['tenant_id', 'endpoint_id'], unique=True, sqlite_where=sa.text('expires_at IS NULL'), postgresql_where=sa.text('expires_at IS NULL'))



def downgrade() -> None:
    with op.batch_alter_table('webhook_secrets', schema=None) as batch_op:
        batch_op.drop_index('uq_webhook_secrets_newest', sqlite_where=sa.text('expires_at IS NULL'), postgresql_where=sa.text('expires_at IS NULL'))
        batch_op.drop_index('ix_webhook_secrets_endpoint_id')

    op.drop_table('webhook_secrets')
    with op.batch_alter_table('webhook_deliveries', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_deliveries_endpoint_id')
        batch_op.drop_index('ix_webhook_deliveries_due', sqlite_where=sa.text("state = 'pending'"), postgresql_where=sa.text("state = 'pending'"))
        batch_op.drop_index('ix_webhook_deliveries_created_at')

    op.drop_table('webhook_deliveries')
    with op.batch_alter_table('webhook_endpoints', schema=None) as batch_op:
        batch_op.drop_index('uq_webhook_endpoints_place', sqlite_where=sa.text("state <> 'deleted'"), postgresql_where=sa.text("state <> 'deleted'"))
        batch_op.drop_index('ix_webhook_endpoints_merchant_id')
        batch_op.drop_index('ix_webhook_endpoints_enabled', sqlite_where=sa.text("state = 'enabled'"), postgresql_where=sa.text("state = 'enabled'"))

    op.drop_table('webhook_endpoints')
    with op.batch_alter_table('webhook_events', schema=None) as batch_op:
        batch_op.drop_index('ix_webhook_events_created_at')

    op.drop_table('webhook_events')
    op.drop_table('webhook_cursors')
