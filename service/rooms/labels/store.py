"""Writes of labels, and the read that a label's command declares. Decides nothing."""

from typing import Final

import sqlalchemy as sa

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
