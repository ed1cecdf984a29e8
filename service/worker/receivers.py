"""What the worker remembers of a receiver: how it fared, so how much it is given. Pure."""

import asyncio
from collections import deque
from typing import Final

from service.worker.parcels import WAITING_PER_RECEIVER, Outcome, Parcel

# A receiver proves with each answer that it can take more: a slow one never fills the worker.
WINDOW_FIRST: Final = 4
FAILURES_MAX: Final = 5
REST_FIRST_NS: Final = 5_000_000_000
REST_MAX_NS: Final = 120_000_000_000
# More than one parcel at a time only to one that falls behind; else they arrive in their order.
SENDERS_MAX: Final = 8
PARCELS_PER_SENDER: Final = 8


class Receiver:
    """One receiver's queue and breaker. Belongs to one event loop.

    Attributes:
        id: The endpoint's id.
        waiting: Parcels that nobody sends yet, oldest first.
        held: Parcels of it in memory: waiting, being sent, or sent and not yet reported.
        senders: Who is sending to it now.
        failures: How many attempts failed since the last that did not.
        has_more: More of its parcels were due than it could be given.
        arrived: Set when a parcel joins `waiting`.
    """

    def __init__(self, name: str) -> None:
        self.id = name
        self.waiting: deque[Parcel] = deque()
        self.held = 0
        self.senders = 0
        self.failures = 0
        self.has_more = False
        self.arrived = asyncio.Event()
        self._window = WINDOW_FIRST
        self._rests_until_ns = 0

    def room(self, now_ns: int, *, is_tight: bool) -> int:
        """Return how many more parcels it may be given.

        Args:
            now_ns: Monotonic nanoseconds.
            is_tight: Half of the worker is full: one parcel each, so that all get theirs.
        """
        if now_ns < self._rests_until_ns:
            return 0
        # After many failures one parcel tries whether it is there again.
        window = 1 if is_tight or self.failures >= FAILURES_MAX else self._window
        return max(window - self.held, 0)

    def came(self, outcome: Outcome, now_ns: int) -> None:
        """Take note of an attempt."""
        if outcome.delivered:
            self.failures = 0
            self._rests_until_ns = 0
            self._window = min(self._window * 2, WAITING_PER_RECEIVER)
            return
        self.failures += 1
        self._window = 1
        rest_ns = (outcome.retry_after_s or 0) * 1_000_000_000
        if self.failures >= FAILURES_MAX:
            doublings = min(self.failures - FAILURES_MAX, 10)
            rest_ns = max(rest_ns, REST_FIRST_NS << doublings)
        self._rests_until_ns = now_ns + min(rest_ns, REST_MAX_NS)

    def wants_sender(self) -> bool:
        """Whether one more sender should begin."""
        if not self.waiting or self.senders >= SENDERS_MAX:
            return False
        wanted = 1 + len(self.waiting) // PARCELS_PER_SENDER
        return self.senders < (1 if self.failures else wanted)

    def is_forgettable(self, now_ns: int) -> bool:
        """Whether nothing is lost by forgetting it."""
        rests = now_ns < self._rests_until_ns
        return not (self.held or self.senders or self.failures or rests)
