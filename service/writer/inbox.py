"""The writer's bounded queue: two lanes, one command a key in a batch, order kept for each key."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from service.kernel.errors import Overloaded
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Lane
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.idempotency import lock_key
from service.unit_of_work.run import Result

BATCH_MAX: Final = 256
# The later lane's share of a batch while commands of the now lane wait.
LATER_SHARE: Final = 10
# Waiting commands that one take looks at, so that a long run of one hot key stays cheap.
LOOKED_AT_MAX: Final = 2_048


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A queued command with its keys and the way its result goes back."""

    ticket: Ticket
    keys: frozenset[str]
    runs_alone: bool
    settle: Callable[[Result], None]


class Inbox:
    """Takes commands from many threads, gives batches to one."""

    def __init__(self, handlers: Handlers, *, length_max: int) -> None:
        self._handlers = handlers
        self._length_max = length_max
        self._now: deque[Waiting] = deque()
        self._later: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        """Return how many commands wait."""
        return len(self._now) + len(self._later)

    def put(self, ticket: Ticket, *, lane: Lane, settle: Callable[[Result], None]) -> None:
        """Queue a command.

        Args:
            ticket: The command.
            lane: Where it waits.
            settle: Called once with its result, by the writer's thread.

        Raises:
            Overloaded: The lane is full, or the writer is stopping.
        """
        waiting = self._waiting(ticket, settle)
        with self._changed:
            queue = self._now if lane == "now" else self._later
            if self._closed or len(queue) >= self._length_max:
                raise Overloaded
            queue.append(waiting)
            self._changed.notify()

    def put_back(self, batch: Sequence[Waiting]) -> None:
        """Queue again, in front, what a batch had no time for."""
        with self._changed:
            self._now.extendleft(reversed(batch))

    def take(self, *, timeout_s: float) -> list[Waiting]:
        """Return the commands that are ready, at most a batch; none when the wait ended first."""
        with self._changed:
            if not self._now and not self._later:
                self._changed.wait(timeout_s)
            chosen = _Chosen()
            self._choose(self._now, chosen, BATCH_MAX)
            left = BATCH_MAX - len(chosen.batch)
            share = min(left, BATCH_MAX // LATER_SHARE) if self._now else left
            self._choose(self._later, chosen, share)
            return chosen.batch

    def close(self) -> list[Waiting]:
        """Refuse new commands and return those that wait; what is taken is finished."""
        with self._changed:
            self._closed = True
            rest = [*self._now, *self._later]
            self._now.clear()
            self._later.clear()
            self._changed.notify_all()
            return rest

    def stop_taking(self) -> None:
        """Refuse new commands; those that wait are still given out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _waiting(self, ticket: Ticket, settle: Callable[[Result], None]) -> Waiting:
        handler = self._handlers.of(ticket.command)
        keys = set(handler.keys(ticket.command, ticket.call))
        own = lock_key(ticket.call)
        if own is not None:
            keys.add(own)
        return Waiting(
            ticket=ticket,
            keys=frozenset(keys),
            runs_alone=handler.reads is None,
            settle=settle,
        )

    @staticmethod
    def _choose(queue: "deque[Waiting]", chosen: "_Chosen", limit: int) -> None:
        """Move commands into the batch whose keys neither it nor an earlier waiter touches."""
        skipped: list[Waiting] = []
        taken = 0
        while queue and taken < limit and len(skipped) < LOOKED_AT_MAX and not chosen.is_closed:
            waiting = queue.popleft()
            if chosen.admits(waiting):
                chosen.add(waiting)
                taken += 1
            else:
                chosen.block(waiting)
                skipped.append(waiting)
        queue.extendleft(reversed(skipped))


class _Chosen:
    """A batch in the making."""

    def __init__(self) -> None:
        self.batch: list[Waiting] = []
        self.is_closed = False
        self._keys: set[str] = set()

    def admits(self, waiting: Waiting) -> bool:
        if waiting.runs_alone:
            return not self.batch and not self._keys
        return self._keys.isdisjoint(waiting.keys)

    def add(self, waiting: Waiting) -> None:
        self.batch.append(waiting)
        self._keys |= waiting.keys
        self.is_closed = waiting.runs_alone

    def block(self, waiting: Waiting) -> None:
        """Keep the order: nothing that shares a key with a waiter may overtake it."""
        self._keys |= waiting.keys
        self.is_closed = self.is_closed or waiting.runs_alone
