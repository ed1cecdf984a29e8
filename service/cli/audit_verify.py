"""Verifies the log in the database: entries, tree, checkpoints inside and outside. Changes nothing.

It goes once over the log by growing index and stops at the first bad place.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from keys.notes import Checkpoint, Verifier
from keys.translog import HASH_BYTES, Frontier, leaf_hash
from service.cli.audit_finding import Bad, Finding, body_of, difference, dropped_to, plain
from service.cli.audit_log import DROPPED, SHARD, is_retiring
from service.db.reader import Reader
from service.db.statements import Row
from service.db.store import StoreUnavailable
from service.rooms.audit import model, queries
from service.rooms.audit.contract import LOG, TILE_HASHES
from service.unit_of_work.commands import HOUSE
from service.unit_of_work.fence import WRITER_ROW
from service.worker.outside import CheckpointFolder

AT_ONCE: Final = 2_000
NUMBERS_AT_ONCE: Final = 10_000

Progress = Callable[[int, int], None]


class _Signed(NamedTuple):
    size: int
    root: bytes
    where: str


class LogCheck:
    """One pass over the log.

    Args:
        reader: Reads over all tenants.
        outside: The checkpoints outside.
        verifiers: The keys that count.
        known: Notes kept from earlier audits.
        progress: Told how many entries are done, of how many.
    """

    def __init__(
        self,
        reader: Reader,
        outside: CheckpointFolder,
        verifiers: Sequence[Verifier],
        *,
        known: Sequence[str] = (),
        progress: Progress,
    ) -> None:
        self._reader = reader
        self._outside = outside
        self._verifiers = verifiers
        self._known = known
        self._progress = progress
        # Up to where an entry says that retention took the log.
        self._dropped = 0
        self._numbers: dict[tuple[str, str], int] = {}
        self._tile: tuple[int, bytes] = (-1, b"")
        self._upper: dict[tuple[int, int], bytes] = {}
        self._entries = self._checkpoints = self._size = 0
        self._root = b""
        self._covered = 0
        self._outside_size: int | None = None

    def run(self) -> Finding:
        """Return what was found.

        Raises:
            StoreUnavailable: The database cannot be read.
            OSError: The folder outside cannot be read.
        """
        try:
            self._run()
        except Bad as bad:
            return bad.finding(self._entries)
        return Finding(
            verified=True,
            entries=self._entries,
            unsigned=self._count - self._size,
            checkpoints=self._checkpoints,
            size=self._size,
            root=self._root.hex(),
            outside=self._outside_size,
            first=self._first,
        )

    def _run(self) -> None:
        # In this order: what is committed meanwhile only makes the later ones larger.
        outside = self._outside.latest()
        [newest] = deque(filter(None, self._outside.history()), maxlen=1) or [None]
        latest = queries.latest(self._reader, LOG)
        self._size, self._root = (latest["size"], latest["root"]) if latest else (0, b"")
        numbers = dict(self._merchants())
        writer = self._reader.maybe(WRITER_ROW(shard=SHARD))
        self._count = writer["entries"] if writer else 0
        self._first = queries.first_kept(self._reader)
        self._look_outside(outside)
        self._look_outside(newest)
        if self._count < self._size:
            text = f"the writer counted {self._count} entries, and {self._size} are signed"
            raise Bad("rolled_back", self._count, text)
        self._entries_of_all(self._signed())
        if self._dropped < self._first:
            if is_retiring(self._reader):
                raise StoreUnavailable("retention is taking entries away; verify again in a minute")
            text = f"{self._first} entries are gone, and none says that retention took them"
            raise Bad("dropped", 0, text)
        self._hold_numbers(numbers)
        self._look_behind()

    def _hold_numbers(self, numbers: dict[tuple[str, str], int]) -> None:
        """Hold the writer's count for each merchant against the last entry it has."""
        for owner, number in numbers.items():
            # Retention may have taken all that one had.
            last = self._numbers.get(owner, number if self._first else 0)
            if number > last:
                text = f"merchant {owner[1]} had {number} entries, not {last}"
                raise Bad("cut", self._count, text, field="number", expected=number)

    def _merchants(self) -> Iterator[tuple[tuple[str, str], int]]:
        after = {"after_tenant": "", "after_merchant": ""}
        while rows := self._reader.fetch(queries.NUMBERS_AFTER(**after, limit=NUMBERS_AT_ONCE)):
            for row in rows:
                yield (row["tenant_id"], row["merchant_id"]), row["number"]
            after = {
                "after_tenant": rows[-1]["tenant_id"],
                "after_merchant": rows[-1]["merchant_id"],
            }

    def _look_outside(self, note: str | None) -> None:
        if note is None:
            return
        found = self._opened(note, "outside")
        self._outside_size = max(found.size, self._outside_size or 0)
        if found.size > self._size:
            text = f"{found.size} entries were signed outside, {self._size} are signed here"
            raise Bad("rolled_back", self._size, text, expected=found.size)

    def _opened(self, note: str, where: str, position: int | None = None) -> Checkpoint:
        found = model.opened(note, self._verifiers)
        if found is None:
            text = f"a checkpoint {where} is not signed by the log's key"
            raise Bad("signature", position, text)
        return found

    def _signed(self) -> Iterator[_Signed]:
        """Yield what was signed, inside, outside and kept, by growing size."""
        known = sorted(_of(self._opened(one, "that was kept"), "kept") for one in self._known)
        for one in known:
            if one.size > self._size:
                text = f"the kept checkpoint is of {one.size}, the latest here of {self._size}"
                raise Bad("rolled_back", self._size, text, expected=one.size)
        return heapq.merge(self._inside(), self._history(), known, key=lambda one: one.size)

    def _inside(self) -> Iterator[_Signed]:
        for row in queries.checkpoints_after(self._reader, LOG, 0):
            if row["size"] > self._size:
                return
            found = self._opened(row["note"], "in the database", row["size"])
            if (found.size, found.root) != (row["size"], row["root"]):
                text = f"the checkpoint of {row['size']} is not what its note says"
                raise Bad("signature", row["size"], text, expected=found.size)
            yield _of(found, "in the database")

    def _history(self) -> Iterator[_Signed]:
        for note in self._outside.history():
            # A line that a crash cut; the note was written again behind it.
            if note:
                found = self._opened(note, "outside")
                if found.size <= self._size:
                    yield _of(found, "outside")

    def _entries_of_all(self, signed: Iterator[_Signed]) -> None:
        frontier = self._begun()
        due = next(signed, None)
        while due is not None and due.size <= self._first:
            self._hold_gone(due)
            due = next(signed, None)
        for row, position in self._rows():
            self._entry(row, position)
            self._grow(frontier, row["leaf"], position)
            while due is not None and due.size == position + 1:
                self._hold(due, frontier)
                due = next(signed, None)
        if due is not None:
            raise Bad("cut", self._count, f"a checkpoint {due.where} is of {due.size} entries")

    def _begun(self) -> Frontier:
        """Return the tree over the entries that retention took away, from its tiles."""
        if not self._first:
            return Frontier.empty()
        tree = queries.Tree(self._reader, LOG, self._size)
        try:
            return Frontier(self._first, tree.hashes_of(self._first))
        except queries.TileMissing as error:
            raise Bad("changed", self._first, str(error)) from error

    def _hold_gone(self, signed: _Signed) -> None:
        try:
            root = queries.Tree(self._reader, LOG, self._size).root(signed.size)
        except queries.TileMissing as error:
            raise Bad("changed", signed.size, str(error)) from error
        if root != signed.root:
            text = f"the tree of {signed.size} is not the one signed {signed.where}"
            raise Bad("changed", signed.size, text, field="root", expected=signed.root.hex())
        self._checkpoints += 1
        self._covered = signed.size

    def _rows(self) -> Iterator[tuple[Row, int]]:
        """Yield every entry there must be; raise at the first that is not there."""
        position = self._first
        while position < self._count:
            limit = min(AT_ONCE, self._count - position)
            rows = self._fetched(position, limit)
            if not rows:
                text = f"the entries end at {position} of {self._count}"
                raise Bad("cut", position, text)
            for row in rows:
                if row["position"] != position:
                    self._missing(row, position)
                yield row, position
                position += 1
            self._progress(position, self._count)

    def _fetched(self, position: int, limit: int) -> list[Row]:
        """Return rows from a place on; fewer where one of them is of a form that nothing reads."""
        try:
            return self._reader.fetch(queries.ENTRIES_FROM(log=LOG, position=position, limit=limit))
        except StoreUnavailable:
            # Raises as well where it is the store that cannot be read.
            self._reader.fetch(queries.LAST_POSITION(log=LOG))
            if limit > 1:
                return self._fetched(position, 1)
            raise Bad("changed", position, "the entry's row cannot be read") from None

    def _missing(self, row: Row, position: int) -> None:
        body = body_of(row["body"])
        if body is not None and body.get("index") == position:
            text = f"entry {position} stands at {row['position']}"
            raise Bad("changed", position, text, field="position", expected=position)
        if queries.first_kept(self._reader) > self._first:
            raise StoreUnavailable("retention took entries away meanwhile; verify again")
        text = f"entry {row['position']} stands here, {position} nowhere"
        raise Bad("dropped", position, text)

    def _entry(self, row: Row, position: int) -> None:
        """Hold an entry's bytes, leaf, columns and number against each other and the tree."""
        for name in ("body", "leaf"):
            if not isinstance(row[name], bytes):
                raise Bad("changed", position, f"the column {name} holds no bytes", field=name)
        body, found = body_of(row["body"]), leaf_hash(row["body"])
        stored, told = row["leaf"], self._told(position)
        if body is None:
            raise Bad("changed", position, "the body is no entry", field="body")
        index = body.get("index")
        if index != position and found == stored and found != (told or found):
            raise Bad("swapped", position, f"entry {index} stands here", field="body")
        if found != stored:
            self._changed(row, body, position, is_leaf=found == told)
        if told is not None and found != told:
            text = "body and leaf are not what the tree took in"
            raise Bad("changed", position, text, field="leaf", expected=told.hex())
        self._hold_columns(row, body, position)
        owner = row["tenant_id"], row["merchant_id"]
        before = self._numbers.get(owner, None if self._first else 0)
        if before is not None and row["number"] != before + 1:
            text = f"number {row['number']} follows {before}"
            raise Bad("number_gap", position, text, field="number", expected=before + 1)
        self._numbers[owner] = row["number"]
        if self._first and row["kind"] == DROPPED:
            self._dropped = max(self._dropped, dropped_to(body))
        self._entries += 1

    def _changed(self, row: Row, body: dict[str, Any], position: int, *, is_leaf: bool) -> None:
        if is_leaf:
            expected = leaf_hash(row["body"]).hex()
            text = "the leaf is not the body's hash"
            raise Bad("changed", position, text, field="leaf", expected=expected)
        differing = difference(row, body)
        if differing is not None:
            column, member = differing
            text = f"the body's {member} is not the column's, and its hash is not its leaf"
            raise Bad("changed", position, text, field=member, expected=plain(row[column]))
        raise Bad("changed", position, "the body's hash is not its leaf", field="body")

    def _hold_columns(self, row: Row, body: dict[str, Any], position: int) -> None:
        differing = difference(row, body)
        if differing is not None:
            column, member = differing
            text = f"the column {column} is not what the entry says"
            raise Bad("changed", position, text, field=column, expected=body.get(member))

    def _told(self, position: int) -> bytes | None:
        """Return the leaf that the tree took in at a place; None where it has not yet."""
        if position >= self._size:
            return None
        tile, at = divmod(position, TILE_HASHES)
        if self._tile[0] != tile:
            self._tile = tile, self._tile_of(0, tile, position)
        found = self._tile[1][at * HASH_BYTES : (at + 1) * HASH_BYTES]
        if len(found) < HASH_BYTES:
            raise Bad("changed", position, "the tree's tile is too short", field="tile")
        return found

    def _tile_of(self, level: int, tile: int, position: int) -> bytes:
        row = self._reader.maybe(queries.TILE(tenant_id=HOUSE, log=LOG, level=level, tile=tile))
        if row is None:
            text = f"tile {tile} of the tree's level {level} is missing"
            raise Bad("changed", position, text, field="tile")
        if not isinstance(row["hashes"], bytes):
            text = f"tile {tile} of the tree's level {level} holds no bytes"
            raise Bad("changed", position, text, field="tile")
        return row["hashes"]

    def _grow(self, frontier: Frontier, leaf: bytes, position: int) -> None:
        """Add a leaf, and hold the tree's upper tiles against what it makes complete."""
        for node in frontier.append(leaf):
            if node.level and node.level % model.HEIGHT == 0 and position < self._size:
                level, (tile, at) = node.level // model.HEIGHT, divmod(node.index, TILE_HASHES)
                if (level, tile) not in self._upper:
                    self._upper = {one: of for one, of in self._upper.items() if one[0] != level}
                    self._upper[level, tile] = self._tile_of(level, tile, position)
                held = self._upper[level, tile][at * HASH_BYTES : (at + 1) * HASH_BYTES]
                if held != node.hash:
                    text = f"tile {tile} of the tree's level {level} is not over these entries"
                    raise Bad("changed", position, text, field="tile", expected=node.hash.hex())

    def _hold(self, signed: _Signed, frontier: Frontier) -> None:
        if frontier.root() != signed.root:
            text = (
                f"entries {self._covered} to {signed.size - 1} are not those that were signed"
                f" {signed.where}"
            )
            expected = signed.root.hex()
            raise Bad("changed", self._covered, text, field="root", expected=expected)
        self._checkpoints += 1
        self._covered = signed.size

    def _look_behind(self) -> None:
        """Find entries that nobody counted."""
        last = self._reader.maybe(queries.LAST_POSITION(log=LOG))
        # Read after the last place: what was committed meanwhile is counted.
        writer = self._reader.maybe(WRITER_ROW(shard=SHARD))
        count = writer["entries"] if writer else 0
        if last is not None and last["position"] >= count:
            text = f"an entry stands at {last['position']}, and the writer counted {count}"
            raise Bad("changed", count, text, field="position")


def _of(found: Checkpoint, where: str) -> _Signed:
    return _Signed(found.size, found.root, where)
