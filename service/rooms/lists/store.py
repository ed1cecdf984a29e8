"""Writes of lists, and the reads that commands declare. Decides nothing."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import ANY_NUMBER, Statement
from service.rooms.lists.model import KEYS
from service.rooms.lists.tables import ENTRIES, VERSIONS

_OWN: Final = (
    ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
    ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
    ENTRIES.c.mode == sa.bindparam("mode"),
)
KEY_NAMES: Final = tuple(f"key_{place}" for place in range(KEYS))

ENTRY: Final = Statement(
    sa.select(ENTRIES).where(*_OWN, ENTRIES.c.entry_id == sa.bindparam("entry_id")),
    name="list entry",
)
ENTRY_OF_VALUE: Final = Statement(
    sa.select(ENTRIES.c.entry_id, ENTRIES.c.expires_at).where(
        *_OWN,
        ENTRIES.c.kind == sa.bindparam("kind"),
        ENTRIES.c.entity == sa.bindparam("entity"),
        ENTRIES.c.value == sa.bindparam("value"),
    ),
    name="list entry of a value",
)
INSERT_ENTRY: Final = Statement(sa.insert(ENTRIES), rows=1, name="insert list entry")
DELETE_ENTRY: Final = Statement(
    sa.delete(ENTRIES).where(
        ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
        ENTRIES.c.mode == sa.bindparam("mode"),
        ENTRIES.c.entry_id == sa.bindparam("entry_id"),
    ),
    rows=1,
    name="delete list entry",
)
# The place of an entry that is over is free again.
DELETE_EXPIRED: Final = Statement(
    sa.delete(ENTRIES).where(
        ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
        ENTRIES.c.mode == sa.bindparam("mode"),
        ENTRIES.c.kind == sa.bindparam("kind"),
        ENTRIES.c.entity == sa.bindparam("entity"),
        ENTRIES.c.value == sa.bindparam("value"),
        ENTRIES.c.expires_at <= sa.bindparam("now", type_=Instant()),
    ),
    rows=ANY_NUMBER,
    name="delete expired list entry",
)
# One statement for all of a payment's keys, each a look at one place of the index; NULL finds
# nothing. A range must hold every BIN that the payment's card may have. Which entries are over
# is for the handler to say: a read is declared before the writer's clock is known. So is their
# order: asked for one, SQLite reads every entry of the merchant in that order.
MATCHES: Final = Statement(
    sa.select(
        ENTRIES.c.entry_id,
        ENTRIES.c.kind,
        ENTRIES.c.strength,
        ENTRIES.c.entity,
        ENTRIES.c.reason,
        ENTRIES.c.owner,
        ENTRIES.c.added_by,
        ENTRIES.c.created_at,
        ENTRIES.c.expires_at,
    ).where(
        *_OWN,
        ENTRIES.c.match_key.in_([sa.bindparam(name) for name in KEY_NAMES]),
        sa.or_(
            ENTRIES.c.bin_low.is_(None),
            sa.and_(
                ENTRIES.c.bin_low <= sa.bindparam("bin_low"),
                ENTRIES.c.bin_high >= sa.bindparam("bin_high"),
            ),
        ),
    ),
    name="list entries that match a payment",
)

VERSION: Final = Statement(
    sa.select(VERSIONS.c.version).where(
        VERSIONS.c.tenant_id == sa.bindparam("tenant_id"),
        VERSIONS.c.merchant_id == sa.bindparam("merchant_id"),
        VERSIONS.c.mode == sa.bindparam("mode"),
    ),
    name="version of a merchant's lists",
)
# Of two changes in one batch the later one stands, as in the log.
SET_VERSION: Final = Statement(
    sa.text(
        "INSERT INTO list_versions (tenant_id, merchant_id, mode, version)"
        " VALUES (:tenant_id, :merchant_id, :mode, :version)"
        " ON CONFLICT (tenant_id, merchant_id, mode) DO UPDATE SET version = excluded.version"
    ).bindparams(*(sa.bindparam(one.name, type_=one.type) for one in VERSIONS.c)),
    rows=1,
    name="set version of a merchant's lists",
)
