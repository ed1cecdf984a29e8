"""The write-ahead log is moved into the database, and stays bounded while the writer is busy."""

import contextlib
import io
import sqlite3
import time
from pathlib import Path

import pytest
from structlog.typing import FilteringBoundLogger

from service.db.sqlite import connect
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.writer.checkpoint import Checkpointer
from tests.support.writer import until

EVERY_S = 0.02
LOG_BYTES_MAX = 256 * 1024
WRITTEN_BYTES = 8 << 20
ROW = b"r" * 4_000


def logger_to(lines: io.BytesIO) -> FilteringBoundLogger:
    return logger(stream=lines, clock=SystemClock())


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


@pytest.mark.long
def test_the_log_stays_bounded_under_a_busy_writer(tmp_path: Path) -> None:
    checkpointer = Checkpointer(
        tmp_path / "a.sqlite", logger_to(io.BytesIO()), every_s=EVERY_S, log_bytes_max=LOG_BYTES_MAX
    )
    connect(tmp_path / "a.sqlite", readonly=False).close()
    checkpointer.start()

    connection, largest = written(tmp_path / "a.sqlite")

    checkpointer.stop()
    assert largest < WRITTEN_BYTES // 2
    assert connection.execute("SELECT count(*) FROM rows").fetchone() == (
        WRITTEN_BYTES // len(ROW),
    )
    connection.close()


@pytest.mark.long
def test_the_log_s_file_is_kept_unless_it_is_far_over_its_bound(tmp_path: Path) -> None:
    path = tmp_path / "kept.sqlite"
    connection, largest = written(path)
    log = path.with_name(f"{path.name}-wal")

    sizes = {}
    for bound in (largest // 2, largest // 8):
        checkpointer = Checkpointer(path, logger_to(io.BytesIO()), log_bytes_max=bound)
        with contextlib.closing(connect(path, readonly=False)) as other:
            checkpointer._look(other)
        # A log that has begun anew has its new frames before the old ones.
        connection.execute("UPDATE rows SET body = ? WHERE id = 0", (ROW,))
        sizes[bound] = log.stat().st_size
        connection.execute("UPDATE rows SET body = body || 'r'")
    connection.close()

    assert sizes[largest // 2] == largest
    assert sizes[largest // 8] < largest // 8


@pytest.mark.long
def test_a_file_far_over_its_bound_is_given_back_however_little_is_in_it(tmp_path: Path) -> None:
    path = tmp_path / "over.sqlite"
    connection, largest = written(path)
    log = path.with_name(f"{path.name}-wal")
    # All is moved, and the log begins anew with one commit.
    connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchall()
    connection.execute("UPDATE rows SET body = ? WHERE id = 0", (ROW,))
    assert log.stat().st_size == largest

    checkpointer = Checkpointer(path, logger_to(io.BytesIO()), log_bytes_max=largest // 8)
    with contextlib.closing(connect(path, readonly=False)) as other:
        checkpointer._look(other)

    assert log.stat().st_size == 0
    connection.close()


@pytest.mark.long
def test_without_checkpoints_the_log_grows_with_what_is_written(tmp_path: Path) -> None:
    connection, largest = written(tmp_path / "b.sqlite")

    connection.close()
    assert largest > WRITTEN_BYTES


def test_what_cannot_be_opened_at_first_is_tried_again(tmp_path: Path) -> None:
    path, lines = tmp_path / "later" / "c.sqlite", io.BytesIO()
    checkpointer = Checkpointer(path, logger_to(lines), every_s=EVERY_S)
    checkpointer.start()
    until(lambda: b"checkpoints_fail" in lines.getvalue())
    time.sleep(10 * EVERY_S)

    path.parent.mkdir()
    connection = connect(path, readonly=False)
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY)")
    until(lambda: path.stat().st_size > 4_096)

    checkpointer.stop()
    connection.close()
    assert lines.getvalue().count(b"checkpoints_fail") == 1


def test_a_file_that_is_damaged_for_a_while_is_tried_again(tmp_path: Path) -> None:
    path, lines = tmp_path / "d.sqlite", io.BytesIO()
    path.write_bytes(b"no database at all" * 100)
    checkpointer = Checkpointer(path, logger_to(lines), every_s=EVERY_S)
    checkpointer.start()
    until(lambda: b"checkpoints_fail" in lines.getvalue())

    path.unlink()
    connection = connect(path, readonly=False)
    connection.execute("CREATE TABLE rows (id INTEGER PRIMARY KEY)")
    until(lambda: path.stat().st_size > 4_096)

    checkpointer.stop()
    connection.close()
