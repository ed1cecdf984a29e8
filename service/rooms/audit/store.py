"""Writes of the log's tree, and the reads that commands declare. Never opens a key."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import ANY_NUMBER, Statement
from service.rooms.audit.tables import LOG_CHECKPOINTS, LOG_DIVERGENCES, LOG_KEYS, LOG_TILES

_OF_LOG: Final = (
    LOG_CHECKPOINTS.c.tenant_id == sa.bindparam("tenant_id"),
    LOG_CHECKPOINTS.c.log == sa.bindparam("log"),
)

ACTIVE_KEY: Final = Statement(
    sa.select(LOG_KEYS.c.key_id, LOG_KEYS.c.origin, LOG_KEYS.c.public_key).where(
        LOG_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        LOG_KEYS.c.log == sa.bindparam("log"),
        LOG_KEYS.c.state == "active",
    ),
    name="active log key",
)
LATEST_SIZE: Final = Statement(
    sa.select(LOG_CHECKPOINTS.c.size)
    .where(*_OF_LOG)
    .order_by(LOG_CHECKPOINTS.c.size.desc())
    .limit(1),
    name="size of the log's tree",
)
OPEN_DIVERGENCE: Final = Statement(
    sa.select(LOG_DIVERGENCES.c.divergence_id).where(
        LOG_DIVERGENCES.c.tenant_id == sa.bindparam("tenant_id"),
        LOG_DIVERGENCES.c.log == sa.bindparam("log"),
        LOG_DIVERGENCES.c.accepted_at.is_(None),
    ),
    name="open divergence of the log",
)

INSERT_KEY: Final = Statement(sa.insert(LOG_KEYS), rows=1, name="insert log key")
INSERT_CHECKPOINT: Final = Statement(
    sa.insert(LOG_CHECKPOINTS), rows=1, name="insert log checkpoint"
)
# The last tile of a level is written anew, longer.
DELETE_TILE: Final = Statement(
    sa.delete(LOG_TILES).where(
        LOG_TILES.c.tenant_id == sa.bindparam("of_tenant"),
        LOG_TILES.c.log == sa.bindparam("of_log"),
        LOG_TILES.c.level == sa.bindparam("of_level"),
        LOG_TILES.c.tile == sa.bindparam("of_tile"),
    ),
    rows=ANY_NUMBER,
    name="delete log tile",
)
INSERT_TILE: Final = Statement(sa.insert(LOG_TILES), rows=1, name="insert log tile")
INSERT_DIVERGENCE: Final = Statement(
    sa.insert(LOG_DIVERGENCES), rows=1, name="insert log divergence"
)
ACCEPT_DIVERGENCE: Final = Statement(
    sa.update(LOG_DIVERGENCES)
    .where(
        LOG_DIVERGENCES.c.tenant_id == sa.bindparam("of_tenant"),
        LOG_DIVERGENCES.c.log == sa.bindparam("of_log"),
        LOG_DIVERGENCES.c.accepted_at.is_(None),
    )
    .values(accepted_at=sa.bindparam("at", type_=Instant())),
    rows=ANY_NUMBER,
    name="accept log divergence",
)
