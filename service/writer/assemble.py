"""Puts a writer together: takes over, rebuilds feature state, makes the loop. Starts nothing."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from keys.sealing import Sealer
from service.carriers.queue import Put
from service.db.statements import Bound, Row
from service.db.store import Store
from service.kernel.clock import Clock
from service.state.cache import STATE_SCHEMA, EntityCache, StateCodec
from service.state.rebuild import ANY_STATE, FORGET_STATES, PORTION, rebuild
from service.unit_of_work.events import observations_after
from service.unit_of_work.fence import NOTE_STATE, Fence, WriterClock
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.ports import BatchObserver, Ports
from service.unit_of_work.run import UnitOfWork
from service.writer.fence import MemoryFence, take_over
from service.writer.inbox import Inbox
from service.writer.loop import Loop
from service.writer.scoring import Scoring

SHARD: Final = 0
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
    """A writer that is ready to run.

    Attributes:
        scoring: Has models ready, and holds commands that need one; None where there are none.
    """

    handlers: Handlers
    inbox: Inbox
    loop: Loop
    work: UnitOfWork
    cache: EntityCache
    rebuilt_events: int
    scoring: Scoring | None = None

    @property
    def put(self) -> Put:
        """Where commands are brought."""
        return self.inbox.put if self.scoring is None else self.scoring.put

    def stop(self) -> None:
        """Finish what waits; load no more models."""
        if self.scoring is not None:
            self.scoring.stop()
        self.loop.stop()


def assemble(parts: Parts) -> Writer:
    """Take over the shard, read back what memory holds, and return the writer.

    Feature state of another feature set is forgotten first and built anew from the whole log.

    Raises:
        StoreUnavailable: The store could not be read or written.
    """
    store, codec = parts.store, parts.codec
    row = take_over(store, shard=SHARD, now=parts.clock.now())
    fence, clock = parts.fence(row), WriterClock(parts.clock, last=row["now"])
    fetch = partial(_fetch, store)
    folded = row["folded"]
    if (row["feature_set"], row["schema"]) != (codec.feature_set, STATE_SCHEMA):
        folded = 0
        _forget(parts, fence, now=clock.now())
    cache = EntityCache(codec, bytes_max=parts.entity_bytes_max)
    ports = Ports(
        store=store,
        fence=fence,
        clock=clock,
        cache=cache,
        sealer=parts.sealer,
        random=parts.random,
        observer=parts.observer,
    )
    work = UnitOfWork(parts.handlers, ports, sequence=row["sequence"])
    rebuilt = rebuild(
        fetch,
        cache,
        folded=folded,
        events_after=partial(observations_after, fetch),
        write_back=work.write_back,
    )
    cache.caught_up(row["sequence"])
    inbox = Inbox(parts.handlers, length_max=parts.queue_length_max)
    return Writer(
        handlers=parts.handlers,
        inbox=inbox,
        loop=Loop(inbox, work, parts.observer),
        work=work,
        cache=cache,
        rebuilt_events=rebuilt,
    )


def _fetch(store: Store, read: Bound) -> list[Row]:
    [rows] = store.fetch([read])
    return rows


def _forget(parts: Parts, fence: Fence, *, now: dt.datetime) -> None:
    """Delete all states, which are functions of the log, and note whose features come now.

    A portion at a time, as a statement may not take long. Nothing is folded from the first one
    on, and the row names the new features with the last: a start that is cut short begins again.
    """
    transaction = parts.store.begin()
    step = fence.step(commands=0, written=0, folded=0, now=now)
    while _fetch(parts.store, ANY_STATE()):
        transaction.run([step, FORGET_STATES(limit=PORTION)])
        transaction.commit()
        transaction = parts.store.begin()
    note = NOTE_STATE(of_shard=fence.shard, now_of=parts.codec.feature_set, in_form=STATE_SCHEMA)
    transaction.run([step, note])
    transaction.commit()
