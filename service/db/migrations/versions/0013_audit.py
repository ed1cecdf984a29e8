"""What the tables of audit gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('log_divergences',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('divergence_id', sa.String(length=64), nullable=False),
    sa.Column('log', sa.String(length=16), nullable=False),
    sa.Column('reason', sa.String(length=16), nullable=False),
    sa.Column('size', sa.BigInteger(), nullable=False),
    sa.Column('outside_size', sa.BigInteger(), nullable=False),
    sa.Column('outside_root', sa.String(length=64), nullable=True),
    sa.Column('found_at', Instant(), nullable=False),
    sa.Column('accepted_at', Instant(), nullable=True),
    sa.CheckConstraint("reason IN ('rolled_back', 'not_extending', 'not_ours', 'gap', 'tree')", name=op.f('ck_log_divergences_reason')),
    sa.PrimaryKeyConstraint('tenant_id', 'divergence_id', name=op.f('pk_log_divergences'))
    )
    with op.batch_alter_table('log_divergences', schema=None) as batch_op:
        batch_op.create_index('uq_log_divergences_open', ['tenant_id', 'log'], unique=True, sqlite_where=sa.text('accepted_at IS NULL'), postgresql_where=sa.text('accepted_at IS NULL'))

    op.create_table('log_keys',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('key_id', sa.String(length=64), nullable=False),
    sa.Column('log', sa.String(length=16), nullable=False),
    sa.Column('origin', sa.String(length=255), nullable=False),
    sa.Column('public_key', sa.LargeBinary(length=32), nullable=False),
    sa.Column('sealed_seed', sa.LargeBinary(), nullable=False),
    sa.Column('state', sa.String(length=8), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.CheckConstraint("state IN ('active', 'retired')", name=op.f('ck_log_keys_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'key_id', name=op.f('pk_log_keys'))
    )
    with op.batch_alter_table('log_keys', schema=None) as batch_op:
        batch_op.create_index('uq_log_keys_active', ['tenant_id', 'log'], unique=True, sqlite_where=sa.text("state = 'active'"), postgresql_where=sa.text("state = 'active'"))

    op.create_table('log_tiles',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('log', sa.String(length=16), nullable=False),
    sa.Column('level', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('tile', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('hashes', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'log', 'level', 'tile', name=op.f('pk_log_tiles'))
    )
    op.create_table('log_checkpoints',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('log', sa.String(length=16), nullable=False),
    sa.Column('size', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('root', sa.LargeBinary(length=32), nullable=False),
    sa.Column('note', sa.String(length=1024), nullable=False),
    sa.Column('key_id', sa.String(length=64), nullable=False),
    sa.Column('signed_at', Instant(), nullable=False),
    sa.CheckConstraint('size >= 1', name=op.f('ck_log_checkpoints_size')),
    sa.ForeignKeyConstraint(['tenant_id', 'key_id'], ['log_keys.tenant_id', 'log_keys.key_id'], name=op.f('fk_log_checkpoints_tenant_id_key_id_log_keys')),
    sa.PrimaryKeyConstraint('tenant_id', 'log', 'size', name=op.f('pk_log_checkpoints'))
    )


def downgrade() -> None:
    op.drop_table('log_checkpoints')
    op.drop_table('log_tiles')
    with op.batch_alter_table('log_keys', schema=None) as batch_op:
        batch_op.drop_index('uq_log_keys_active', sqlite_where=sa.text("state = 'active'"), postgresql_where=sa.text("state = 'active'"))

    op.drop_table('log_keys')
    with op.batch_alter_table('log_divergences', schema=None) as batch_op:
        batch_op.drop_index('uq_log_divergences_open', sqlite_where=sa.text('accepted_at IS NULL'), postgresql_where=sa.text('accepted_at IS NULL'))

    op.drop_table('log_divergences')
