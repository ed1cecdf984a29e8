"""A copy is of one instant, however much is committed meanwhile; what is put in place is whole."""

import io
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.db import backup_sqlite, migrate
from service.db.backup import BackupRefused
from service.db.sqlite import connect
from service.db.store import StoreUnavailable
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.tables import load_tables
from service.writer.checkpoint import Checkpointer

LOG = logger(stream=io.BytesIO(), clock=SystemClock())

ROWS = 20_000
STEPS_MAX = 1_000


def nobody(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a store of some megabytes."""
    load_tables()
    made = tmp_path / "payguard.sqlite"
    migrate.upgrade(made)
    with closing(connect(made, readonly=False)) as connection:
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO tenants VALUES (?, 0, 1)", ((f"ten_{one:060}",) for one in range(ROWS))
        )
        connection.execute("INSERT INTO writer VALUES (0, 3, 7, 0, 0, 1, NULL, NULL)")
        connection.execute("COMMIT")
    return made


@pytest.fixture
def writer(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(connect(path, readonly=False)) as connection:
        yield connection


def tenants(path: Path) -> int:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM tenants").fetchone()[0])


def test_a_copy_is_of_one_instant_though_every_step_sees_a_commit(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    copied = tmp_path / "copy"
    steps = 0

    def commits(_what: str, _done: int, _total: int) -> None:
        nonlocal steps
        steps += 1
        assert steps < STEPS_MAX, "begun anew with each commit"
        writer.execute("INSERT INTO tenants VALUES (?, 0, 1)", (f"ten_late_{steps}",))
        writer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    backup_sqlite.copy(path, copied, commits)

    assert steps > 1
    assert tenants(copied) == ROWS
    assert tenants(path) == ROWS + steps
    assert backup_sqlite.complaints(copied) == []


def test_a_copy_begins_once_however_much_is_committed(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    seen: list[int] = []

    def commits(_what: str, done: int, _total: int) -> None:
        seen.append(done)
        assert len(seen) < STEPS_MAX, "begun anew with each commit"
        writer.execute("UPDATE tenants SET created_at = ?", (len(seen),))

    backup_sqlite.copy(path, tmp_path / "copy", commits)

    assert seen == sorted(seen)


def test_a_copy_takes_no_lock_of_the_writer(
    path: Path, tmp_path: Path, writer: sqlite3.Connection
) -> None:
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("INSERT INTO tenants VALUES ('ten_open', 0, 1)")

    backup_sqlite.copy(path, tmp_path / "copy", nobody)

    writer.execute("COMMIT")
    assert tenants(tmp_path / "copy") == ROWS
    assert tenants(path) == ROWS + 1


def test_a_copy_is_one_file_that_only_its_owner_reads(path: Path, tmp_path: Path) -> None:
    copied = tmp_path / "alone" / "copy"
    copied.parent.mkdir()

    backup_sqlite.copy(path, copied, nobody)

    assert tenants(copied) == ROWS
    assert [one.name for one in copied.parent.iterdir()] == ["copy"]
    assert copied.stat().st_mode & 0o777 == 0o600


def test_figures_of_a_copy_are_those_of_the_store(path: Path, tmp_path: Path) -> None:
    backup_sqlite.copy(path, tmp_path / "copy", nobody)

    found = backup_sqlite.facts(tmp_path / "copy")

    assert found == backup_sqlite.facts(path)
    assert found is not None
    assert (found.sequence, found.epoch, found.tables["tenants"]) == (7, 3, ROWS)
    assert found.revision == migrate.head()


def test_a_store_without_tables_has_no_figures(tmp_path: Path) -> None:
    connect(tmp_path / "new", readonly=False).close()

    assert backup_sqlite.facts(tmp_path / "new") is None


def test_a_fresh_store_is_empty(tmp_path: Path) -> None:
    migrate.upgrade(tmp_path / "new")

    found = backup_sqlite.facts(tmp_path / "new")

    assert found is not None
    assert found.is_empty


def test_a_file_that_is_no_database_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "no").write_bytes(b"no database at all" * 1_000)

    with pytest.raises(StoreUnavailable):
        backup_sqlite.facts(tmp_path / "no")
    with pytest.raises(StoreUnavailable):
        backup_sqlite.complaints(tmp_path / "no")


def test_a_broken_constraint_is_a_complaint(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            "INSERT INTO merchants VALUES"
            " ('ten_none', 'mer_1', 'N', 'CN', 'hold', '{}', 'gone', 1, 0)"
        )
        connection.commit()

    found = backup_sqlite.complaints(path)

    assert any("CHECK" in one for one in found)
    assert any("merchants refers to none in tenants" in one for one in found)


def test_a_store_that_a_process_has_open_is_not_closed_off(
    path: Path, writer: sqlite3.Connection
) -> None:
    with closing(connect(path, readonly=True)) as reader:
        reader.execute("SELECT count(*) FROM tenants").fetchone()
        writer.close()
        with pytest.raises(BackupRefused) as refused:
            backup_sqlite.close_off(path)

    assert refused.value.code == "database_in_use"


def test_a_store_that_was_closed_off_is_one_file_with_all_that_was_committed(path: Path) -> None:
    log = path.with_name(f"{path.name}-wal")
    with closing(connect(path, readonly=False)) as connection:
        connection.execute("INSERT INTO tenants VALUES ('ten_log', 0, 1)")
        crashed = path.with_name("crashed")
        crashed.write_bytes(path.read_bytes())
        crashed.with_name("crashed-wal").write_bytes(log.read_bytes())

    backup_sqlite.close_off(crashed)

    assert not crashed.with_name("crashed-wal").exists()
    assert tenants(crashed) == ROWS + 1


def staged_from(path: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    backup_sqlite.copy(path, folder / backup_sqlite.COPY, nobody)
    return backup_sqlite.stage(folder, path, nobody)


def test_put_in_place_keeps_the_old_store_and_its_log(path: Path, tmp_path: Path) -> None:
    staged = staged_from(path, tmp_path)
    path.write_bytes(b"broken" * 1_000)
    path.with_name(f"{path.name}-wal").write_bytes(b"log")
    aside = path.with_name("aside")

    backup_sqlite.close_off(path)
    backup_sqlite.put_in_place(staged, path, aside)

    assert tenants(path) == ROWS
    assert aside.read_bytes() == b"broken" * 1_000
    assert aside.with_name("aside-wal").read_bytes() == b"log"
    with closing(connect(path, readonly=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_log_that_another_store_left_is_not_played_into_the_new_one(
    path: Path, tmp_path: Path
) -> None:
    staged = staged_from(path, tmp_path)
    path.unlink()
    path.with_name(f"{path.name}-wal").write_bytes(b"of another store")

    backup_sqlite.put_in_place(staged, path, None)

    assert not path.with_name(f"{path.name}-wal").exists()
    assert tenants(path) == ROWS


def test_a_checkpoint_does_not_make_the_writer_wait_for_a_backup(
    path: Path, writer: sqlite3.Connection
) -> None:
    pause = threading.Event()
    checkpointer = Checkpointer(path, LOG, every_s=0.01, log_bytes_max=1)
    with closing(connect(path, readonly=True)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM tenants").fetchone()
        writer.execute("PRAGMA busy_timeout = 0")
        checkpointer.start()
        for number in range(300):
            writer.execute("UPDATE tenants SET created_at = ? WHERE rowid = 1", (number,))
            pause.wait(0.003)
        checkpointer.stop()

    assert writer.execute("SELECT created_at FROM tenants WHERE rowid = 1").fetchone() == (299,)
