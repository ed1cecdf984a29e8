"""The worker's process: its own lock, the rooms' timers, the way to the writer."""

import os
import signal
import sys
from typing import Final

from structlog.typing import FilteringBoundLogger

from service.carriers.client import SocketCarrier
from service.db.store import StoreUnavailable
from service.db.stores import open_spanning_reader
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.kernel.signals import aside
from service.rooms.payments import jobs as payments
from service.rooms.webhooks import jobs as webhooks
from service.settings import Settings, SettingsInvalid, read_settings
from service.unit_of_work.commands import Submit
from service.worker.housekeeping import Housekeeping
from service.worker.loop import WorkerLoop
from service.writer.lock import WriterRuns, worker_lock

EXIT_CANNOT_START: Final = 2


def open_worker(settings: Settings, *, submit: Submit, log: FilteringBoundLogger) -> WorkerLoop:
    """Return the worker's loop with every room's timers and the house's own."""
    reader = open_spanning_reader(settings.database)
    return WorkerLoop(
        (
            payments.due_payments(reader),
            webhooks.fan_outs(reader),
            webhooks.Trimming(reader),
            Housekeeping(reader),
        ),
        submit=submit,
        clock=SystemClock(),
        every_s=settings.timer_poll_ms / 1_000,
        log=log,
    )


def serve(settings: Settings, log: FilteringBoundLogger) -> None:
    """Run the worker until SIGTERM or SIGINT.

    Raises:
        WriterRuns: Another worker holds the lock.
        StoreUnavailable: The database that keeps the lock cannot be reached.
    """
    with worker_lock(settings):
        carrier = SocketCarrier(settings.socket_file, clock=SystemClock())
        loop = open_worker(settings, submit=carrier, log=log)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: aside(loop.stop))
        log.info("worker_ready", pid=os.getpid())
        loop.run()
        log.info("worker_stopped")


def main() -> int:
    """Run the worker with the environment's settings; return the exit status."""
    try:
        settings = read_settings(os.environ)
        clock = SystemClock()
        serve(
            settings,
            logger(
                stream=sys.stderr.buffer, clock=clock, level=settings.severity, process="worker"
            ),
        )
    except (SettingsInvalid, WriterRuns, StoreUnavailable) as error:
        print(f"payguard worker cannot start: {error}", file=sys.stderr)  # noqa: T201  for the console
        return EXIT_CANNOT_START
    return 0


if __name__ == "__main__":
    sys.exit(main())
