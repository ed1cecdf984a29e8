"""What the tables of models gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('model_parts',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('content', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('tenant_id', 'sha256', name=op.f('pk_model_parts'))
    )
    op.create_table('models',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('name', sa.String(length=255), nullable=False),
    sa.Column('origin', sa.String(length=16), nullable=False),
    sa.Column('feature_set', sa.String(length=64), nullable=False),
    sa.Column('size_bytes', sa.Integer(), nullable=False),
    sa.Column('parts', sa.LargeBinary(), nullable=False),
    sa.Column('manifest', sa.LargeBinary(), nullable=False),
    sa.Column('note', sa.String(length=1024), nullable=False),
    sa.Column('added_by', sa.String(length=64), nullable=False),
    sa.Column('added_at', Instant(), nullable=False),
    sa.CheckConstraint("origin IN ('trained', 'simulated')", name=op.f('ck_models_origin')),
    sa.CheckConstraint('size_bytes > 0', name=op.f('ck_models_size')),
    sa.PrimaryKeyConstraint('tenant_id', 'sha256', name=op.f('pk_models'))
    )
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.create_index('ix_models_added_at', ['tenant_id', 'added_at', 'sha256'], unique=False)

    op.create_table('scorers',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('model', sa.String(length=80), nullable=True),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('why', sa.String(length=32), nullable=True),
    sa.Column('noted_at', Instant(), nullable=False),
    sa.CheckConstraint("state IN ('none', 'ready', 'down')", name=op.f('ck_scorers_state')),
    sa.PrimaryKeyConstraint('tenant_id', 'number', name=op.f('pk_scorers'))
    )


def downgrade() -> None:
    op.drop_table('scorers')
    with op.batch_alter_table('models', schema=None) as batch_op:
        batch_op.drop_index('ix_models_added_at')

    op.drop_table('models')
    op.drop_table('model_parts')
