"""Tables of the log's tree: keys, tiles, checkpoints, divergences. All are the house's."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of
from service.unit_of_work.tables import ID

LOG_KEYS: Final = sa.Table(
    "log_keys",
    METADATA,
    # The house's own, so that the table is keyed like every other.
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("key_id", ID, primary_key=True),
    sa.Column("log", sa.String(16), nullable=False),
    sa.Column("origin", sa.String(255), nullable=False),
    sa.Column("public_key", sa.LargeBinary(32), nullable=False),
    sa.Column("sealed_seed", sa.LargeBinary, nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    one_of("state", ("active", "retired")),
    # One key signs a log: whoever comes second, its insert fails.
    sa.Index(
        "uq_log_keys_active",
        *("tenant_id", "log"),
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    ),
)

# Neighbouring hashes of one level, 256 in a full one; the last of a level grows.
LOG_TILES: Final = sa.Table(
    "log_tiles",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("level", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("tile", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("hashes", sa.LargeBinary, nullable=False),
)

LOG_CHECKPOINTS: Final = sa.Table(
    "log_checkpoints",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("log", sa.String(16), primary_key=True),
    sa.Column("size", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("root", sa.LargeBinary(32), nullable=False),
    sa.Column("note", sa.String(1_024), nullable=False),
    sa.Column("key_id", ID, nullable=False),
    sa.Column("signed_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(["tenant_id", "key_id"], ["log_keys.tenant_id", "log_keys.key_id"]),
    sa.CheckConstraint("size >= 1", name="size"),
)

LOG_DIVERGENCES: Final = sa.Table(
    "log_divergences",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("divergence_id", ID, primary_key=True),
    sa.Column("log", sa.String(16), nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("outside_size", sa.BigInteger, nullable=False),
    sa.Column("outside_root", sa.String(64), nullable=True),
    sa.Column("found_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant, nullable=True),
    one_of("reason", ("rolled_back", "not_extending", "not_ours", "gap", "tree")),
    # While one is open nothing is signed, so there is no second.
    sa.Index(
        "uq_log_divergences_open",
        *("tenant_id", "log"),
        unique=True,
        sqlite_where=sa.text("accepted_at IS NULL"),
        postgresql_where=sa.text("accepted_at IS NULL"),
    ),
)
