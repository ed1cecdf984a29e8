"""The writer's process: lock, take over, rebuild, listen, run. Reaches no route and no Flask."""

import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry
from structlog.typing import FilteringBoundLogger

from keys import entropy
from keys.roots.file import RootRefused
from service.carriers.server import SocketServer
from service.db.statements import Row
from service.db.store import CommitUnknown, Store, StoreUnavailable
from service.db.stores import open_spanning_reader, open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.kernel.memory import settle
from service.kernel.signals import aside
from service.rooms.assessments.public import Judge
from service.rooms.custody.commands import PURPOSE
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.store import ACTIVE_KEY
from service.rooms.models import public as models
from service.rooms.strategies import public as strategies
from service.rooms.strategies.public import StrategyRefused
from service.scoring.loader import Loader
from service.scoring.shelf import Shelf
from service.secrets import Secrets, open_secrets
from service.settings import Settings, SettingsInvalid, read_settings
from service.state.codec import WindowStates
from service.unit_of_work.commands import HOUSE, Reply
from service.unit_of_work.fence import WRITER_ROW, Fence
from service.unit_of_work.run import WriterStops
from service.writer.assemble import MIB, SHARD, Parts, Writer, assemble
from service.writer.checkpoint import checkpoints
from service.writer.fence import MemoryFence
from service.writer.handlers import House, all_handlers
from service.writer.lock import Lock, WriterRuns, take_over, writer_lock
from service.writer.measure import Measure, forget_ended
from service.writer.scoring import Scoring
from service.writer.switch import Switch, Tickets, start

EXIT_CANNOT_START: Final = 2
EXIT_STOPPED: Final = 3
TAKE_OVER: Final = "--take-over"
# Names the folder in which processes count together; the metrics library reads it too.
METRICS_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
# A database that is away for longer is a reason to end and to say so.
AWAY_NS: Final = 20_000_000_000
LOOK_AGAIN_S: Final = 0.25


def open_writer(
    settings: Settings,
    store: Store,
    *,
    registry: CollectorRegistry,
    log: FilteringBoundLogger,
    fence: Callable[[Row], Fence] = MemoryFence,
) -> Writer:
    """Return the writer over an open store, with every room's handlers.

    Raises:
        StoreUnavailable: The store could not be read or written.
        RootRefused: The root key's file cannot be used.
        StrategyRefused: The strategy in force is not what was signed.
    """
    [rows] = store.fetch([WRITER_ROW(shard=SHARD)])
    secrets = open_secrets(settings.root_file, entropy.system, is_used=bool(rows))
    desk, by = strategies.desk(secrets.strategy), strategies.signer(secrets.strategy)
    judge = Judge(desk.own.strategy, secrets.sealer)
    clock = SystemClock()
    ticket = Tickets(clock, entropy.system)
    scoring = _scoring(settings, secrets, judge, ticket=ticket, log=log)
    house = House(desk, models.verifier(secrets.model), scoring.why_not)
    writer = assemble(
        Parts(
            store=store,
            handlers=all_handlers(judge, issuer=settings.issuer, house=house),
            clock=clock,
            random=entropy.system,
            sealer=secrets.sealer,
            codec=WindowStates(),
            observer=Switch(judge, scoring, desk, store=store, log=log, to=Measure(registry, log)),
            queue_length_max=settings.queue_length_max,
            entity_bytes_max=settings.entity_cache_mib * MIB,
            fence=fence,
        )
    )
    [signing] = store.fetch([ACTIVE_KEY(tenant_id=HOUSE, purpose=PURPOSE)])
    if not signing:
        made_key = new_signing_key(secrets.sealer, entropy.system)
        [made] = writer.work.run_batch([ticket(made_key)])
        if not isinstance(made, Reply):
            raise StoreUnavailable("the first signing key could not be stored; start it again")
    passed_over = start(judge, desk, by, work=writer.work, store=store, ticket=ticket)
    if passed_over is not None:
        log.warning("strategy_passed_over", strategy=passed_over[0], reason=passed_over[1])
    scoring.begin(writer.inbox.put, run=writer.work.run_batch)
    return replace(writer, scoring=scoring)


