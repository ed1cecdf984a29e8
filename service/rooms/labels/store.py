"""Writes of labels, and the read that a label's command declares. Decides nothing."""

from typing import Final

import sqlalchemy as sa

from risk.frauds import SAID_MAX
from service.db.statements import Statement
from service.rooms.labels.tables import LABELS

INSERT_LABEL: Final = Statement(sa.insert(LABELS), rows=1, name="insert label")
LABEL_BY_NAME: Final = Statement(
    sa.select(LABELS).where(
        LABELS.c.tenant_id == sa.bindparam("tenant_id"),
        LABELS.c.merchant_id == sa.bindparam("merchant_id"),
        LABELS.c.mode == sa.bindparam("mode"),
        LABELS.c.source == sa.bindparam("source"),
        LABELS.c.external_id == sa.bindparam("external_id"),
    ),
    name="label by name",
)
# Newest known first: of a payment with more labels than risk keeps, the oldest say nothing.
LABELS_OF: Final = Statement(
    sa.select(LABELS.c.intent, LABELS.c.known_at)
    .where(
        LABELS.c.tenant_id == sa.bindparam("tenant_id"),
        LABELS.c.merchant_id == sa.bindparam("merchant_id"),
        LABELS.c.mode == sa.bindparam("mode"),
        LABELS.c.payment_id == sa.bindparam("payment_id"),
    )
    .order_by(LABELS.c.known_at.desc(), LABELS.c.label_id.desc())
    .limit(SAID_MAX),
    name="what labels say of a payment",
)
