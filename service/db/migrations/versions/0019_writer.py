"""The writer's row says of which features the entities' states are; to look for it took too long."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('writer', sa.Column('feature_set', sa.String(length=64), nullable=True))
    op.add_column('writer', sa.Column('schema', sa.Integer(), nullable=True))
    # Until now a writer never began beside rows of two sets, so that any row speaks for all.
    op.execute(
        "UPDATE writer SET feature_set = (SELECT feature_set FROM entities LIMIT 1),"
        " schema = (SELECT schema FROM entities LIMIT 1)"
    )


def downgrade() -> None:
    op.drop_column('writer', 'schema')
    op.drop_column('writer', 'feature_set')
