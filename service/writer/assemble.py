"""Puts a writer together: takes over, rebuilds feature state, makes the loop. Starts nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keys.sealing import Sealer
from service.db.statements import Row
from service.db.store import Store
from service.kernel.clock import Clock
from service.state.cache import EntityCache, StateCodec
from service.state.rebuild import rebuild
from service.unit_of_work.events import EVENTS_AFTER
from service.unit_of_work.fence import Fence, WriterClock
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.ports import BatchObserver, Ports
from service.unit_of_work.run import UnitOfWork
from service.writer.fence import MemoryFence, take_over
from service.writer.inbox import Inbox
from service.writer.loop import Loop

SHARD: Final = 0
EVENTS_AT_ONCE: Final = 2_000
MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a writer is made of.

    Attributes:
        store: Its connection; the caller closes it.
        handlers: All rooms' handlers.
        clock: The system's clock.
        random: System entropy.
        sealer: Seals faulted commands.
        codec: Makes feature state.
        observer: Told about commits.
        queue_length_max: Commands that may wait in each lane.
        entity_bytes_max: Memory for feature state.
        fence: Makes the fence of the writer's row; only tests bring another.
    """

    store: Store
    handlers: Handlers
    clock: Clock
    random: Callable[[int], bytes]
    sealer: Sealer
    codec: StateCodec
    observer: BatchObserver
    queue_length_max: int
    entity_bytes_max: int
    fence: Callable[[Row], Fence] = MemoryFence


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """A writer that is ready to run."""

    handlers: Handlers
    inbox: Inbox
    loop: Loop
    work: UnitOfWork
    cache: EntityCache
    rebuilt_events: int


def assemble(parts: Parts) -> Writer:
    """Take over the shard, read back what memory holds, and return the writer.

    Raises:
        StoreUnavailable: The store could not be read or written.
    """
    row = take_over(parts.store, shard=SHARD, now=parts.clock.now())
    cache = EntityCache(parts.codec, bytes_max=parts.entity_bytes_max)
    rebuilt = rebuild(
        parts.store, cache, folded=row["folded"], events_after=_events_after(parts.store)
    )
    ports = Ports(
        store=parts.store,
        fence=parts.fence(row),
        clock=WriterClock(parts.clock, last=row["now"]),
        cache=cache,
        sealer=parts.sealer,
        random=parts.random,
        observer=parts.observer,
    )
    work = UnitOfWork(parts.handlers, ports, sequence=row["sequence"])
    inbox = Inbox(parts.handlers, length_max=parts.queue_length_max)
    return Writer(
        handlers=parts.handlers,
        inbox=inbox,
        loop=Loop(inbox, work, parts.observer),
        work=work,
        cache=cache,
        rebuilt_events=rebuilt,
    )


def _events_after(store: Store) -> Callable[[int], list[Row]]:
    def events_after(after: int) -> list[Row]:
        [rows] = store.fetch([EVENTS_AFTER(after=after, limit=EVENTS_AT_ONCE)])
        if len(rows) < EVENTS_AT_ONCE:
            return rows
        # The limit may have cut inside a sequence; its events come again, whole, next time.
        last = rows[-1]["sequence"]
        return [row for row in rows if row["sequence"] < last]

    return events_after
