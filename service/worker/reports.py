"""Reports what came of deliveries as commands, in groups, until the writer has answered."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from structlog.typing import FilteringBoundLogger

from service.kernel.clock import Clock
from service.kernel.errors import Faulted, SubmitFailed
from service.unit_of_work.commands import Submit
from service.worker.due import Due
from service.worker.parcels import Outcome, Settle

# Outcomes of so short a time are reported together, up to so many.
GATHER_S: Final = 0.01
GROUP_MAX: Final = 200
SUBMITS_AT_ONCE: Final = 8
SUBMIT_TIMEOUT_NS: Final = 5_000_000_000
RETRY_FIRST_S: Final = 0.1
RETRY_MAX_S: Final = 2.0


class _Refused(Exception):  # noqa: N818  says what the writer did
    """The writer would not take a report: what it is about has changed."""


class Reports:
    """Outcomes on their way to the writer. Belongs to one event loop.

    Args:
        settle: Turns outcomes into commands.
        submit: The way to the writer.
        clock: Tells the time.
        settled: Called once for each outcome that needs no more reporting, and whether its
            delivery is to be left alone for a while, since the writer would not have it.
        log: Gets counts, never content.
    """

    def __init__(
        self,
        settle: Settle,
        *,
        submit: Submit,
        clock: Clock,
        settled: Callable[[Outcome, bool], None],
        log: FilteringBoundLogger,
    ) -> None:
        self._settle = settle
        self._submit = submit
        self._clock = clock
        self._settled = settled
        self._log = log
        self._waiting: deque[Outcome] = deque()
        self._news = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._threads = ThreadPoolExecutor(SUBMITS_AT_ONCE, thread_name_prefix="report")

    def put(self, outcome: Outcome) -> None:
        """Take an outcome to report; whoever sends keeps their number in bounds."""
        self._waiting.append(outcome)
        self._quiet.clear()
        self._news.set()

    async def run(self) -> None:
        """Report until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            size = min(len(self._waiting), GROUP_MAX)
            await self._report([self._waiting.popleft() for _ in range(size)])
            if not self._waiting:
                self._news.clear()
                self._quiet.set()

    async def drained(self) -> None:
        """Return once everything that was put is reported."""
        await self._quiet.wait()

    def close(self) -> None:
        """Let the threads end after the command under way."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _report(self, group: Sequence[Outcome]) -> None:
        wait_s = RETRY_FIRST_S
        while True:
            try:
                await self._submit_all(group)
            except Faulted as fault:
                await self._report_each(group, fault.fault_id)
            except _Refused:
                await self._report_moved_on(group)
            except SubmitFailed as failed:
                self._log.warning(
                    "deliveries_postponed", reason=type(failed).__name__, outcomes=len(group)
                )
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_MAX_S)
                continue
            except Exception as error:  # noqa: BLE001  one group's fault must not end the others
                await self._report_each(group, type(error).__name__)
            else:
                self._log.info(
                    "deliveries_settled", causes=dict(Counter(one.cause for one in group))
                )
                for one in group:
                    self._settled(one, False)  # noqa: FBT003  the callback's second value
            return

    async def _report_each(self, group: Sequence[Outcome], fault: str) -> None:
        """Find what faults by reporting each alone, and leave that alone."""
        if len(group) > 1:
            for one in group:
                await self._report([one])
            return
        [one] = group
        self._log.error("delivery_not_settled", delivery=one.delivery_id, fault=fault)
        self._settled(one, True)  # noqa: FBT003  the callback's second value

    async def _report_moved_on(self, group: Sequence[Outcome]) -> None:
        """Find what is refused by reporting each alone; its row has moved on, so nothing is due."""
        if len(group) > 1:
            for one in group:
                await self._report([one])
            return
        [one] = group
        self._log.info("delivery_moved_on", delivery=one.delivery_id)
        self._settled(one, False)  # noqa: FBT003  the callback's second value

    async def _submit_all(self, group: Sequence[Outcome]) -> None:
        loop = asyncio.get_running_loop()
        dues = await loop.run_in_executor(self._threads, self._settle, group)
        commands = [loop.run_in_executor(self._threads, self._submit_one, due) for due in dues]
        # All of them end before the first failure is told: none runs beside its own repetition.
        for failed in await asyncio.gather(*commands, return_exceptions=True):
            if failed is not None:
                raise failed

    def _submit_one(self, due: Due) -> None:
        deadline_ns = self._clock.monotonic_ns() + SUBMIT_TIMEOUT_NS
        reply = self._submit(due.command, call=due.call, deadline_ns=deadline_ns, lane="later")
        if reply.kind == "refused":
            raise _Refused
