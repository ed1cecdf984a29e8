"""The writer's loop: take what is ready, run it, commit once, answer. No timer, no added delay."""

import threading
from collections.abc import Callable
from typing import Final

from service.kernel.errors import Overloaded, ResultUnknown
from service.unit_of_work.ports import BatchObserver
from service.unit_of_work.run import Deferred, UnitOfWork
from service.writer.inbox import Inbox, Waiting

IDLE_S: Final = 0.05


class Loop:
    """Runs until told to stop, or until only a restart is safe."""

    def __init__(self, inbox: Inbox, work: UnitOfWork, observer: BatchObserver) -> None:
        self._inbox = inbox
        self._work = work
        self._observer = observer
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Finish what waits, then return from `run`."""
        self._stopping.set()
        self._inbox.stop_taking()

    def run(self, *, ready: Callable[[], None]) -> None:
        """Serve commands.

        Args:
            ready: Called once, before the first batch.

        Raises:
            WriterStops: Memory and store might disagree; the process must end.
        """
        ready()
        try:
            while True:
                batch = self._inbox.take(timeout_s=IDLE_S)
                if batch:
                    self._serve(batch)
                elif self._stopping.is_set():
                    return
                else:
                    self._work.write_back()
        finally:
            for waiting in self._inbox.close():
                waiting.settle(Overloaded())

    def _serve(self, batch: list[Waiting]) -> None:
        try:
            results = self._work.run_batch([waiting.ticket for waiting in batch])
        except BaseException:
            # Whatever it was, the writer ends; what the store holds of this batch, only a retry
            # will be told.
            for waiting in batch:
                waiting.settle(ResultUnknown())
            raise
        self._observer.waiting(len(self._inbox))
        again: list[Waiting] = []
        for waiting, result in zip(batch, results, strict=True):
            if isinstance(result, Deferred):
                again.append(waiting)
            else:
                waiting.settle(result)
        if again:
            self._inbox.put_back(again)
