"""Greenlets on an event loop: a request parks while what it waits for is away.

All of it belongs to the loop's thread. Only the pool's threads run beside it, and what they
bring back is handed over by the loop.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Generic, TypeVar

import greenlet

Made = TypeVar("Made")


class NotInTime(Exception):  # noqa: N818  states what is so
    """What a greenlet waited for did not come in its time."""


class Hub:
    """Starts greenlets, and knows the one to go back to.

    Args:
        loop: The loop on which everything happens; this is made in the greenlet that runs it.
        threads: How many blocking calls run at a time; the others wait for their turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, threads: int) -> None:
        self.loop: Final = loop
        self._home: Final = greenlet.getcurrent()
        self._pool: Final = ThreadPoolExecutor(threads, thread_name_prefix="blocking")

    def spawn(self, work: Callable[[], None]) -> None:
        """Run work in a greenlet of its own, until its end or until it first waits.

        Its context is empty and its own: no context variable of another request is seen in it.
        """
        assert self.is_home()
        greenlet.greenlet(work, self._home).switch()

    def is_home(self) -> bool:
        """Say whether this is the loop itself and no request."""
        return greenlet.getcurrent() is self._home

    def switch_home(self) -> None:
        """Give the loop back; returns when somebody resumes this greenlet."""
        assert not self.is_home(), "the loop itself waits for nobody"
        self._home.switch()

    def offload(self, work: Callable[[], Made], *, timeout_s: float) -> Made:
        """Do what may block in a thread of the pool, and park meanwhile.

        Raises:
            NotInTime: The wait ended first. Work that had begun goes on to its end, work that
                had not is never begun.
            Exception: What the work raised.
        """
        wait: Wait[Future[Made]] = Wait(self)
        future = self._pool.submit(work)
        future.add_done_callback(
            lambda done: self.loop.call_soon_threadsafe(wait.fill, done)  # its thread is the pool's
        )
        try:
            return wait.result(timeout_s=timeout_s).result()
        except NotInTime:
            future.cancel()
            raise

    def stop(self) -> None:
        """Begin no further blocking work; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class Wait(Generic[Made]):
    """One greenlet's wait for one result."""

    __slots__ = ("_filled", "_greenlet", "_hub", "_result")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._filled = False
        self._result: Made | None = None
        self._greenlet: greenlet.greenlet | None = None

    def fill(self, result: Made) -> None:
        """Leave the result, and resume who waits for it. The first result counts."""
        if self._filled:
            return
        self._filled = True
        self._result = result
        if self._greenlet is None:
            return
        if self._hub.is_home():
            self._resume()
        else:
            # Two greenlets must not resume each other: the first would never be gone back to.
            self._hub.loop.call_soon(self._resume)

    def result(self, *, timeout_s: float) -> Made:
        """Return the result, parked until it is there.

        Raises:
            NotInTime: It did not come in time.
        """
        if not self._filled:
            timer = self._hub.loop.call_later(max(timeout_s, 0.0), self._resume)
            self._greenlet = greenlet.getcurrent()
            try:
                self._hub.switch_home()
            finally:
                self._greenlet = None
                timer.cancel()
        if not self._filled:
            raise NotInTime
        # What was filled in is what the type says.
        return self._result  # type: ignore[return-value]  # None only where Made allows it

    def _resume(self) -> None:
        if self._greenlet is not None:
            self._greenlet.switch()
