"""The worker's loop: asks each room what is due, submits it, waits. Changes no row itself."""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger

from service.db.store import StoreUnavailable
from service.kernel.clock import Clock
from service.kernel.errors import Faulted, SubmitFailed
from service.unit_of_work.commands import Submit
from service.worker.due import Due

DUE_AT_ONCE: Final = 200
SUBMIT_TIMEOUT_NS: Final = 5_000_000_000
# A timer whose command faults is left alone this long; it must not fill the log.
FAULT_PAUSE: Final = dt.timedelta(minutes=5)
FAULTS_KEPT_MAX: Final = 10_000


Timer = Callable[[dt.datetime, int], Sequence[Due]]


class WorkerLoop:
    """Polls the rooms' timers.

    Args:
        timers: Say what is due.
        submit: The way to the writer.
        clock: Tells the time.
        every_s: How long between two polls when little is due.
        log: Gets what could not be done.
        paused: Kept here, for timers that need not read what is left alone: subjects, until when.
    """

    def __init__(
        self,
        timers: Sequence[Timer],
        *,
        submit: Submit,
        clock: Clock,
        every_s: float,
        log: FilteringBoundLogger,
        paused: dict[str, dt.datetime] | None = None,
    ) -> None:
        self._timers = timers
        self._submit = submit
        self._clock = clock
        self._every_s = every_s
        self._stopping = threading.Event()
        self._paused = {} if paused is None else paused
        self._log = log

    def stop(self) -> None:
        """Finish the command under way, then return from `run`."""
        self._stopping.set()

    def run(self) -> None:
        """Serve timers until told to stop."""
        while not self._stopping.is_set():
            if self.run_once() < DUE_AT_ONCE:
                self._stopping.wait(self._every_s)

    def run_once(self) -> int:
        """Submit what is due now; return how many commands were done."""
        now = self._clock.now()
        for one in [one for one, until in self._paused.items() if until <= now]:
            del self._paused[one]
        done = 0
        for timer in self._timers:
            try:
                # Those left alone are due all the same; they must not crowd out the others.
                due = timer(now, DUE_AT_ONCE + len(self._paused))
            except StoreUnavailable:
                # The database is made or restored by others; the next poll tries again.
                continue
            done += sum(self._settle(one, now) for one in due if not self._stopping.is_set())
        return done

    def _settle(self, due: Due, now: dt.datetime) -> bool:
        if due.subject in self._paused:
            return False
        deadline_ns = self._clock.monotonic_ns() + SUBMIT_TIMEOUT_NS
        try:
            self._submit(due.command, call=due.call, deadline_ns=deadline_ns, lane="later")
        except Faulted as fault:
            if len(self._paused) >= FAULTS_KEPT_MAX:
                self._paused.clear()
            self._paused[due.subject] = now + FAULT_PAUSE
            self._log.error("timer_faulted", subject=due.subject, fault_id=fault.fault_id)
            return False
        except SubmitFailed as failed:
            # It is still due, so the next poll finds it again.
            self._log.warning("timer_postponed", reason=type(failed).__name__)
            self._stopping.wait(self._every_s)
            return False
        return True
