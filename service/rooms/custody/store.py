"""Writes of signing keys, and the reads that commands declare. Never opens a key."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Statement
from service.rooms.custody.tables import SIGNING_KEYS

ACTIVE_KEY: Final = Statement(
    sa.select(SIGNING_KEYS.c.kid).where(
        SIGNING_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        SIGNING_KEYS.c.purpose == sa.bindparam("purpose"),
        SIGNING_KEYS.c.state == "active",
    ),
    name="active signing key",
)
INSERT_KEY: Final = Statement(sa.insert(SIGNING_KEYS), rows=1, name="insert signing key")
