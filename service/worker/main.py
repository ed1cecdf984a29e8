"""The worker's process: its own lock, the rooms' timers, deliveries, the way to the writer."""

import datetime as dt
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from keys import entropy
from keys.roots.file import RootRefused
from keys.sealing import Sealer
from service.carriers.client import SocketCarrier
from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.kernel.signals import aside
from service.rooms.assessments import jobs as assessments
from service.rooms.audit import jobs as audit
from service.rooms.audit import queries as audit_queries
from service.rooms.audit.contract import LOG
from service.rooms.audit.model import new_log_key
from service.rooms.payments import jobs as payments
from service.rooms.webhooks import jobs as webhooks
from service.secrets import open_secrets
from service.settings import Settings, SettingsInvalid, read_settings
from service.unit_of_work.commands import Submit
from service.worker.challenging import Challenging
from service.worker.connections import tcp_connect, tls_context
from service.worker.crew import Crew
from service.worker.deliveries import Deliveries
from service.worker.holding import Holding, WorkerStops
from service.worker.housekeeping import Housekeeping
from service.worker.lookups import Lookups, system_addresses
from service.worker.loop import Timer, WorkerLoop
from service.worker.measure import Measure
from service.worker.outside import CheckpointFolder
from service.worker.parcels import Parcel, Room, Source
from service.worker.partitions import PartitionKeeping
from service.worker.post import Post
from service.worker.statistics import StatisticsKeeping
from service.writer.lock import REPLACED, Lock, WriterRuns, worker_lock

EXIT_CANNOT_START: Final = 2


class SignedDeliveries:
    """What webhooks have due; opens the keys at the first look that finds the root key.

    The writer makes that key: only it knows whether a store was written under one before.
    """

    def __init__(self, settings: Settings, reader: Reader) -> None:
        self._root_file = settings.root_file
        self._reader = reader
        self._source: Source | None = None

    def __call__(self, now: dt.datetime, room: Room) -> Sequence[Parcel]:
        """Return what is due; nothing while there is no root key. See `Source`."""
        if self._source is None:
            try:
                secrets = open_secrets(self._root_file, entropy.system, is_used=True)
            except RootRefused:
                return ()
            self._source = webhooks.Deliveries(self._reader, secrets.sealer)
        return self._source(now, room)


def _alone() -> None:
    """Nobody else can be at work."""


def open_worker(
    settings: Settings,
    *,
    submit: Submit,
    registry: CollectorRegistry,
    log: FilteringBoundLogger,
    hold: Callable[[], None] = _alone,
) -> Crew:
    """Return the worker: lock, rooms' timers, what makes deliveries, the log's tree, deliveries.

    None of them waits for another: a timer that hangs delays no delivery, nor does a training.

    Args:
        settings: Of the service.
        submit: The way to the writer.
        registry: Gets its metrics.
        log: Gets its lines.
        hold: Makes sure that no other worker is at work; see `Holding`.
    """
    reader = open_spanning_reader(settings.database)
    holding = Holding(hold, log)
    submit = holding.submits(submit)
    deliveries = _deliveries(
        settings,
        SignedDeliveries(settings, reader),
        holding,
        submit=submit,
        measure=Measure(registry),
        log=log,
    )
    paused: dict[str, dt.datetime] = {}
    timers = partial(_timers, settings, holding, submit, log)
    return Crew(
        (
            # First, so that what it raises ends the process as what it is.
            holding,
            timers(
                payments.due_payments(reader),
                payments.due_again(reader),
                assessments.due_assessments(reader),
                Housekeeping(reader),
                *_postgres_only(settings, reader, log),
            ),
            timers(webhooks.FanOuts(reader, paused), webhooks.Trimming(reader), paused=paused),
            timers(_growing(settings, reader, log)),
            deliveries,
            Challenging(settings.challenger_every_s, log),
        )
    )


def _growing(settings: Settings, reader: Reader, log: FilteringBoundLogger) -> Timer:
    def sealer() -> Sealer | None:
        try:
            return open_secrets(settings.root_file, entropy.system, is_used=True).sealer
        except RootRefused:
            return None

    return audit.Growing(
        reader,
        CheckpointFolder(settings.checkpoints, LOG),
        sealer=sealer,
        first_key=partial(new_log_key, LOG, issuer=settings.issuer, entropy=entropy.system),
        every=dt.timedelta(seconds=settings.checkpoint_every_s),
        log=log,
    )


