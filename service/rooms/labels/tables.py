"""Table of labels. A payment may have several; one name of a source names one label."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of
from service.unit_of_work.tables import ID

LABELS: Final = sa.Table(
    "labels",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("label_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("payment_id", ID, nullable=False),
    sa.Column("intent", sa.String(16), nullable=False),
    sa.Column("source", ID, nullable=False),
    sa.Column("external_id", sa.String(128), nullable=False),
    sa.Column("known_at", Instant, nullable=False),
    sa.Column("recorded_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "payment_id"], ["payments.tenant_id", "payments.payment_id"]
    ),
    sa.UniqueConstraint("tenant_id", "merchant_id", "mode", "source", "external_id"),
    one_of("mode", ("live", "sandbox")),
    one_of("intent", ("normal", "scam", "unauthorized", "first_party")),
    sa.Index("ix_labels_payment", "tenant_id", "payment_id", "known_at", "label_id"),
)
