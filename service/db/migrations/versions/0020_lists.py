"""What the tables of lists gained: which change of a merchant's lists was the last."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('list_versions',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('version', sa.String(length=64), nullable=False),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_list_versions_mode')),
    sa.ForeignKeyConstraint(['tenant_id', 'merchant_id'], ['merchants.tenant_id', 'merchants.merchant_id'], name=op.f('fk_list_versions_tenant_id_merchant_id_merchants')),
    sa.PrimaryKeyConstraint('tenant_id', 'merchant_id', 'mode', name=op.f('pk_list_versions'))
    )


def downgrade() -> None:
    op.drop_table('list_versions')
