"""What the log wants done later: its tree grown, checkpoints signed and written outside.

The seed is opened when a checkpoint is signed and at no other time.
"""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from structlog.typing import FilteringBoundLogger

from keys.notes import Verifier
from keys.sealing import NotOpened, Sealer
from service.db.reader import Reader
from service.db.statements import Row
from service.rooms.audit import model, queries
from service.rooms.audit.contract import (
    LEAVES_AT_ONCE,
    LOG,
    CreateLogKey,
    DivergenceReason,
    GrowTree,
    RecordDivergence,
)
from service.unit_of_work.commands import Command
from service.unit_of_work.fence import WRITER_ROW
from service.worker.due import Due, by_timer

SHARD: Final = 0
GROWN: Final = "log.grown"
# What is wrong is said again this often.
ALARM_EVERY: Final = dt.timedelta(minutes=1)


class Outside(Protocol):
    """Where checkpoints are kept outside of the database."""

    def latest(self) -> str | None:
        """Return the latest note, or None."""
        ...

    def write(self, note: str, *, key: str) -> None:
        """Add a note and make it the latest."""
        ...


class Growing:
    """The timer of the log's tree: finds what the next command is, and writes what is committed.

    Args:
        reader: Reads over all tenants.
        outside: Where checkpoints are written.
        sealer: Returns what opens keys; None while there is no root key.
        first_key: Makes the first key.
        every: How long a checkpoint waits for more entries, unless many wait.
        log: Where it is said what is wrong.

    Attributes:
        leaves_at_once: How many leaves one command takes in at the most.
    """

    leaves_at_once: int = LEAVES_AT_ONCE

    def __init__(
        self,
        reader: Reader,
        outside: Outside,
        *,
        sealer: Callable[[], Sealer | None],
        first_key: Callable[[Sealer], CreateLogKey],
        every: dt.timedelta,
        log: FilteringBoundLogger,
    ) -> None:
        self._reader = reader
        self._outside = outside
        self._sealer = sealer
        self._make_key = first_key
        self._every = every
        self._log = log
        self._signs_at: dt.datetime | None = None
        self._alarmed: dict[str, dt.datetime] = {}

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Return the one command that is due, if any is.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        row = self._reader.maybe(WRITER_ROW(shard=SHARD))
        if row is None:
            return ()
        keys = queries.keys_of(self._reader, LOG)
        if not keys:
            return self._first_key()
        latest = queries.latest(self._reader, LOG)
        opened = queries.open_divergence(self._reader, LOG)
        if opened is not None:
            self._alarm(now, "log_diverged", reason=opened["reason"])
            return ()
        try:
            outside = self._outside.latest()
        except OSError as error:
            self._alarm(now, "checkpoint_not_read", error=error.strerror)
            return ()
        wrong = self._held_against(outside, latest, keys)
        if wrong is not None:
            return wrong
        if latest is not None and outside != latest["note"]:
            self._write(now, latest)
        return self._growth(now, row["entries"], latest, keys[0])

    def _first_key(self) -> Sequence[Due]:
        sealer = self._sealer()
        if sealer is None:
            return ()
        return (_due(self._make_key(sealer)),)

    def _held_against(
        self, outside: str | None, latest: Row | None, keys: list[Row]
    ) -> Sequence[Due] | None:
        """Return the command that records a divergence; None where there is none."""
        if outside is None or (latest is not None and outside == latest["note"]):
            return None
        signed = model.opened(outside, queries.verifiers_of(keys))
        size = latest["size"] if latest else 0
        reason = queries.divergence(self._reader, LOG, outside=signed, size=size)
        if reason is None:
            return None
        told = (signed.size, signed.root.hex()) if signed else (0, None)
        return (_diverged(reason, size=size, outside_size=told[0], outside_root=told[1]),)

    def _write(self, now: dt.datetime, latest: Row) -> None:
        key = Verifier(latest["origin"], latest["public_key"]).verifier_key
        try:
            self._outside.write(latest["note"], key=key)
        except OSError as error:
            # What is committed stays; the next poll tries again.
            self._alarm(now, "checkpoint_not_written", error=error.strerror)

    def _growth(
        self, now: dt.datetime, entries: int, latest: Row | None, key: Row
    ) -> Sequence[Due]:
        size = latest["size"] if latest else 0
        waiting = entries - size
        is_soon = self._signs_at is not None and now < self._signs_at
        if waiting <= 0 or (is_soon and waiting < self.leaves_at_once):
            return ()
        read = queries.NEW_LEAVES(log=LOG, position=size, limit=self.leaves_at_once)
        rows = self._reader.fetch(read)
        # The entry that says how it grew would make it grow for ever.
        if rows and all(row["kind"] == GROWN for row in rows):
            return ()
        found = [row["position"] for row in rows]
        if found != list(range(size, size + len(rows))) or not rows:
            missing = next((at for at, one in enumerate(found, size) if at != one), size)
            return (_diverged("gap", size=size, outside_size=missing, outside_root=None),)
        return self._signed(now, latest, [row["leaf"] for row in rows], key)

    def _signed(
        self, now: dt.datetime, latest: Row | None, leaves: list[bytes], key: Row
    ) -> Sequence[Due]:
        sealer = self._sealer()
        if sealer is None:
            self._alarm(now, "root_key_not_available")
            return ()
        size = latest["size"] if latest else 0
        try:
            signer = model.signer_of(key["origin"], key["key_id"], key["sealed_seed"], sealer)
        except NotOpened:
            self._alarm(now, "log_key_not_opened", key_id=key["key_id"])
            return ()
        tiles = self._tiles(latest)
        if tiles is None:
            return (_diverged("tree", size=size, outside_size=size, outside_root=None),)
        self._signs_at = now + self._every
        command: GrowTree = model.growth(tiles, leaves, signer, LOG)
        return (_due(command),)

    def _tiles(self, latest: Row | None) -> model.Tiles | None:
        """Return the tiles that the tree grows from; None where they are not those signed."""
        try:
            tiles = queries.partials(self._reader, LOG, latest["size"] if latest else 0)
        except queries.TileMissing:
            return None
        return tiles if latest is None or tiles.root() == latest["root"] else None

    def _alarm(self, now: dt.datetime, what: str, **fields: object) -> None:
        if now >= self._alarmed.get(what, now):
            self._alarmed[what] = now + ALARM_EVERY
            self._log.error(what, **fields)


def _diverged(
    reason: DivergenceReason, *, size: int, outside_size: int, outside_root: str | None
) -> Due:
    return _due(
        RecordDivergence(
            log=LOG,
            reason=reason,
            size=size,
            outside_size=outside_size,
            outside_root=outside_root,
        )
    )


def _due(command: Command) -> Due:
    call = by_timer()
    return Due(subject=f"log:{LOG}", command=command, call=call)
