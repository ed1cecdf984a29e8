"""Deliveries: one queue for each receiver, sent in an event loop, reported as commands.

Nothing here is kept: what is due stands in the store until a command has said what came of it, so
whatever ends the worker, every parcel is sent at least once, with the same id. The loop never
blocks: reads, commands and lookups have threads of their own.
"""

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from structlog.typing import FilteringBoundLogger

from service.db.store import StoreUnavailable
from service.kernel.clock import Clock
from service.unit_of_work.commands import Submit
from service.worker.measure import Measure
from service.worker.parcels import PARCELS_MAX, Outcome, Parcel, Room, Settle, Source
from service.worker.post import Kept
from service.worker.receivers import FAILURES_MAX, Receiver
from service.worker.reports import Reports

Send = Callable[[Parcel, Kept], Awaitable[Outcome]]

# Of what is in memory: waiting, under way, or not yet reported.
BYTES_MAX: Final = 64 * 1024 * 1024
SENDING_MAX: Final = 512
# An idle connection waits so long for the next parcel, unless there are many.
IDLE_S: Final = 5.0
IDLE_MAX: Final = 256
RECEIVERS_KEPT_MAX: Final = 10_000
# Two looks into the store are at least this far apart.
POLL_PAUSE_S: Final = 0.01
# So long after it came from the store a parcel is sent as it is. Later it is read anew: by then
# its endpoint may have another URL or other keys, or be gone. Counted from the end of a look, so
# that a look that takes long brings something to send all the same.
FRESH_NS: Final = 5_000_000_000
# A delivery whose report faults is left alone for so long; it must not be sent in a circle.
FAULT_PAUSE_NS: Final = 300_000_000_000
PAUSED_MAX: Final = 10_000
# At a stop: what is under way may end, and what came of it is reported.
STOP_SEND_S: Final = 2.0
STOP_REPORT_S: Final = 2.0


