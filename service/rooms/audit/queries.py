"""Reads of the log: checkpoints, proofs from tiles, a merchant's entries, and the whole log."""

from collections.abc import Iterable, Iterator
from typing import Final

import sqlalchemy as sa

from keys import translog
from keys.notes import Checkpoint, Verifier
from service.db.statements import Row, Statement
from service.http.ports import Reader
from service.rooms.audit import model
from service.rooms.audit.contract import DivergenceReason
from service.rooms.audit.tables import LOG_CHECKPOINTS, LOG_DIVERGENCES, LOG_KEYS, LOG_TILES
from service.unit_of_work.commands import HOUSE
from service.unit_of_work.tables import ENTRIES, ENTRY_NUMBERS, PARTITIONS

KEYS_MAX: Final = 64
CHECKPOINTS_AT_ONCE: Final = 1_000

_OF_LOG: Final = (
    LOG_CHECKPOINTS.c.tenant_id == sa.bindparam("tenant_id"),
    LOG_CHECKPOINTS.c.log == sa.bindparam("log"),
)
_WITH_KEY: Final = (
    sa.select(LOG_CHECKPOINTS, LOG_KEYS.c.origin, LOG_KEYS.c.public_key)
    .join(
        LOG_KEYS,
        sa.and_(
            LOG_KEYS.c.tenant_id == LOG_CHECKPOINTS.c.tenant_id,
            LOG_KEYS.c.key_id == LOG_CHECKPOINTS.c.key_id,
        ),
    )
    .where(*_OF_LOG, LOG_KEYS.c.tenant_id == sa.bindparam("tenant_id"))
)

LOG_KEYS_OF: Final = Statement(
    sa.select(LOG_KEYS)
    .where(
        LOG_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        LOG_KEYS.c.log == sa.bindparam("log"),
    )
    .order_by(LOG_KEYS.c.state, LOG_KEYS.c.created_at.desc())
    .limit(KEYS_MAX),
    name="keys of a log",
)
LATEST: Final = Statement(
    _WITH_KEY.order_by(LOG_CHECKPOINTS.c.size.desc()).limit(1), name="latest log checkpoint"
)
CHECKPOINT: Final = Statement(
    _WITH_KEY.where(LOG_CHECKPOINTS.c.size == sa.bindparam("size")), name="log checkpoint"
)
CHECKPOINTS_AFTER: Final = Statement(
    sa.select(LOG_CHECKPOINTS)
    .where(*_OF_LOG, LOG_CHECKPOINTS.c.size > sa.bindparam("after"))
    .order_by(LOG_CHECKPOINTS.c.size)
    .limit(CHECKPOINTS_AT_ONCE),
    name="log checkpoints after a size",
)
TILE: Final = Statement(
    sa.select(LOG_TILES.c.hashes).where(
        LOG_TILES.c.tenant_id == sa.bindparam("tenant_id"),
        LOG_TILES.c.log == sa.bindparam("log"),
        LOG_TILES.c.level == sa.bindparam("level"),
        LOG_TILES.c.tile == sa.bindparam("tile"),
    ),
    name="log tile",
)
OPEN_DIVERGENCE: Final = Statement(
    sa.select(LOG_DIVERGENCES).where(
        LOG_DIVERGENCES.c.tenant_id == sa.bindparam("tenant_id"),
        LOG_DIVERGENCES.c.log == sa.bindparam("log"),
        LOG_DIVERGENCES.c.accepted_at.is_(None),
    ),
    name="what the log diverges by",
)
OWN_ENTRY: Final = Statement(
    sa.select(ENTRIES).where(
        ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
        ENTRIES.c.log == sa.bindparam("log"),
        ENTRIES.c.position == sa.bindparam("position"),
    ),
    name="own entry by its index",
)
OWN_ENTRIES: Final = Statement(
    sa.select(ENTRIES)
    .where(
        ENTRIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTRIES.c.merchant_id == sa.bindparam("merchant_id"),
        ENTRIES.c.number > sa.bindparam("after"),
    )
    .order_by(ENTRIES.c.number)
    .limit(sa.bindparam("limit")),
    name="own entries after a number",
)

# The worker, the verifier and the exporter see the log as the one that it is.
NEW_LEAVES: Final = Statement(
    sa.select(ENTRIES.c.position, ENTRIES.c.leaf, ENTRIES.c.kind)
    .where(ENTRIES.c.log == sa.bindparam("log"), ENTRIES.c.position >= sa.bindparam("position"))
    .order_by(ENTRIES.c.position)
    .limit(sa.bindparam("limit")),
    name="leaves of every tenant from an index",
)
ENTRIES_FROM: Final = Statement(
    sa.select(ENTRIES)
    .where(ENTRIES.c.log == sa.bindparam("log"), ENTRIES.c.position >= sa.bindparam("position"))
    .order_by(ENTRIES.c.position)
    .limit(sa.bindparam("limit")),
    name="entries of every tenant from an index",
)
LAST_POSITION: Final = Statement(
    sa.select(ENTRIES.c.position)
    .where(ENTRIES.c.log == sa.bindparam("log"))
    .order_by(ENTRIES.c.position.desc())
    .limit(1),
    name="last index of a log",
)
NUMBERS_AFTER: Final = Statement(
    sa.select(ENTRY_NUMBERS)
    .where(
        sa.tuple_(ENTRY_NUMBERS.c.tenant_id, ENTRY_NUMBERS.c.merchant_id)
        > sa.tuple_(sa.bindparam("after_tenant"), sa.bindparam("after_merchant"))
    )
    .order_by(ENTRY_NUMBERS.c.tenant_id, ENTRY_NUMBERS.c.merchant_id)
    .limit(sa.bindparam("limit")),
    name="entry numbers of every merchant",
)
# What retention took away: everything below it is gone, and its hashes are in the tiles.
GONE: Final = Statement(
    sa.select(sa.func.max(PARTITIONS.c.upper).label("upper")).where(
        PARTITIONS.c.log == "entries", PARTITIONS.c.detached_at.is_not(None)
    ),
    name="end of the entries that were dropped",
)
# Of that, what no entry tells of yet.
GOING: Final = Statement(
    sa.select(PARTITIONS.c.upper).where(
        PARTITIONS.c.log == "entries",
        PARTITIONS.c.detached_at > sa.bindparam("since"),
        PARTITIONS.c.recorded_at.is_(None),
    ),
    name="entries that retention is taking away",
)


