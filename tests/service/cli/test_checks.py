import contextlib
import datetime as dt
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from service.cli.checks import CHECKS, Check, _done, _lasting, run_checks
from service.cli.mounts import Mount
from service.kernel.clock import SystemClock
from service.settings import Settings
from service.writer.lock import WriterLock
from tests.support.terminal import Terminal


def checked(payguard: Terminal, name: str) -> Check:
    settings = Settings(data_dir=payguard.home, port=1)
    return next(one for check in CHECKS if (one := _done(check, settings)).name == name)


def execute(payguard: Terminal, statement: str, *values: object) -> None:
    connection = sqlite3.connect(payguard.home / "payguard.sqlite")
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def test_nothing_there_yet_is_no_failure(fresh: Terminal) -> None:
    states = {check(Settings(data_dir=fresh.home, port=1)).state for check in CHECKS}

    assert "fail" not in states


def test_checks_change_nothing(fresh: Terminal) -> None:
    fresh("doctor")

    assert not fresh.home.exists()


def test_bad_settings_end_the_checks_that_need_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAYGUARD_WORKERS", "none")

    found = run_checks()

    assert found[-1].name == "settings"
    assert found[-1].state == "fail"


def test_what_may_not_be_looked_at_is_a_failed_check_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # No name is so long: the answer to every look is an error, as to a user without the right.
    monkeypatch.setenv("PAYGUARD_DATA_DIR", str(tmp_path / ("x" * 300)))
    monkeypatch.setenv("PAYGUARD_PORT", "1")

    found = {one.name: one for one in run_checks()}

    assert {"data folder", "database", "durability", "writer", "disk space"} <= found.keys()
    for name in ("data folder", "database", "disk space"):
        assert found[name].state == "fail"
        assert found[name].then.startswith("run as the owner of the data folder")


def test_a_database_that_cannot_be_read_is_not_said_to_be_well(
    monkeypatch: pytest.MonkeyPatch, payguard: Terminal
) -> None:
    execute(payguard, "ALTER TABLE writer RENAME TO writers")
    monkeypatch.setenv("PAYGUARD_DATA_DIR", str(payguard.home))
    monkeypatch.setenv("PAYGUARD_PORT", "1")

    found = {one.name: one for one in run_checks()}

    for name in ("strategy", "scorer", "clock"):
        assert (found[name].state, "no such table" in found[name].what) == ("fail", True)


def test_a_lock_that_this_user_may_not_open_fails(payguard: Terminal) -> None:
    lock = payguard.home / "writer.lock"
    lock.unlink()
    lock.mkdir()

    found = checked(payguard, "writer")

    assert found.state == "fail"
    assert "run as the owner of the data folder" in found.what


def test_a_folder_open_to_others_fails(payguard: Terminal) -> None:
    payguard.home.chmod(0o750)

    assert checked(payguard, "data folder").state == "fail"


def test_a_database_open_to_others_fails(payguard: Terminal) -> None:
    (payguard.home / "payguard.sqlite").chmod(0o644)

    assert checked(payguard, "database").then.startswith("chmod 600")


@pytest.mark.usefixtures("merchant_id")
def test_a_root_key_that_went_missing_fails(payguard: Terminal) -> None:
    (payguard.home / "root.key").unlink()

    found = checked(payguard, "root key")

    assert found.state == "fail"
    assert "restore it from its backup" in found.what


@pytest.mark.usefixtures("merchant_id")
def test_a_root_key_that_others_may_read_fails(payguard: Terminal) -> None:
    (payguard.home / "root.key").chmod(0o644)

    assert checked(payguard, "root key").state == "fail"


def test_before_the_first_start_no_root_key_is_missed(payguard: Terminal) -> None:
    assert checked(payguard, "root key").state == "ok"


def test_pending_migrations_fail(fresh: Terminal) -> None:
    fresh("migrate", "--to", "0001")

    found = checked(fresh, "migrations")

    assert found.state == "fail"
    assert "`payguard upgrade`" in found.then


