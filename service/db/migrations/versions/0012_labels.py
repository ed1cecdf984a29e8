"""What the tables of labels gained."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('labels',
    sa.Column('tenant_id', sa.String(length=64), nullable=False),
    sa.Column('label_id', sa.String(length=64), nullable=False),
    sa.Column('merchant_id', sa.String(length=64), nullable=False),
    sa.Column('mode', sa.String(length=8), nullable=False),
    sa.Column('payment_id', sa.String(length=64), nullable=False),
    sa.Column('intent', sa.String(length=16), nullable=False),
    sa.Column('source', sa.String(length=64), nullable=False),
    sa.Column('external_id', sa.String(length=128), nullable=False),
    sa.Column('known_at', Instant(), nullable=False),
    sa.Column('recorded_at', Instant(), nullable=False),
    sa.CheckConstraint("intent IN ('normal', 'scam', 'unauthorized', 'first_party')", name=op.f('ck_labels_intent')),
    sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f('ck_labels_mode')),
    sa.ForeignKeyConstraint(['tenant_id', 'payment_id'], ['payments.tenant_id', 'payments.payment_id'], name=op.f('fk_labels_tenant_id_payment_id_payments')),
    sa.PrimaryKeyConstraint('tenant_id', 'label_id', name=op.f('pk_labels')),
    sa.UniqueConstraint('tenant_id', 'merchant_id', 'mode', 'source', 'external_id', name=op.f('uq_labels_tenant_id_merchant_id_mode_source_external_id'))
    )
    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.create_index('ix_labels_payment', ['tenant_id', 'payment_id', 'known_at', 'label_id'], unique=False)



def downgrade() -> None:
    with op.batch_alter_table('labels', schema=None) as batch_op:
        batch_op.drop_index('ix_labels_payment')

    op.drop_table('labels')
