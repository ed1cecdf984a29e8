"""SQLite's checkpoints, made from a connection and thread of their own, never in a commit."""

import contextlib
import sqlite3
import threading
from pathlib import Path
from typing import Final

from service.db.sqlite import connect

EVERY_S: Final = 1.0


class Checkpointer:
    """Moves what is in the write-ahead log into the database file, once a second."""

    def __init__(self, path: Path) -> None:
        self._path = path
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
        connection = connect(self._path, readonly=False)
        with contextlib.closing(connection):
            while not self._stopping.wait(EVERY_S):
                # A busy database is tried again a second later.
                with contextlib.suppress(sqlite3.OperationalError):
                    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
