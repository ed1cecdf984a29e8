"""`payguard backup`: whole or nothing, without the root key, and with a word about that."""

import json
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from service.cli.backup import NOTED_BYTES_MIN, noting
from service.cli.screen import TextScreen
from service.writer.lock import WriterLock
from tests.support.terminal import Terminal, Told


def test_a_backup_holds_all_that_was_committed_and_says_where_it_stands(
    told: Told, tmp_path: Path
) -> None:
    made = told.payguard.json("backup", tmp_path / "kept")

    store = made["manifest"]["store"]
    with closing(sqlite3.connect(told.payguard.home / "payguard.sqlite")) as connection:
        [sequence] = connection.execute("SELECT sequence FROM writer").fetchone()
        [entries] = connection.execute("SELECT count(*) FROM entries").fetchone()
    assert store["sequence"] == sequence
    assert store["logs"][0]["size"] == entries
    assert json.loads((tmp_path / "kept" / "manifest.json").read_bytes()) == made["manifest"]


def test_a_backup_needs_no_lock(told: Told, tmp_path: Path) -> None:
    with WriterLock(told.payguard.home / "writer.lock"):
        result = told.payguard("backup", tmp_path / "kept")

    assert result.exit_code == 0, result.output


def test_the_root_key_is_not_in_it_and_people_are_told(told: Told, tmp_path: Path) -> None:
    result = told.payguard("backup", tmp_path / "kept")

    key = (told.payguard.home / "root.key").read_bytes()
    files = list((tmp_path / "kept").iterdir())
    assert not any(key in one.read_bytes() for one in files)
    assert "root.key; keep a copy of it" in result.stdout


def test_only_its_owner_may_look_into_it(told: Told, tmp_path: Path) -> None:
    told.payguard("backup", tmp_path / "kept")

    modes = {stat.S_IMODE(one.stat().st_mode) for one in (tmp_path / "kept").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "kept").stat().st_mode) == 0o700


def test_a_second_backup_does_not_replace_the_first(told: Told, tmp_path: Path) -> None:
    told.payguard("backup", tmp_path / "kept")

    result = told.payguard("backup", tmp_path / "kept")

    assert result.exit_code == 2
    assert "exists already" in result.stderr


def test_without_a_store_there_is_nothing_to_back_up(fresh: Terminal, tmp_path: Path) -> None:
    result = fresh("backup", tmp_path / "kept")

    assert result.exit_code == 2
    assert "there is no database" in result.stderr
    assert not (tmp_path / "kept").exists()


def test_a_damaged_store_is_not_backed_up_as_if_it_were_whole(told: Told, tmp_path: Path) -> None:
    with closing(sqlite3.connect(told.payguard.home / "payguard.sqlite")) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE merchants SET status = 'gone'")
        connection.commit()

    result = told.payguard("backup", tmp_path / "kept")

    assert result.exit_code == 2
    assert "CHECK constraint failed in merchants" in result.stderr
    assert not (tmp_path / "kept").exists()


def test_long_steps_say_how_far_they_are_and_short_ones_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = noting(TextScreen())

    for percent in range(101):
        progress("copied", percent * NOTED_BYTES_MIN // 100, NOTED_BYTES_MIN)
        progress("hashed", percent, 100)

    lines = capsys.readouterr().err.splitlines()
    assert lines[-1] == "copied 100 % of 64 MiB"
    assert 5 < len(lines) < 15
    assert not any("hashed" in one for one in lines)
