"""The rival: the same engine, handlers and unit of work, but a commit a request and no writer.

Run as `python -m bench.rival FD` in the place of the product's front ends. Every thread has a
connection of its own and commits its one command under a file lock, which both processes queue
for: kinder to it than SQLite's own busy handler, which sleeps, and than a lock in PostgreSQL,
which costs two round trips more. Its answers are right: whoever takes the lock first folds what
the other process has committed since, and reads the numbers to count on from.
"""

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from keys import entropy
from risk.strategy import load_strategy
from service.cli import front_end
from service.db.statements import Bound, Row
from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.kernel.errors import SubmitFailed
from service.kernel.logs import logger
from service.rooms.assessments.public import Judge
from service.secrets import open_secrets
from service.settings import Settings, read_settings
from service.state.cache import EntityCache
from service.state.codec import WindowStates
from service.state.rebuild import rebuild
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Call, Command, Lane, Reply
from service.unit_of_work.events import observations_after
from service.unit_of_work.fence import WRITER_ROW, WriterClock
from service.unit_of_work.ports import BatchObserver, Ports
from service.unit_of_work.run import UnitOfWork
from service.writer.assemble import MIB, SHARD
from service.writer.checkpoint import checkpoints
from service.writer.fence import MemoryFence
from service.writer.handlers import all_handlers
from service.wsgi import FrontEnd, create_app


class RivalCache(EntityCache):
    """Feature state of one of several processes that all hold all of it: one writes it back."""

    writes_back = True

    def due(self) -> int:
        return super().due() if self.writes_back else 0


class Rival:
    """Runs each command in the thread that asks; takes the place of the way to the writer."""

    def __init__(self, settings: Settings, *, is_first: bool) -> None:
        self._settings = settings
        self._clock = SystemClock()
        secrets = open_secrets(settings.root_file, entropy.system)
        self._sealer = secrets.sealer
        judge = Judge(load_strategy(), secrets.sealer)
        self._handlers = all_handlers(judge, issuer=settings.issuer)
        bytes_max = settings.entity_cache_mib * MIB
        self._cache = RivalCache(WindowStates(), bytes_max=bytes_max)
        self._cache.writes_back = is_first
        self._guard = threading.Lock()
        self._file = (settings.data_dir / "rival.lock").open("wb")
        self._local = threading.local()
        # Before the first command everything is to be read: numbers, and what is not in the rows.
        self._sequence = -1
        self._fence: Any = None
        self._time: Any = None

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        """Commit a command and return its reply; see `Submit`. There is but one lane."""
        del lane
        seed = entropy.system(32)
        ticket = Ticket(command=command, call=call, deadline_ns=deadline_ns, seed=seed)
        with self._alone():
            work = self._work()
            [result] = work.run_batch([ticket])
            self._sequence = self._cache.sequence
        if isinstance(result, SubmitFailed):
            raise result
        return result

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with self._guard:
            fcntl.flock(self._file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)

    def _work(self) -> UnitOfWork:
        """Return this thread's unit of work, after what others have committed was taken in."""
        local = self._local
        if not hasattr(local, "store"):
            local.store = open_store(self._settings.database)
        fetch = partial(_fetch, local.store)
        [row] = fetch(WRITER_ROW(shard=SHARD))
        if row["sequence"] != self._sequence:
            self._catch_up(row, fetch)
        if not hasattr(local, "work"):
            local.work = UnitOfWork(
                self._handlers,
                Ports(
                    store=local.store, fence=self._fence, clock=self._time, cache=self._cache,
                    sealer=self._sealer, random=entropy.system, observer=BatchObserver(),
                ),
                sequence=row["sequence"],
            )  # fmt: skip
        return local.work

    def _catch_up(self, row: Row, fetch: Any) -> None:
        if self._fence is None:
            self._fence = MemoryFence(row)
            self._time = WriterClock(self._clock, last=row["now"])
            self._sequence = row["folded"]
        else:
            self._fence.__init__(row)
        rebuild(
            fetch,
            self._cache,
            folded=self._sequence,
            events_after=partial(observations_after, fetch),
            write_back=lambda: False,
        )
        self._cache.caught_up(row["sequence"])


def _fetch(store: Any, read: Bound) -> list[Row]:
    [rows] = store.fetch([read])
    return rows


class RivalFrontEnd(front_end.FrontEnd):
    """The product's server around the product's app, with the rival as its way to a writer."""

    def load(self) -> Any:
        settings = read_settings(os.environ)
        clock = SystemClock()
        log = logger(
            stream=sys.stderr.buffer, clock=clock, level=settings.severity, process="rival"
        )
        is_first = self._is_first(settings)
        if is_first:
            # Entered and never left: they end with the process.
            self._checkpoints = checkpoints(settings.database, log)
            self._checkpoints.__enter__()
        return create_app(
            FrontEnd(
                settings=settings,
                secrets=open_secrets(settings.root_file, entropy.system),
                submit=Rival(settings, is_first=is_first),
                reaches_writer=lambda: True,
                clock=clock,
                registry=CollectorRegistry(),
                metrics_folder=Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]),
                log=log,
            )
        )

    def _is_first(self, settings: Settings) -> bool:
        """Say whether this process does for both what the writer does otherwise in its own."""
        self._first = (settings.data_dir / "first.lock").open("wb")
        try:
            fcntl.flock(self._first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True


if __name__ == "__main__":
    RivalFrontEnd(read_settings(os.environ), listener=int(sys.argv[1])).run()
