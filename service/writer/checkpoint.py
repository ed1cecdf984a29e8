"""SQLite's checkpoints, made from a connection and thread of their own, never in a commit."""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from structlog.typing import FilteringBoundLogger

from service.db.places import Place
from service.db.sqlite import connect
from service.db.store import StoreUnavailable

EVERY_S: Final = 1.0
# A passive checkpoint never lets the log begin anew while the writer is busy. Past this size one
# waits for the moment between two batches: what is left to move by then takes milliseconds.
LOG_BYTES_MAX: Final = 64 << 20
# The file is kept and written over: to cut it off and let it grow again keeps the writer waiting
# for 40 to 60 ms, and each commit after it has a new length to make durable too. Only what grew
# far beyond its bound, while a backup was copying, is given back to the disk.
KEPT_TIMES: Final = 4
_FRAME_BYTES: Final = 4_096 + 24
_PASSING: Final = (sqlite3.Error, StoreUnavailable, OSError)


@contextlib.contextmanager
def checkpoints(place: Place, log: FilteringBoundLogger) -> Iterator[None]:
    """Make checkpoints as long as this is entered; PostgreSQL makes its own."""
    if not isinstance(place, Path):
        yield
        return
    checkpointer = Checkpointer(place, log)
    checkpointer.start()
    try:
        yield
    finally:
        checkpointer.stop()


class Checkpointer:
    """Moves what is in the write-ahead log into the database file, and bounds the log."""

    def __init__(
        self,
        path: Path,
        tell: FilteringBoundLogger,
        *,
        every_s: float = EVERY_S,
        log_bytes_max: int = LOG_BYTES_MAX,
    ) -> None:
        self._path = path
        self._tell = tell
        self._log = path.with_name(f"{path.name}-wal")
        self._every_s = every_s
        self._log_bytes_max = log_bytes_max
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End; the database is whole with or without a last checkpoint."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        is_failing = False
        while not self._stopping.is_set():
            try:
                with contextlib.closing(connect(self._path, readonly=False)) as connection:
                    while not self._stopping.wait(self._every_s):
                        self._look(connection)
                        is_failing = False
            except _PASSING as error:
                # Tried again on a new connection, whatever it was: without checkpoints the log
                # would grow until the disk is full.
                if not is_failing:
                    self._tell.warning("checkpoints_fail", reason=type(error).__name__)
                is_failing = True
                self._stopping.wait(self._every_s)

    def _look(self, connection: sqlite3.Connection) -> None:
        # A busy database is no error; it is looked at again a second later.
        [state] = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        # While somebody reads what is older (a backup does for as long as it copies) a checkpoint
        # that waits would wait for them, and the writer for it.
        _is_busy, in_log, moved = state
        if moved != in_log:
            return
        # Before the first commit there is no log.
        with contextlib.suppress(FileNotFoundError):
            if self._log.stat().st_size > KEPT_TIMES * self._log_bytes_max:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            elif in_log * _FRAME_BYTES > self._log_bytes_max:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
