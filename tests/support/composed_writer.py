"""A writer put together from the product's own parts, but for those that a test brings itself.

Nothing of the product is patched: what differs enters by the ports of `service.writer.assemble`.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Final

from keys import entropy
from risk.strategy import load_strategy
from service.carriers.server import SocketServer
from service.db.statements import Row
from service.db.store import Store
from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.rooms.assessments.public import Judge
from service.secrets import open_secrets
from service.settings import Settings, read_settings
from service.state.codec import WindowStates
from service.unit_of_work.fence import Fence
from service.unit_of_work.handlers import Handler, Handlers
from service.unit_of_work.ports import BatchObserver
from service.unit_of_work.run import WriterStops
from service.writer.assemble import MIB, Parts, assemble
from service.writer.checkpoint import checkpoints
from service.writer.fence import MemoryFence
from service.writer.handlers import all_handlers
from service.writer.lock import Lock, writer_lock
from service.writer.main import EXIT_STOPPED, holding

TEST_PREFIX: Final = "PAYGUARD_TEST_"


def seam(name: str, default: str = "") -> str:
    """Return what the test asks of its writer by the environment."""
    return os.environ.get(f"{TEST_PREFIX}{name}", default)


def serve(
    *,
    fence: Callable[[Row], Fence] = MemoryFence,
    store: Callable[[Store], Store] = lambda store: store,
    handlers: Callable[[Iterable[Handler]], Iterable[Handler]] = lambda handlers: handlers,
    observer: BatchObserver | None = None,
    lock: Callable[[Settings], Lock] = writer_lock,
) -> int:
    """Run a writer until SIGTERM; return its exit status.

    Args:
        fence: Makes its fence.
        store: Puts something around its store.
        handlers: Changes its handlers.
        observer: Told about its commits.
        lock: Makes the lock under which it works.
    """
    settings = read_settings(os.environ)
    log = logger(stream=sys.stderr.buffer, clock=SystemClock(), process="composed_writer")
    secrets = open_secrets(settings.root_file, entropy.system)
    every = all_handlers(Judge(load_strategy(), secrets.sealer), issuer=settings.issuer)
    with lock(settings) as held, checkpoints(settings.database, log):
        file = open_store(settings.database, hold=holding(held))
        writer = assemble(
            Parts(
                store=store(file),
                handlers=Handlers(handlers(every.names.values())),
                clock=SystemClock(),
                random=entropy.system,
                sealer=secrets.sealer,
                codec=WindowStates(),
                observer=observer or BatchObserver(),
                queue_length_max=settings.queue_length_max,
                entity_bytes_max=settings.entity_cache_mib * MIB,
                fence=fence,
            )
        )
        server = SocketServer(
            settings.socket_file,
            handlers=writer.handlers,
            put=writer.inbox.put,
            entropy=entropy.system,
        )
        signal.signal(signal.SIGTERM, lambda *_: writer.loop.stop())
        try:
            writer.loop.run(ready=server.start)
        except WriterStops as error:
            log.error("writer_stops", reason=str(error))  # noqa: TRY400  as the product does
            return EXIT_STOPPED
        finally:
            server.stop()
            file.close()
    return 0
