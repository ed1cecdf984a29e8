"""The only reader of the clock. Everything else takes `now` as an argument."""

import datetime as dt
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time; FrozenClock stands in for it in tests."""

    def now(self) -> dt.datetime:
        """Return the current instant, aware, in UTC."""
        ...

    def monotonic_ns(self) -> int:
        """Return nanoseconds that never go back; one base for all processes of a host."""
        ...

    def worked_ns(self) -> int:
        """Return nanoseconds that the calling thread has worked; only differences mean anything."""
        ...


class SystemClock:
    """The system's clock."""

    def now(self) -> dt.datetime:
        """Return the system's wall clock, aware, in UTC."""
        return dt.datetime.now(dt.UTC)

    def monotonic_ns(self) -> int:
        """Return CLOCK_MONOTONIC in nanoseconds."""
        return time.monotonic_ns()

    def worked_ns(self) -> int:
        """Return the thread's CPU time."""
        return time.thread_time_ns()


class FrozenClock:
    """A clock that moves only when told to; the fake that ships with the port."""

    def __init__(self, at: dt.datetime) -> None:
        self._now = at
        self._monotonic_ns = 0

    def now(self) -> dt.datetime:
        """Return the instant that was set."""
        return self._now

    def monotonic_ns(self) -> int:
        """Return the nanoseconds by which the clock was moved forward."""
        return self._monotonic_ns

    def worked_ns(self) -> int:
        """Return the same: as long as this clock stands still, nobody works."""
        return self._monotonic_ns

    def advance(self, by: dt.timedelta) -> None:
        """Move wall clock and monotonic clock forward by the same span.

        Raises:
            ValueError: The span is negative; use `step` to set the wall clock back.
        """
        if by < dt.timedelta(0):
            raise ValueError("time only advances; use step() to set the wall clock")
        self._now += by
        self._monotonic_ns += by // dt.timedelta(microseconds=1) * 1_000

    def step(self, by: dt.timedelta) -> None:
        """Set the wall clock forward or back, as an administrator or NTP does."""
        self._now += by
