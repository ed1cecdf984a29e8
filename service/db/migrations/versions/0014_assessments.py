"""What the tables of assessments gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('assessed_actions',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('assessment_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('event', sa.String(length=16), nullable=False),
    sa.Column('status', sa.String(length=24), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('outcome', sa.String(length=16), nullable=False),
    sa.Column('reason_code', sa.String(length=64), nullable=False),
    sa.Column('level', sa.Integer(), nullable=True),
    sa.Column('payer_key', sa.String(length=64), nullable=False),
    sa.Column('payer_id', sa.String(length=64), nullable=True),
    sa.Column('challenge_id', sa.String(length=64), nullable=True),
    sa.Column('hold_id', sa.String(length=64), nullable=True),
    sa.Column('timer_at', Instant(), nullable=True),
    sa.Column('timer_action', sa.String(length=16), nullable=True),
    sa.Column('credentials_changed_at', Instant(), nullable=True),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('updated_at', Instant(), nullable=False),
    sa.Column('facts', sa.LargeBinary(), nullable=False),
    sa.CheckConstraint("(status = 'challenge_required') = (challenge_id IS NOT NULL)", name=op.f('ck_assessed_actions_challenge')),
    sa.CheckConstraint("(status = 'held') = (hold_id IS NOT NULL)", name=op.f('ck_assessed_actions_hold')),
    sa.CheckConstraint("(status IN ('challenge_required', 'held')) = (timer_at IS NOT NULL AND timer_action IS NOT NULL)", name=op.f('ck_assessed_actions_timer')),
    sa.CheckConstraint("credentials_changed_at IS NULL OR (status = 'approved' AND event = 'account_change')", name=op.f('ck_assessed_actions_credentials')),
    sa.CheckConstraint("event IN ('login', 'sign_up', 'account_change', 'new_payee', 'payout')", name=op.f('ck_assessed_actions_event')),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_assessed_actions_mode')),
    sa.CheckConstraint("outcome IN ('approve', 'challenge', 'review', 'hold', 'decline')", name=op.f('ck_assessed_actions_outcome')),
    sa.CheckConstraint("status IN ('approved', 'challenge_required', 'held', 'declined', 'cancelled', 'expired')", name=op.f('ck_assessed_actions_status')),
    sa.CheckConstraint("timer_action IN ('expire', 'end')", name=op.f('ck_assessed_actions_timer_action')),
    sa.CheckConstraint('version >= 1', name=op.f('ck_assessed_actions_version')),
    sa.ForeignKeyConstraint(['tenant_id', 'assessment_id'], ['assessments.tenant_id', 'assessments.assessment_id'], name=op.f('fk_assessed_actions_tenant_id_assessment_id_assessments')),
    sa.PrimaryKeyConstraint('tenant_id', 'assessment_id', name=op.f('pk_assessed_actions'))
    )
    with op.batch_alter_table('assessed_actions', schema=None) as batch_op:
        batch_op.create_index('ix_assessed_actions_changed', ['tenant_id', 'merchant_id', 'mode', 'payer_key', 'credentials_changed_at'], unique=False, sqlite_where=sa.text('credentials_changed_at IS NOT NULL'), postgresql_where=sa.text('credentials_changed_at IS NOT NULL'))
        batch_op.create_index('ix_assessed_actions_created', ['tenant_id', 'merchant_id', 'mode', 'created_at', 'assessment_id'], unique=False)
        batch_op.create_index('ix_assessed_actions_event', ['tenant_id', 'merchant_id', 'mode', 'event', 'created_at', 'assessment_id'], unique=False)
        batch_op.create_index('ix_assessed_actions_payer', ['tenant_id', 'merchant_id', 'mode', 'payer_id', 'created_at', 'assessment_id'], unique=False)
        batch_op.create_index('ix_assessed_actions_status', ['tenant_id', 'merchant_id', 'mode', 'status', 'created_at', 'assessment_id'], unique=False)
        batch_op.create_index('ix_assessed_actions_timer', ['timer_at'], unique=False, sqlite_where=sa.text('timer_at IS NOT NULL'), postgresql_where=sa.text('timer_at IS NOT NULL'))



def downgrade() -> None:
    with op.batch_alter_table('assessed_actions', schema=None) as batch_op:
        batch_op.drop_index('ix_assessed_actions_timer', sqlite_where=sa.text('timer_at IS NOT NULL'), postgresql_where=sa.text('timer_at IS NOT NULL'))
        batch_op.drop_index('ix_assessed_actions_status')
        batch_op.drop_index('ix_assessed_actions_payer')
        batch_op.drop_index('ix_assessed_actions_event')
        batch_op.drop_index('ix_assessed_actions_created')
        batch_op.drop_index('ix_assessed_actions_changed', sqlite_where=sa.text('credentials_changed_at IS NOT NULL'), postgresql_where=sa.text('credentials_changed_at IS NOT NULL'))

    op.drop_table('assessed_actions')
