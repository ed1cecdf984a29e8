"""The writer's bounded queue: two lanes, one command a key in a batch, order kept for each key."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from service.kernel.errors import Overloaded
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Lane
from service.unit_of_work.faults import cause_of
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.idempotency import lock_key
from service.unit_of_work.run import Result

BATCH_MAX: Final = 256
# The later lane's share of a batch while commands of the now lane wait; and of the batches, one
# in this many begins with the later lane, so that it is never starved.
LATER_SHARE: Final = 10


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """A queued command with its keys and the way its result goes back.

    Attributes:
        ticket: The command.
        lane: Where it waits.
        keys: What it touches.
        runs_alone: It declares no reads, so it gets a batch of its own.
        settle: Called once with its result.
        blocked: How many of its keys an earlier command of its lane holds.
    """

    ticket: Ticket
    lane: Lane
    keys: frozenset[str]
    runs_alone: bool
    settle: Callable[[Result], None]
    blocked: int = 0


class Inbox:
    """Takes commands from many threads, gives batches to one."""

    def __init__(self, handlers: Handlers, *, length_max: int) -> None:
        self._handlers = handlers
        self._length_max = length_max
        self._lanes: dict[Lane, _Lane] = {"now": _Lane(), "later": _Lane()}
        self._changed = threading.Condition()
        self._closed = False
        self._given: list[Waiting] = []
        self._turn = 0

    def __len__(self) -> int:
        """Return how many commands wait."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    def put(self, ticket: Ticket, *, lane: Lane, settle: Callable[[Result], None]) -> None:
        """Queue a command.

        Args:
            ticket: The command.
            lane: Where it waits.
            settle: Called once with its result, by the writer's thread.

        Raises:
            KeyError: No room handles it.
            Overloaded: The lane is full, or the writer is stopping.
        """
        waiting = self._waiting(ticket, lane, settle)
        with self._changed:
            queue = self._lanes[lane]
            if self._closed or len(queue.waiting) >= self._length_max:
                raise Overloaded
            queue.append(waiting)
            self._changed.notify()

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Queue again, in front, what the last batch had no time for; before the next `take`."""
        with self._changed:
            again = set(batch)
            self._given = [one for one in self._given if one not in again]
            for one in reversed(batch):
                self._lanes[one.lane].put_back(one)

    def take(self, *, timeout_s: float) -> list[Waiting]:
        """Return the commands that are ready, at most a batch; none when the wait ended first.

        The batch that was taken before is over by now: what waited for its keys is ready.
        """
        with self._changed:
            for one in self._given:
                self._lanes[one.lane].release(one)
            self._given = []
            if not self:
                self._changed.wait(timeout_s)
            self._given = self._choose()
            return list(self._given)

    def close(self) -> list[Waiting]:
        """Refuse new commands and return those that wait; what is taken is finished."""
        with self._changed:
            self._closed = True
            rest = [one for lane in self._lanes.values() for one in lane.waiting]
            self._lanes = {"now": _Lane(), "later": _Lane()}
            self._given = []
            self._changed.notify_all()
            return rest

    def stop_taking(self) -> None:
        """Refuse new commands; those that wait are still given out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _waiting(self, ticket: Ticket, lane: Lane, settle: Callable[[Result], None]) -> Waiting:
        handler = self._handlers.of(ticket.command)
        runs_alone = handler.reads is None
        own = lock_key(ticket.call)
        keys = set() if own is None else {own}
        try:
            keys |= set(handler.keys(ticket.command, ticket.call))
        except Exception as error:  # noqa: BLE001  a declaration may fail in any way
            # Nobody knows what it touches; it runs alone, and only to its fault.
            ticket = replace(ticket, cause=cause_of(error))
            runs_alone = True
        return Waiting(
            ticket=ticket, lane=lane, keys=frozenset(keys), runs_alone=runs_alone, settle=settle
        )

    def _choose(self) -> list[Waiting]:
        now, later = self._lanes["now"], self._lanes["later"]
        chosen = _Chosen()
        if not now.waiting or not later.waiting:
            chosen.fill(now, BATCH_MAX)
            chosen.fill(later, BATCH_MAX)
            return chosen.batch
        share = BATCH_MAX // LATER_SHARE
        self._turn = (self._turn + 1) % LATER_SHARE
        if self._turn == 0:
            chosen.fill(later, share)
            chosen.fill(now, BATCH_MAX - len(chosen.batch))
        else:
            chosen.fill(now, BATCH_MAX)
            chosen.fill(later, min(share, BATCH_MAX - len(chosen.batch)))
        return chosen.batch


class _Lane:
    """Commands in the order they came; for each key, only the first one is ready."""

    def __init__(self) -> None:
        self.waiting: dict[Waiting, None] = {}
        self.ready: deque[Waiting] = deque()
        # For each key, the commands that touch it: the one that is ready or running, and
        # those behind it.
        self._holders: dict[str, deque[Waiting]] = {}

    def append(self, one: Waiting) -> None:
        self.waiting[one] = None
        one.blocked = 0
        for key in one.keys:
            holders = self._holders.setdefault(key, deque())
            one.blocked += bool(holders)
            holders.append(one)
        if one.blocked == 0:
            self.ready.append(one)

    def pop(self) -> Waiting:
        """Give out the first ready command; it holds its keys until it is released."""
        one = self.ready.popleft()
        del self.waiting[one]
        return one

    def put_back(self, one: Waiting) -> None:
        """Take back, in front, a command that was given out."""
        self.waiting[one] = None
        self.ready.appendleft(one)

    def release(self, one: Waiting) -> None:
        """Let those behind a finished command at its keys."""
        for key in one.keys:
            holders = self._holders[key]
            holders.popleft()
            if not holders:
                del self._holders[key]
                continue
            holders[0].blocked -= 1
            if holders[0].blocked == 0:
                self.ready.append(holders[0])


class _Chosen:
    """A batch in the making."""

    def __init__(self) -> None:
        self.batch: list[Waiting] = []
        self._keys: set[str] = set()
        self._is_closed = False

    def fill(self, lane: _Lane, limit: int) -> None:
        """Take ready commands whose keys the batch does not touch yet, up to a number.

        Within a lane no two ready commands share a key; what is passed over here shares one
        with the other lane's part of the batch, so there are few.
        """
        passed: list[Waiting] = []
        taken = 0
        while lane.ready and taken < limit and not self._is_closed:
            one = lane.ready[0]
            if one.runs_alone and self.batch:
                # Its turn is next: nothing that was ready after it overtakes it.
                break
            if self._keys.isdisjoint(one.keys):
                self._add(lane.pop())
                taken += 1
            else:
                passed.append(lane.ready.popleft())
        lane.ready.extendleft(reversed(passed))

    def _add(self, one: Waiting) -> None:
        self.batch.append(one)
        self._keys |= one.keys
        self._is_closed = one.runs_alone