def _scoring(
    settings: Settings,
    secrets: Secrets,
    judge: Judge,
    *,
    ticket: Tickets,
    log: FilteringBoundLogger,
) -> Scoring:
    """Return what has models ready for this writer."""
    reader = open_spanning_reader(settings.database)
    loader = Loader(
        find=lambda model_id: models.find(model_id, reader.fetch),
        verifier=models.verifier(secrets.model),
        folder=settings.models,
        shelf=Shelf(),
    )
    return Scoring(judge, loader, reader, ticket=ticket, log=log)


def holding(lock: Lock) -> Callable[[], None]:
    """Return what a store that lost its session asks before it goes on."""

    def hold() -> None:
        try:
            lock.hold()
        except WriterRuns as error:
            raise WriterStops(f"another writer has taken over: {error}") from error

    return hold


def serve(settings: Settings, log: FilteringBoundLogger) -> None:
    """Run the writer until SIGTERM or SIGINT; commands that wait are finished first.

    Raises:
        WriterRuns: Another writer holds the lock.
        WriterStops: Only a restart is safe.
        CommitUnknown: The same, before it served.
        StoreUnavailable: The store could not be opened.
    """
    with writer_lock(settings) as lock:
        store = open_store(settings.database, hold=holding(lock))
        writer = open_writer(settings, store, registry=CollectorRegistry(), log=log)
        log.info("writer_ready", pid=os.getpid(), rebuilt_events=writer.rebuilt_events)
        server = SocketServer(
            settings.socket_file,
            handlers=writer.handlers,
            put=writer.put,
            entropy=entropy.system,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: aside(writer.stop))
        settle()
        with checkpoints(settings.database, log):
            try:
                writer.loop.run(ready=server.start)
            finally:
                server.stop()
        store.close()
        log.info("writer_stopped")


def main() -> int:
    """Run the writer with the environment's settings; return the exit status.

    With the argument --take-over it first ends the sessions of a writer that holds the lock.
    """
    try:
        settings = read_settings(os.environ)
    except SettingsInvalid as error:
        return _cannot_start(error)
    log = logger(
        stream=sys.stderr.buffer,
        clock=SystemClock(),
        level=settings.severity,
        process="writer",
    )
    try:
        if folder := os.environ.get(METRICS_FOLDER):
            forget_ended(Path(folder))
        if sys.argv[1:] == [TAKE_OVER]:
            take_over(settings)
        _serve_patiently(settings, log)
    except (WriterRuns, RootRefused, StrategyRefused, StoreUnavailable) as error:
        return _cannot_start(error)
    except (WriterStops, CommitUnknown) as error:
        # At its start too a commit may be of unknown outcome: that of its own epoch.
        log.error("writer_stops", reason=str(error))  # noqa: TRY400  a traceback may hold values
        return EXIT_STOPPED
    return 0


def _serve_patiently(settings: Settings, log: FilteringBoundLogger) -> None:
    """Serve; wait for a database server that is away, as one that is just started again.

    A process that ended and was started anew would come later than the server does.
    """
    clock = SystemClock()
    until_ns = clock.monotonic_ns() + AWAY_NS
    while True:
        try:
            serve(settings, log)
        except StoreUnavailable as error:
            # Only before it serves: later a store that is away is a batch's matter.
            if isinstance(settings.database, Path) or clock.monotonic_ns() > until_ns:
                raise
            log.warning("store_away", reason=str(error))
            time.sleep(LOOK_AGAIN_S)
        else:
            return


def _cannot_start(error: Exception) -> int:
    print(f"payguard writer cannot start: {error}", file=sys.stderr)  # noqa: T201  for the console
    return EXIT_CANNOT_START


if __name__ == "__main__":
    sys.exit(main())
