"""What the tables of lists gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('list_entries',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('entry_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('kind', sa.String(length=8), nullable=False),
    sa.Column('strength', sa.String(length=16), nullable=True),
    sa.Column('entity', sa.String(length=24), nullable=False),
    sa.Column('value', sa.String(length=64), nullable=False),
    sa.Column('prefix', sa.Integer(), nullable=True),
    sa.Column('match_key', sa.String(length=96), nullable=False),
    sa.Column('bin_low', sa.Integer(), nullable=True),
    sa.Column('bin_high', sa.Integer(), nullable=True),
    sa.Column('reason', sa.String(length=140), nullable=False),
    sa.Column('owner', sa.String(length=64), nullable=False),
    sa.Column('added_by', sa.String(length=64), nullable=False),
    sa.Column('created_at', Instant(), nullable=False),
    sa.Column('expires_at', Instant(), nullable=True),
    sa.CheckConstraint("(entity = 'bin') = (bin_high IS NOT NULL)", name=op.f('ck_list_entries_high')),
    sa.CheckConstraint("(entity = 'bin') = (bin_low IS NOT NULL)", name=op.f('ck_list_entries_low')),
    sa.CheckConstraint("(kind = 'block') = (strength IS NOT NULL)", name=op.f('ck_list_entries_block')),
    sa.CheckConstraint("kind IN ('block', 'allow', 'watch')", name=op.f('ck_list_entries_kind')),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_list_entries_mode')),
    sa.CheckConstraint("strength IN ('absolute', 'overridable', 'override')", name=op.f('ck_list_entries_strength')),
    sa.CheckConstraint('bin_low <= bin_high', name=op.f('ck_list_entries_range')),
    sa.ForeignKeyConstraint(['tenant_id', 'merchant_id'], ['merchants.tenant_id', 'merchants.merchant_id'], name=op.f('fk_list_entries_tenant_id_merchant_id_merchants')),
    sa.PrimaryKeyConstraint('tenant_id', 'entry_id', name=op.f('pk_list_entries')),
    sa.UniqueConstraint('tenant_id', 'merchant_id', 'mode', 'kind', 'entity', 'value', name=op.f('uq_list_entries_tenant_id_merchant_id_mode_kind_entity_value'))
    )
    with op.batch_alter_table('list_entries', schema=None) as batch_op:
        batch_op.create_index('ix_list_entries_created', ['tenant_id', 'merchant_id', 'mode', 'created_at', 'entry_id'], unique=False)
        batch_op.create_index('ix_list_entries_match', ['tenant_id', 'merchant_id', 'mode', 'match_key'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('list_entries', schema=None) as batch_op:
        batch_op.drop_index('ix_list_entries_match')
        batch_op.drop_index('ix_list_entries_created')

    op.drop_table('list_entries')