def _deliveries(
    settings: Settings,
    source: Source,
    holding: Holding,
    *,
    submit: Submit,
    measure: Measure,
    log: FilteringBoundLogger,
) -> Deliveries:
    clock = SystemClock()
    post = Post(
        lookups=Lookups(system_addresses),
        connect=tcp_connect,
        tls=tls_context(),
        clock=clock,
        allows_internal=settings.webhook_allow_private,
    )
    return Deliveries(
        holding.finds(source),
        webhooks.settle,
        send=holding.sends(post.send),
        submit=submit,
        clock=clock,
        every_s=settings.timer_poll_ms / 1_000,
        measure=measure,
        log=log,
    )


def _timers(
    settings: Settings,
    holding: Holding,
    submit: Submit,
    log: FilteringBoundLogger,
    *timers: Timer,
    paused: dict[str, dt.datetime] | None = None,
) -> WorkerLoop:
    return WorkerLoop(
        [holding.finds(timer) for timer in timers],
        submit=submit,
        clock=SystemClock(),
        every_s=settings.timer_poll_ms / 1_000,
        log=log,
        paused=paused,
    )


def _postgres_only(
    settings: Settings, reader: Reader, log: FilteringBoundLogger
) -> tuple[Timer, ...]:
    place = settings.database
    if isinstance(place, Path):
        return ()
    from service.db.partitions import PartitionKeeper  # noqa: PLC0415  psycopg is an extra
    from service.db.statistics import take_statistics  # noqa: PLC0415  the same

    kept_days = {
        "entries": settings.entries_kept_days,
        "events": settings.events_kept_days,
        "messages": settings.messages_kept_days,
    }

    keeper = PartitionKeeper(place, length=settings.partition_length, kept_days=kept_days, log=log)

    def keep() -> None:
        # Read first: what a cursor passes meanwhile only frees more.
        unread = {
            "messages": webhooks.lowest_unread(reader),
            # What the tree has not taken in yet.
            "entries": audit_queries.tree_size(reader, LOG),
        }
        keeper.keep(unread)

    keeping = PartitionKeeping(keep, reader, clock=SystemClock())
    return (keeping, StatisticsKeeping(partial(take_statistics, place)))


def keeping(lock: Lock) -> Callable[[], None]:
    """Return what the worker asks every so often; it raises WorkerStops and StoreUnavailable."""

    def hold() -> None:
        try:
            lock.hold()
        except WriterRuns as error:
            raise WorkerStops(f"another worker has taken over: {error}") from error

    return hold


def serve(settings: Settings, log: FilteringBoundLogger) -> None:
    """Run the worker until SIGTERM or SIGINT.

    Raises:
        WriterRuns: Another worker holds the lock.
        WorkerStops: Another worker has taken the lock meanwhile.
        StoreUnavailable: The database that keeps the lock cannot be reached.
    """
    with worker_lock(settings) as lock:
        carrier = SocketCarrier(settings.socket_file, clock=SystemClock())
        loop = open_worker(
            settings,
            submit=carrier,
            registry=CollectorRegistry(),
            log=log,
            hold=keeping(lock),
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: aside(loop.stop))
        log.info("worker_ready", pid=os.getpid())
        loop.run()
        log.info("worker_stopped")


def main() -> int:
    """Run the worker with the environment's settings; return the exit status."""
    try:
        settings = read_settings(os.environ)
    except SettingsInvalid as error:
        return _cannot_start(error)
    log = logger(
        stream=sys.stderr.buffer, clock=SystemClock(), level=settings.severity, process="worker"
    )
    try:
        serve(settings, log)
    except (WriterRuns, StoreUnavailable) as error:
        return _cannot_start(error)
    except WorkerStops as error:
        log.error("worker_stops", reason=str(error))  # noqa: TRY400  as the writer says it
        return REPLACED
    return 0


def _cannot_start(error: Exception) -> int:
    print(f"payguard worker cannot start: {error}", file=sys.stderr)  # noqa: T201  for the console
    return EXIT_CANNOT_START


if __name__ == "__main__":
    sys.exit(main())
