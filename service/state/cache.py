"""Entity rows in the writer's memory, under a byte limit. Never reads or writes the store."""

import itertools
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.state.entities import ENTITIES, EntityKey, Observation

# Beside its state a cached entity costs its key, its cell and two dictionary slots.
CELL_OVERHEAD_BYTES: Final = 400
# Rows are written back only once this many wait, or one waits this long, or when the writer is
# idle: a hot entity is then written once for many payments.
WAITING_MAX: Final = 2_000
# A restart replays what is not in the rows: at most 100,000 events, and a command makes one or
# two. What is left of them is for the batches that it takes to write back what is late.
LATE_COMMANDS_MAX: Final = 40_000
# Rows that one batch writes back: 64 upserts take well under a millisecond, 512 below 5 ms.
WRITE_BACK_AT_ONCE: Final = 64
WRITE_BACK_AT_ONCE_MAX: Final = 512
# Packing costs 3 us for a state of three payments and 400 for a payer with thousands, so time
# bounds it, not a count: no step may hold the writer up for 5 ms. What waits four times too long
# gets twice the time, so that it cannot grow for ever.
PACK_WORK_NS: Final = 2_000_000
PACK_WORK_BEHIND_NS: Final = 4_000_000
BEHIND: Final = 4 * WAITING_MAX
# 2: what older events do not say is not known, rather than taken for nothing.
STATE_SCHEMA: Final = 2
# The size of a changed state is taken at its first changes and then at every so many.
MEASURED_EVERY: Final = 8

ENTITY_BY_KEY: Final = Statement(
    sa.select(
        ENTITIES.c.sequence, ENTITIES.c.feature_set, ENTITIES.c.schema, ENTITIES.c.state
    ).where(
        ENTITIES.c.tenant_id == sa.bindparam("tenant_id"),
        ENTITIES.c.mode == sa.bindparam("mode"),
        ENTITIES.c.kind == sa.bindparam("kind"),
        ENTITIES.c.key == sa.bindparam("key"),
    ),
    name="entity",
)
WRITE_ENTITY: Final = Statement(
    sa.text(
        "INSERT INTO entities"
        " (tenant_id, mode, kind, key, schema, feature_set, sequence, state) VALUES"
        " (:tenant_id, :mode, :kind, :key, :schema, :feature_set, :sequence, :state)"
        " ON CONFLICT (tenant_id, mode, kind, key) DO UPDATE SET schema = excluded.schema,"
        " feature_set = excluded.feature_set, sequence = excluded.sequence,"
        " state = excluded.state"
    ),
    rows=1,
    name="write entity",
)


def entity_row(key: EntityKey) -> Bound:
    """Return the read of an entity's row."""
    return ENTITY_BY_KEY(tenant_id=key.tenant_id, mode=key.mode, kind=key.kind, key=key.key)


class State(Protocol):
    """One entity's feature state; risk defines what is in it."""

    def add(
        self,
        at: Any,
        amount_minor: int,
        currency: str,
        is_declined: bool | None = None,  # noqa: FBT001  as risk takes it
        others: Mapping[str, str] = ...,
        *,
        ratio_milli: int | None = None,
    ) -> None:
        """Add one observation."""
        ...

    def tell(
        self, at: Any, payment: str, said: Iterable[tuple[int, bool]], *, was_normal: bool
    ) -> None:
        """Take what labels say of a payment."""
        ...

    def miss(self, at: Any) -> None:
        """Take note that what is told up to a time is not all there was."""
        ...

    def copy(self) -> Self:
        """Return a copy that can be changed."""
        ...

    def pack(self) -> bytes:
        """Return the state as bytes."""
        ...

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        ...


def observe(state: State, seen: Observation) -> None:
    """Add an observation to a state."""
    if seen.is_partial:
        state.miss(seen.at)
    told = seen.told
    if told is not None:
        state.tell(seen.at, told.payment_id, told.said, was_normal=told.was_normal)
    else:
        state.add(
            seen.at,
            seen.amount_minor,
            seen.currency,
            seen.is_declined,
            seen.others,
            ratio_milli=seen.ratio_milli,
        )


