"""What the tables of assessments gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('assessments_again',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('assessment_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('subject_id', sa.String(length=64), nullable=False),
    sa.Column('judged_at', Instant(), nullable=False),
    sa.Column('done_at', Instant(), nullable=True),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_assessments_again_mode')),
    sa.PrimaryKeyConstraint('tenant_id', 'assessment_id', name=op.f('pk_assessments_again'))
    )
    with op.batch_alter_table('assessments_again', schema=None) as batch_op:
        batch_op.create_index('ix_assessments_again_open', ['judged_at'], unique=False, sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))



def downgrade() -> None:
    with op.batch_alter_table('assessments_again', schema=None) as batch_op:
        batch_op.drop_index('ix_assessments_again_open', sqlite_where=sa.text('done_at IS NULL'), postgresql_where=sa.text('done_at IS NULL'))

    op.drop_table('assessments_again')
