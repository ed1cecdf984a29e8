"""What the tables of strategies gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('strategies',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('strategy_id', sa.String(length=64), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('how', sa.String(length=16), nullable=False),
    sa.Column('back_to', sa.Integer(), nullable=True),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.Column('note', sa.String(length=1024), nullable=False),
    sa.Column('activated_by', sa.String(length=64), nullable=False),
    sa.Column('activated_at', Instant(), nullable=False),
    sa.CheckConstraint("how IN ('start', 'activated', 'back')", name=op.f('ck_strategies_how')),
    sa.CheckConstraint("origin IN ('packaged', 'hand')", name=op.f('ck_strategies_origin')),
    sa.CheckConstraint('back_to < number', name=op.f('ck_strategies_back')),
    sa.PrimaryKeyConstraint('tenant_id', 'number', name=op.f('pk_strategies'))
    )
    with op.batch_alter_table('strategies', schema=None) as batch_op:
        batch_op.create_index('ix_strategies_id', ['tenant_id', 'strategy_id', 'number'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('strategies', schema=None) as batch_op:
        batch_op.drop_index('ix_strategies_id')

    op.drop_table('strategies')