class StateCodec(Protocol):
    """Makes states; risk provides it."""

    feature_set: str

    def new(self, kind: str) -> State:
        """Return an empty state of a kind of entity."""
        ...

    def unpack(self, kind: str, packed: bytes) -> State:
        """Return the state of a stored row."""
        ...


@dataclass(slots=True)
class _Cell:
    state: State
    sequence: int
    size_bytes: int
    changes: int = 0


class EntityCache:
    """The states of entities, least recently used first; changed ones wait to be written back.

    A changed state is never forgotten before it was written: the limit then holds a little
    later, by at most what is waiting.
    """

    def __init__(self, codec: StateCodec, *, bytes_max: int) -> None:
        self._codec = codec
        self._bytes_max = bytes_max
        self._bytes = 0
        self._cells: OrderedDict[EntityKey, _Cell] = OrderedDict()
        # Changed since the last write-back, with the first sequence that is not in the row;
        # sequences only grow, so the oldest stands first.
        self._changed: OrderedDict[EntityKey, int] = OrderedDict()
        self._changed_last = 0
        self._sequence = 0

    @property
    def size_bytes(self) -> int:
        """About how much memory the states take."""
        return self._bytes

    @property
    def sequence(self) -> int:
        """The last sequence all of whose events are in the states or in their rows."""
        return self._sequence

    @property
    def waiting(self) -> int:
        """How many states wait to be written back."""
        return len(self._changed)

    def missing(self, keys: Iterable[EntityKey]) -> list[EntityKey]:
        """Return those keys whose rows have to be read first."""
        return [key for key in keys if key not in self._cells]

    def load(self, key: EntityKey, rows: list[Row]) -> None:
        """Take a row that was read, or an empty state where there is none.

        Raises:
            ValueError: The row is of another feature set or schema; such rows are rebuilt from
                the log before the writer works (`service.state.rebuild`), never counted anew.
        """
        if not rows:
            self._load(key, self._codec.new(key.kind), 0)
            return
        [row] = rows
        if (row["feature_set"], row["schema"]) != (self._codec.feature_set, STATE_SCHEMA):
            raise ValueError("an entity row of another feature set")
        self._load(key, self._codec.unpack(key.kind, row["state"]), row["sequence"])

    def get(self, key: EntityKey) -> State:
        """Return an entity's state; the caller must not change it.

        Raises:
            KeyError: It was not loaded.
        """
        self._cells.move_to_end(key)
        return self._cells[key].state

    def sequence_of(self, key: EntityKey) -> int:
        """Return the last sequence that an entity's state holds."""
        return self._cells[key].sequence

    def commit(self, states: Mapping[EntityKey, State], *, first: int, last: int) -> None:
        """Take the states of a committed batch, whose commands had these sequences."""
        cells, changed = self._cells, self._changed
        for key, state in states.items():
            if key not in changed:
                changed[key] = first
            cell = cells[key]
            cell.state, cell.sequence = state, last
            cell.changes += 1
            # One payment adds little: to measure every time would cost more than to count it.
            if cell.changes <= MEASURED_EVERY or cell.changes % MEASURED_EVERY == 0:
                self._put(key, cell)
            else:
                cells.move_to_end(key)
        self._changed_last = len(states)
        self._sequence = last

    def caught_up(self, sequence: int) -> None:
        """Take note that every event up to a sequence is in the states or in their rows."""
        self._sequence = sequence

    def due(self) -> int:
        """Return how many states the next batch has to write back, so that few wait.

        As many as the last batch changed, so that what waits does not grow under load.
        """
        if not self._changed:
            return 0
        oldest = next(iter(self._changed.values()))
        if len(self._changed) <= WAITING_MAX and self._sequence - oldest <= LATE_COMMANDS_MAX:
            return 0
        return min(max(WRITE_BACK_AT_ONCE, self._changed_last), WRITE_BACK_AT_ONCE_MAX)

    def write_back(
        self, limit: int, *, worked_ns: Callable[[], int] = lambda: 0
    ) -> list[tuple[EntityKey, Bound]]:
        """Return the statements that write the longest waiting states, oldest first.

        Args:
            limit: At most so many.
            worked_ns: Work done so far by the clock. Once packing took its share of a step, what
                is left waits for the next; the first one is packed whatever it takes.
        """
        chosen: list[tuple[EntityKey, Bound]] = []
        allowed = PACK_WORK_BEHIND_NS if self.waiting > BEHIND else PACK_WORK_NS
        start_ns = worked_ns()
        for key in itertools.islice(self._changed, limit):
            chosen.append((key, self._statement(key)))
            if worked_ns() - start_ns >= allowed:
                break
        return chosen

    def written(self, keys: Iterable[EntityKey]) -> None:
        """Forget that these waited, now that their rows are committed.

        What the same transaction changed in them is told afterwards, by `commit`: it is not in
        the rows that were written, so they wait again.
        """
        for key in keys:
            self._changed.pop(key, None)

    def folded(self, *, written: Iterable[EntityKey]) -> int:
        """Return the sequence up to which every event is in the rows.

        Args:
            written: The states whose rows are written in the same transaction.
        """
        done = set(written)
        waiting = (first for key, first in self._changed.items() if key not in done)
        return next(waiting, self._sequence + 1) - 1

    def trim(self) -> None:
        """Forget the least recently used states until the limit holds; between batches only."""
        over = self._bytes - self._bytes_max
        gone: list[EntityKey] = []
        for key, cell in self._cells.items():
            if over <= 0:
                break
            if key not in self._changed:
                over -= cell.size_bytes
                gone.append(key)
        for key in gone:
            self._bytes -= self._cells.pop(key).size_bytes

    def _statement(self, key: EntityKey) -> Bound:
        cell = self._cells[key]
        return WRITE_ENTITY(
            tenant_id=key.tenant_id,
            mode=key.mode,
            kind=key.kind,
            key=key.key,
            schema=STATE_SCHEMA,
            feature_set=self._codec.feature_set,
            sequence=cell.sequence,
            state=cell.state.pack(),
        )

    def _load(self, key: EntityKey, state: State, sequence: int) -> None:
        cell = self._cells.get(key) or _Cell(state, sequence, 0)
        cell.state, cell.sequence, cell.changes = state, sequence, 0
        self._put(key, cell)

    def _put(self, key: EntityKey, cell: _Cell) -> None:
        self._bytes -= cell.size_bytes
        cell.size_bytes = cell.state.size_bytes + CELL_OVERHEAD_BYTES
        self._bytes += cell.size_bytes
        self._cells[key] = cell
        self._cells.move_to_end(key)


class Overlay:
    """What has been added to states, over the cache or another overlay; dropped or kept whole.

    A command adds to its own over the batch's, which takes it when the command has returned:
    so a command that fails half-way leaves nothing, and the next one sees what the ones before
    it added.
    """

    def __init__(self, below: "EntityCache | Overlay") -> None:
        self._below = below
        self._states: dict[EntityKey, State] = {}

    @property
    def states(self) -> Mapping[EntityKey, State]:
        """The changed states."""
        return self._states

    def get(self, key: EntityKey) -> State:
        """Return an entity's state with what was added so far; the caller must not change it."""
        state = self._states.get(key)
        return state if state is not None else self._below.get(key)

    def add(self, key: EntityKey, observation: Observation) -> None:
        """Add one observation."""
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = self._below.get(key).copy()
        observe(state, observation)

    def join(self, above: "Overlay") -> None:
        """Take what was added to an overlay over this one."""
        self._states.update(above.states)