class TileMissing(LookupError):  # noqa: N818  says what is so
    """A tile that the tree's size needs is not in the database, or is too short."""


def latest(reader: Reader, log: str) -> Row | None:
    """Return the latest checkpoint with its key, or None."""
    return reader.maybe(LATEST(tenant_id=HOUSE, log=log))


def tree_size(reader: Reader, log: str) -> int:
    """Return how many entries the log's tree has taken in."""
    row = latest(reader, log)
    return 0 if row is None else int(row["size"])


def checkpoint(reader: Reader, log: str, size: int) -> Row | None:
    """Return the checkpoint of a size with its key, or None."""
    return reader.maybe(CHECKPOINT(tenant_id=HOUSE, log=log, size=size))


def keys_of(reader: Reader, log: str) -> list[Row]:
    """Return a log's keys, the one that signs first."""
    return reader.fetch(LOG_KEYS_OF(tenant_id=HOUSE, log=log))


def verifiers_of(rows: Iterable[Row]) -> list[Verifier]:
    """Return what verifies under these keys."""
    return [Verifier(row["origin"], row["public_key"]) for row in rows]


def open_divergence(reader: Reader, log: str) -> Row | None:
    """Return what stops the log from being signed, or None."""
    return reader.maybe(OPEN_DIVERGENCE(tenant_id=HOUSE, log=log))


def checkpoints_after(reader: Reader, log: str, size: int) -> Iterator[Row]:
    """Yield the checkpoints above a size, by growing size."""
    while rows := reader.fetch(CHECKPOINTS_AFTER(tenant_id=HOUSE, log=log, after=size)):
        yield from rows
        size = rows[-1]["size"]


def first_kept(reader: Reader) -> int:
    """Return the index of the first entry that retention has left."""
    row = reader.maybe(GONE())
    return 0 if row is None or row["upper"] is None else int(row["upper"])


class Tree:
    """The tree of one size, its nodes made from tiles that are read when they are asked for."""

    def __init__(self, reader: Reader, log: str, size: int) -> None:
        self._reader = reader
        self._log = log
        self._tiles = model.Tiles(size)
        self._have: set[tuple[int, int]] = set()
        self.size = size

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node.

        Raises:
            TileMissing: Its tile is not there.
        """
        place = model.tile_of(level, index)
        if place not in self._have:
            row = self._reader.maybe(
                TILE(tenant_id=HOUSE, log=self._log, level=place[0], tile=place[1])
            )
            if row is None:
                raise TileMissing(f"tile {place[1]} of level {place[0]} is missing")
            try:
                self._tiles.put(*place, row["hashes"])
            except ValueError as error:
                raise TileMissing(str(error)) from error
            self._have.add(place)
        return self._tiles.node(level, index)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` leaves."""
        return translog.root_from(self.node, size)

    def inclusion(self, index: int) -> tuple[bytes, ...]:
        """Return the proof that a leaf is in the tree."""
        return translog.inclusion_proof(index, self.size, self.node)

    def consistency(self, old: int) -> tuple[bytes, ...]:
        """Return the proof that the tree begins with that of a smaller size."""
        return translog.consistency_proof(old, self.size, self.node)

    def hashes_of(self, size: int) -> list[bytes]:
        """Return the hashes of the full subtrees over the first leaves, widest first."""
        return [self.node(*one) for one in translog.nodes_of_root(size)]


def partials(reader: Reader, log: str, size: int) -> model.Tiles:
    """Return the tiles of a tree that more leaves are added to.

    Raises:
        TileMissing: One is not there.
    """
    tiles = model.Tiles(size)
    for level, tile in model.partial_tiles(size):
        row = reader.maybe(TILE(tenant_id=HOUSE, log=log, level=level, tile=tile))
        if row is None:
            raise TileMissing(f"tile {tile} of level {level} is missing")
        try:
            tiles.put(level, tile, row["hashes"])
        except ValueError as error:
            raise TileMissing(str(error)) from error
    return tiles


def divergence(
    reader: Reader, log: str, *, outside: Checkpoint | None, size: int
) -> DivergenceReason | None:
    """Return what is wrong between the database and the checkpoint outside of it, or None.

    Args:
        reader: Reads the database.
        log: Which log.
        outside: The checkpoint outside; None where it is none that a key of ours signed.
        size: Of the latest checkpoint in the database.
    """
    root = None
    if outside is not None and outside.size <= size:
        try:
            root = Tree(reader, log, size).root(outside.size)
        except TileMissing:
            return "tree"
    return model.compared(outside, size=size, root_there=root)