class Deliveries:
    """Sends what a source says is due, and settles what came of it.

    Args:
        source: Finds parcels.
        settle: Turns outcomes into commands.
        send: Sends one parcel, within its own limit of time; StoreUnavailable where this worker
            may not send now.
        submit: The way to the writer.
        clock: Tells the time.
        every_s: How long between two looks when nothing is due.
        measure: Counts outcomes.
        log: Gets outcomes without their content.
    """

    def __init__(  # noqa: PLR0913  ports, each by its name
        self,
        source: Source,
        settle: Settle,
        *,
        send: Send,
        submit: Submit,
        clock: Clock,
        every_s: float,
        measure: Measure,
        log: FilteringBoundLogger,
    ) -> None:
        self._source = source
        self._settle = settle
        self._send = send
        self._submit = submit
        self._clock = clock
        self._every_s = every_s
        self._measure = measure
        self._log = log
        self._is_stopped = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._receivers: dict[str, Receiver] = {}
        # By delivery: when it came from the store.
        self._held: dict[str, int] = {}
        self._held_bytes = 0
        # Settled while a look into the store was under way, which may still have seen them due.
        self._settled_meanwhile: set[str] = set()
        # By delivery and attempt: whose it is, and until when.
        self._paused: dict[tuple[str, int], tuple[str, int]] = {}
        self._senders: set[asyncio.Task[None]] = set()

    def run(self) -> None:
        """Deliver until told to stop."""
        asyncio.run(self._serve())

    def stop(self) -> None:
        """Finish or abandon what is under way within seconds, then return from `run`."""
        self._is_stopped.set()
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._stopping.set)

    async def _serve(self) -> None:
        self._stopping = asyncio.Event()
        self._wake = asyncio.Event()
        self._sending = asyncio.Semaphore(SENDING_MAX)
        self._loop = asyncio.get_running_loop()
        if self._is_stopped.is_set():
            return
        self._reads = ThreadPoolExecutor(1, thread_name_prefix="due")
        self._reports = Reports(
            self._settle,
            submit=self._submit,
            clock=self._clock,
            settled=self._settled,
            log=self._log,
        )
        looking = asyncio.create_task(self._look_forever())
        reporting = asyncio.create_task(self._reports.run())
        try:
            await self._stopping.wait()
            looking.cancel()
            await self._end_senders()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(STOP_REPORT_S):
                    await self._reports.drained()
            reporting.cancel()
        finally:
            self._reads.shutdown(wait=False, cancel_futures=True)
            self._reports.close()

    async def _end_senders(self) -> None:
        for receiver in self._receivers.values():
            receiver.arrived.set()
        if self._senders:
            await asyncio.wait(self._senders, timeout=STOP_SEND_S)
        for sender in self._senders:
            sender.cancel()

    # What is due.

    async def _look_forever(self) -> None:
        while True:
            try:
                await self._look()
            except StoreUnavailable:
                # The database is made or restored by others; the next look tries again.
                pass
            except Exception as error:  # noqa: BLE001  a fault of one look must not end the others
                self._log.error("deliveries_faulted", fault=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wake.wait()
            await asyncio.sleep(POLL_PAUSE_S)
            self._wake.clear()

    async def _look(self) -> None:
        """Ask for what is due and hand it to the receivers' queues; nothing while full."""
        now_ns = self._clock.monotonic_ns()
        self._paused = {one: left for one, left in self._paused.items() if left[1] > now_ns}
        self._forget(now_ns)
        self._measure.holds(len(self._held))
        if self._is_full():
            return
        room = self._room(now_ns)
        self._settled_meanwhile.clear()
        now = self._clock.now()
        found = await asyncio.get_running_loop().run_in_executor(
            self._reads, self._source, now, room
        )
        for parcel in found:
            if not self._is_known(parcel):
                self._take(parcel, self._clock.monotonic_ns())

    def _room(self, now_ns: int) -> Room:
        """Return how many rows of each receiver are to be read, as things stand now."""
        tight = self._is_tight()
        paused = Counter(name for name, _ in self._paused.values())
        rooms: dict[str, int] = {}
        for one in self._receivers.values():
            room = one.room(now_ns, is_tight=tight)
            # Its rows that are held or left alone are due all the same and come first; and one
            # more than there is room for says that more wait.
            rooms[one.id] = room + one.held + paused[one.id] + 1 if room else 0
        first = Receiver("").room(now_ns, is_tight=tight)
        return lambda name: rooms.get(name, first + paused[name] + 1)

    def _is_full(self) -> bool:
        return len(self._held) >= PARCELS_MAX or self._held_bytes >= BYTES_MAX

    def _is_tight(self) -> bool:
        return len(self._held) >= PARCELS_MAX // 2 or self._held_bytes >= BYTES_MAX // 2

    def _is_known(self, parcel: Parcel) -> bool:
        return (
            parcel.delivery_id in self._held
            or parcel.delivery_id in self._settled_meanwhile
            or (parcel.delivery_id, parcel.attempt) in self._paused
        )

    def _take(self, parcel: Parcel, now_ns: int) -> None:
        receiver = self._receivers.get(parcel.receiver)
        if receiver is None:
            receiver = self._receivers[parcel.receiver] = Receiver(parcel.receiver)
        if self._is_full() or not receiver.room(now_ns, is_tight=self._is_tight()):
            receiver.has_more = True
            return
        self._held[parcel.delivery_id] = now_ns
        self._held_bytes += len(parcel.body)
        receiver.held += 1
        receiver.waiting.append(parcel)
        receiver.arrived.set()
        if receiver.wants_sender():
            receiver.senders += 1
            sender = asyncio.create_task(self._send_all(receiver))
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    def _forget(self, now_ns: int) -> None:
        for one in [one for one in self._receivers.values() if one.is_forgettable(now_ns)]:
            del self._receivers[one.id]
        # Beyond this many that fail, the oldest are met afresh.
        idle = [one for one in self._receivers.values() if not (one.held or one.senders)]
        for one in idle[: max(len(idle) - RECEIVERS_KEPT_MAX, 0)]:
            del self._receivers[one.id]

    # Sending.

    async def _send_all(self, receiver: Receiver) -> None:
        """Send a receiver's parcels one after the other, over one connection if it keeps it."""
        kept = Kept()
        try:
            while not self._stopping.is_set():
                if receiver.waiting:
                    await self._send_one(receiver, receiver.waiting.popleft(), kept)
                elif not await self._is_awaited(receiver):
                    return
        finally:
            kept.drop()
            receiver.senders -= 1

    async def _is_awaited(self, receiver: Receiver) -> bool:
        """Wait a little for the next parcel, as the receiver's only sender; say whether it came."""
        if receiver.senders > 1 or receiver.failures or len(self._senders) > IDLE_MAX:
            return False
        receiver.arrived.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDLE_S):
                await receiver.arrived.wait()
        return bool(receiver.waiting)

    async def _send_one(self, receiver: Receiver, parcel: Parcel, kept: Kept) -> None:
        try:
            async with self._sending:
                if not self._is_fresh(parcel):
                    self._return(receiver, parcel)
                    self._wake.set()
                    return
                outcome = await self._send(parcel, kept)
        except StoreUnavailable:
            self._return(receiver, parcel)
            return
        except Exception as error:  # noqa: BLE001  one parcel's fault must not end the others
            self._log.error(
                "delivery_faulted", delivery=parcel.delivery_id, fault=type(error).__name__
            )
            # Reported, so that it is tried later and ends one day, as every other failure.
            outcome = Outcome(
                parcel=parcel, delivered=False, status=None, cause="reset", latency_ms=0
            )
        self._came(receiver, outcome)

    def _is_fresh(self, parcel: Parcel) -> bool:
        return self._clock.monotonic_ns() - self._held[parcel.delivery_id] <= FRESH_NS

    def _return(self, receiver: Receiver, *parcels: Parcel) -> None:
        """Give back parcels, and all that wait behind them: they are due still, and come anew."""
        for one in (*parcels, *receiver.waiting):
            self._let_go(one)
        receiver.waiting.clear()

    def _came(self, receiver: Receiver, outcome: Outcome) -> None:
        failures = receiver.failures
        receiver.came(outcome, self._clock.monotonic_ns())
        self._reports.put(outcome)
        self._measure.came(outcome)
        if not outcome.delivered:
            self._log.info(
                "delivery_failed",
                delivery=outcome.delivery_id,
                receiver=receiver.id,
                attempt=outcome.attempt,
                cause=outcome.cause,
                status=outcome.status,
                latency_ms=outcome.latency_ms,
            )
            # The rest is asked for as the receiver recovers.
            self._return(receiver)
        if receiver.failures == FAILURES_MAX > failures:
            self._log.warning("receiver_rests", receiver=receiver.id, failures=FAILURES_MAX)
        elif failures >= FAILURES_MAX and not receiver.failures:
            self._log.info("receiver_answers_again", receiver=receiver.id)

    def _settled(self, outcome: Outcome, is_left_alone: bool) -> None:  # noqa: FBT001  from Reports
        self._settled_meanwhile.add(outcome.delivery_id)
        if is_left_alone:
            self._pause(outcome.parcel)
        self._let_go(outcome.parcel)
        receiver = self._receivers[outcome.parcel.receiver]
        if receiver.has_more and outcome.delivered and not receiver.waiting:
            receiver.has_more = False
            self._wake.set()

    def _let_go(self, parcel: Parcel) -> None:
        del self._held[parcel.delivery_id]
        self._held_bytes -= len(parcel.body)
        self._receivers[parcel.receiver].held -= 1

    def _pause(self, parcel: Parcel) -> None:
        if len(self._paused) >= PAUSED_MAX:
            self._paused.clear()
        until_ns = self._clock.monotonic_ns() + FAULT_PAUSE_NS
        self._paused[parcel.delivery_id, parcel.attempt] = (parcel.receiver, until_ns)
