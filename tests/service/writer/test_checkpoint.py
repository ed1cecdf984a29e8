"""The write-ahead log is moved into the database, and stays bounded while the writer is busy."""

import sqlite3
import time
from pathlib import Path

from service.db.sqlite import connect
from service.writer.checkpoint import Checkpointer

EVERY_S = 0.02
LOG_BYTES_MAX = 256 * 1024
WRITTEN_BYTES = 8 << 20
ROW = b"r" * 4_000


def written(path: Path) -> tuple[sqlite3.Connection, int]:
    """Write much more than the log may hold, commit by commit; return its largest size."""
    connection = connect(path, readonly=False)
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY, body BLOB)")
    log = path.with_name(f"{path.name}-wal")
    largest = 0
    for number in range(WRITTEN_BYTES // len(ROW)):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO rows VALUES (?, ?)", (number, ROW))
        connection.execute("COMMIT")
        largest = max(largest, log.stat().st_size)
        # As a writer does between two batches.
        time.sleep(0.000_5)
    return connection, largest


def test_the_log_stays_bounded_under_a_busy_writer(tmp_path: Path) -> None:
    checkpointer = Checkpointer(tmp_path / "a.sqlite", every_s=EVERY_S, log_bytes_max=LOG_BYTES_MAX)
    connect(tmp_path / "a.sqlite", readonly=False).close()
    checkpointer.start()

    connection, largest = written(tmp_path / "a.sqlite")

    checkpointer.stop()
    assert largest < WRITTEN_BYTES // 2
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (
        WRITTEN_BYTES // len(ROW),
    )
    connection.close()


def test_without_checkpoints_the_log_grows_with_what_is_written(tmp_path: Path) -> None:
    connection, largest = written(tmp_path / "b.sqlite")

    connection.close()
    assert largest > WRITTEN_BYTES
