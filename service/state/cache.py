"""Entity rows in the writer's memory, under a byte limit. Never reads or writes the store."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.state.entities import ENTITIES, EntityKey, Observation

# Beside its state a cached entity costs its key, its cell and two dictionary slots.
CELL_OVERHEAD_BYTES: Final = 400
# Rows that one batch writes back at most; 64 upserts take well under a millisecond.
WRITE_BACK_AT_ONCE: Final = 64
STATE_SCHEMA: Final = 1

ENTITY_BY_KEY: Final = Statement(
    sa.select(ENTITIES.c.sequence, ENTITIES.c.feature_set, ENTITIES.c.state).where(
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


class State(Protocol):
    """One entity's feature state; risk defines what is in it."""

    def add(self, at: Any, amount_minor: int, currency: str) -> None:
        """Add one observation."""
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


class StateCodec(Protocol):
    """Makes states; risk provides it."""

    feature_set: str

    def new(self) -> State:
        """Return an empty state."""
        ...

    def unpack(self, packed: bytes) -> State:
        """Return the state of a stored row."""
        ...


@dataclass(slots=True)
class _Cell:
    state: State
    sequence: int
    size_bytes: int


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
        # Changed since the last write-back, with the first sequence that is not in the row.
        self._changed: OrderedDict[EntityKey, int] = OrderedDict()

    @property
    def size_bytes(self) -> int:
        """About how much memory the states take."""
        return self._bytes

    @property
    def waiting(self) -> int:
        """How many states wait to be written back."""
        return len(self._changed)

    def missing(self, keys: Iterable[EntityKey]) -> list[EntityKey]:
        """Return those keys whose rows have to be read first."""
        return [key for key in keys if key not in self._cells]

    def load(self, key: EntityKey, rows: list[Row]) -> None:
        """Take a row that was read, or an empty state where there is none."""
        if rows and rows[0]["feature_set"] == self._codec.feature_set:
            state = self._codec.unpack(rows[0]["state"])
            self._put(key, state, rows[0]["sequence"])
        else:
            self._put(key, self._codec.new(), 0)

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
        for key, state in states.items():
            self._changed.setdefault(key, first)
            self._put(key, state, last)

    def write_back(self, limit: int = WRITE_BACK_AT_ONCE) -> list[tuple[EntityKey, Bound]]:
        """Return the statements that write the longest waiting states, oldest first."""
        chosen = list(self._changed)[:limit]
        return [(key, self._statement(key)) for key in chosen]

    def written(self, keys: Iterable[EntityKey]) -> None:
        """Forget that these waited, now that their rows are committed."""
        for key in keys:
            self._changed.pop(key, None)

    def folded(self, newest: int, *, written: Iterable[EntityKey]) -> int:
        """Return the sequence up to which every event is in the rows.

        Args:
            newest: The last committed sequence.
            written: Those whose rows are written in the same transaction.
        """
        done = set(written)
        waiting = [first for key, first in self._changed.items() if key not in done]
        return min([newest + 1, *waiting]) - 1

    def trim(self) -> None:
        """Forget the least recently used states until the limit holds; between batches only."""
        if self._bytes <= self._bytes_max:
            return
        for key in list(self._cells):
            if self._bytes <= self._bytes_max:
                return
            if key not in self._changed:
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

    def _put(self, key: EntityKey, state: State, sequence: int) -> None:
        old = self._cells.get(key)
        if old is not None:
            self._bytes -= old.size_bytes
        size = state.size_bytes + CELL_OVERHEAD_BYTES
        self._cells[key] = _Cell(state, sequence, size)
        self._cells.move_to_end(key)
        self._bytes += size


class Overlay:
    """What a batch's commands have added to states, over the cache; dropped or committed whole."""

    def __init__(self, cache: EntityCache) -> None:
        self._cache = cache
        self._states: dict[EntityKey, State] = {}

    @property
    def states(self) -> Mapping[EntityKey, State]:
        """The changed states."""
        return self._states

    def get(self, key: EntityKey) -> State:
        """Return an entity's state as the next command of the batch sees it."""
        state = self._states.get(key)
        return state if state is not None else self._cache.get(key)

    def add(self, key: EntityKey, observation: Observation) -> None:
        """Add one observation of a command that has returned."""
        state = self._states.get(key)
        if state is None:
            state = self._states[key] = self._cache.get(key).copy()
        state.add(observation.at, observation.amount_minor, observation.currency)