def test_a_database_without_a_write_ahead_log_fails(payguard: Terminal) -> None:
    execute(payguard, "PRAGMA journal_mode = DELETE")

    file = (payguard.home / "payguard.sqlite").read_bytes()

    found = checked(payguard, "durability")

    assert (found.state, found.what) == ("fail", "journal_mode=delete")
    # The check's own look must not set it right.
    assert (payguard.home / "payguard.sqlite").read_bytes() == file


def filesystem(folder: Path) -> str:
    """Return the kind of file system under a folder, as another program tells it."""
    told = subprocess.run(
        ["stat", "--file-system", "--format=%T", folder], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


@pytest.fixture
def moved(payguard: Terminal) -> Iterator[Callable[[str], Terminal]]:
    """Move the data to a folder of another file system."""
    with contextlib.ExitStack() as stack:

        def move(base: str) -> Terminal:
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=base))
            home = Path(folder) / "home"
            shutil.copytree(payguard.home, home)
            return Terminal(home)

        yield move


def test_in_memory_an_acknowledgement_is_gone_with_the_power(
    moved: Callable[[str], Terminal],
) -> None:
    payguard = moved("/dev/shm")  # noqa: S108  memory is what is wanted
    assert filesystem(payguard.home) == "tmpfs"

    found = checked(payguard, "durability")

    assert found.state == "warn"
    assert found.what == f"{payguard.home / 'payguard.sqlite'} lies on tmpfs: gone with the power"


def test_on_a_disk_an_acknowledgement_survives_a_power_cut(
    moved: Callable[[str], Terminal],
) -> None:
    # Of all folders this one has to outlast a restart of the machine.
    payguard = moved("/var/tmp")  # noqa: S108  a disk is what is wanted
    assert filesystem(payguard.home) not in {"tmpfs", "ramfs"}

    found = checked(payguard, "durability")

    assert found.state == "ok"
    assert found.what.startswith("SQLite, WAL, the writer's synchronous=FULL, on ")
    assert "survives a crash and a power cut" in found.what


def test_a_disk_that_is_told_not_to_wait_fails(tmp_path: Path) -> None:
    found = _lasting(tmp_path / "payguard.sqlite", Mount("ext4", "barrier=0"))

    assert (found.state, "mounted with barrier=0" in found.what) == ("fail", True)


def test_a_held_lock_without_an_answer_fails_and_names_the_holder(payguard: Terminal) -> None:
    with WriterLock(payguard.home / "writer.lock"):
        found = checked(payguard, "writer")

    assert found.state == "fail"
    assert "process" in found.what


@pytest.mark.usefixtures("merchant_id")
def test_a_free_lock_means_that_no_writer_runs(payguard: Terminal) -> None:
    found = checked(payguard, "writer")

    assert found.state == "warn"
    assert found.what == "does not run"


@pytest.mark.usefixtures("merchant_id")
def test_a_clock_behind_the_last_commit_fails(payguard: Terminal) -> None:
    ahead = SystemClock().now() + dt.timedelta(hours=1)
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    execute(payguard, "UPDATE writer SET now = ?", (ahead - epoch) // dt.timedelta(microseconds=1))

    found = checked(payguard, "clock")

    assert found.state == "fail"
    assert "behind the last commit" in found.what


def test_what_holds_no_database_is_told_as_damaged(payguard: Terminal) -> None:
    Path(payguard.home / "payguard.sqlite").write_bytes(b"no database" * 100)

    assert checked(payguard, "migrations").state == "fail"
    assert checked(payguard, "durability").state == "fail"


def test_webhooks_that_may_go_inside_are_warned_of(payguard: Terminal) -> None:
    check = next(check for check in CHECKS if check.__name__ == "_webhooks")
    open_to_all = Settings(data_dir=payguard.home, webhook_allow_private=True)

    assert checked(payguard, "webhooks").state == "ok"
    assert check(open_to_all).state == "warn"
