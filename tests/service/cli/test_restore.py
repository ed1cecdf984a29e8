"""`payguard restore`: everything is looked at before anything is touched."""

import hashlib
import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from service.db import backup_sqlite
from service.db.sqlite import connect
from service.settings import read_settings
from service.writer.lock import WriterLock
from tests.support.signed import SignedLog, write_log
from tests.support.terminal import Terminal, Told

pytestmark = pytest.mark.long

STORE = "payguard.sqlite"


@pytest.fixture
def kept(told: Told, tmp_path: Path) -> Path:
    """Return a backup of what the demo left."""
    folder = tmp_path / "kept"
    assert told.payguard("backup", folder).exit_code == 0
    return folder


def payments(home: Path) -> int:
    with closing(sqlite3.connect(home / STORE)) as connection:
        return int(connection.execute("SELECT count(*) FROM payments").fetchone()[0])


def drop(told: Told) -> None:
    for one in told.payguard.home.glob(f"{STORE}*"):
        one.unlink()


def test_a_store_that_was_lost_comes_back_as_it_was(told: Told, kept: Path) -> None:
    before = backup_sqlite.facts(told.payguard.home / STORE)
    drop(told)

    result = told.payguard("restore", kept)

    assert result.exit_code == 0, result.output
    assert "next: `payguard serve`" in result.stdout
    assert backup_sqlite.facts(told.payguard.home / STORE) == before
    assert told.payguard("doctor").exit_code == 0
    assert told.payguard("show", told.said["answer"]["id"]).exit_code == 0


def test_the_restored_store_takes_commands_under_a_new_epoch(told: Told, kept: Path) -> None:
    drop(told)
    told.payguard("restore", kept)
    was = json.loads((kept / "manifest.json").read_bytes())["store"]

    told.payguard("merchant", "create", "--name", "After")

    now = backup_sqlite.facts(told.payguard.home / STORE)
    assert now is not None
    assert now.epoch > was["epoch"]
    assert now.sequence == was["sequence"] + 1


def test_a_store_with_data_is_replaced_only_when_asked(told: Told, kept: Path) -> None:
    told.payguard("merchant", "create", "--name", "After the backup")
    before = (told.payguard.home / STORE).read_bytes()

    result = told.payguard("restore", kept)

    assert result.exit_code == 2
    assert "--replace" in result.stderr
    assert (told.payguard.home / STORE).read_bytes() == before


def test_a_replaced_store_is_kept_with_everything_in_it(told: Told, kept: Path) -> None:
    told.payguard("merchant", "create", "--name", "After the backup")

    said = told.payguard.json("restore", kept, "--replace")

    aside = backup_sqlite.facts(Path(said["kept"]))
    now = backup_sqlite.facts(told.payguard.home / STORE)
    assert aside is not None
    assert now is not None
    assert aside.tables["merchants"] == now.tables["merchants"] + 1
    assert said["kept_sequence"] == aside.sequence


def test_people_are_told_how_much_the_kept_store_had_more(told: Told, kept: Path) -> None:
    told.payguard("merchant", "create", "--name", "After the backup")

    result = told.payguard("restore", kept, "--replace")

    assert "it had 1 more commands" in result.stdout


def test_a_fresh_store_in_which_nothing_happened_is_no_obstacle(told: Told, kept: Path) -> None:
    drop(told)
    told.payguard("migrate")

    result = told.payguard("restore", kept)

    assert result.exit_code == 0, result.output
    assert payments(told.payguard.home) > 0


@pytest.mark.parametrize("lock", ["writer.lock", "worker.lock"])
def test_beside_a_running_service_nothing_is_restored(told: Told, kept: Path, lock: str) -> None:
    with WriterLock(told.payguard.home / lock):
        result = told.payguard("restore", kept, "--replace")

    assert result.exit_code == 2
    assert "the service runs" in result.stderr


def test_beside_a_front_end_that_reads_nothing_is_restored(told: Told, kept: Path) -> None:
    with closing(connect(told.payguard.home / STORE, readonly=True)) as reader:
        reader.execute("SELECT count(*) FROM payments").fetchone()
        result = told.payguard("restore", kept, "--replace")

    assert result.exit_code == 2
    assert "has" in result.stderr
    assert "open" in result.stderr
    assert not list(told.payguard.home.glob("*.replaced-*"))


def edited(change: Callable[[Path], None]) -> Callable[[Path], None]:
    """Return a damage that a manifest, made anew to fit it, does not show by its hashes."""

    def damage(folder: Path) -> None:
        change(folder / STORE)
        manifest = json.loads((folder / "manifest.json").read_bytes())
        content = (folder / STORE).read_bytes()
        manifest["files"][STORE] = {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
        (folder / "manifest.json").write_text(json.dumps(manifest))

    return damage


def run_sql(*statements: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            for one in statements:
                connection.execute(one)
            connection.commit()

    return change


def flip_a_byte(folder: Path) -> None:
    content = bytearray((folder / STORE).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / STORE).write_bytes(content)


def of_a_newer_version(folder: Path) -> None:
    edited(run_sql("UPDATE alembic_version SET version_num = '9999'"))(folder)
    text = (folder / "manifest.json").read_text()
    manifest = json.loads(text)
    manifest["store"]["revision"] = "9999"
    (folder / "manifest.json").write_text(json.dumps(manifest))


DAMAGES = {
    "bytes": (flip_a_byte, "backup_damaged"),
    "no file": (lambda folder: (folder / STORE).unlink(), "backup_damaged"),
    "no manifest": (lambda folder: (folder / "manifest.json").unlink(), "backup_missing"),
    "a row is gone": (
        edited(run_sql("DELETE FROM messages WHERE ordinal = 0")),
        "backup_damaged",
    ),
    "an earlier sequence": (
        edited(run_sql("UPDATE writer SET sequence = sequence - 1")),
        "backup_damaged",
    ),
    "another last entry": (
        edited(run_sql("UPDATE entries SET leaf = zeroblob(32)")),
        "backup_damaged",
    ),
    "a constraint": (
        edited(run_sql("UPDATE merchants SET status = 'gone'")),
        "database_damaged",
    ),
    "a reference": (
        edited(run_sql("UPDATE merchants SET tenant_id = 'ten_none'")),
        "database_damaged",
    ),
    "a newer version": (of_a_newer_version, "backup_newer"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_backup_that_is_not_what_it_says_changes_nothing(
    told: Told, kept: Path, name: str
) -> None:
    damage, code = DAMAGES[name]
    damage(kept)
    before = (told.payguard.home / STORE).read_bytes()

    said = told.payguard.json("restore", kept, "--replace")

    assert said["error"]["code"] == code
    assert said["error"]["next"]
    assert (told.payguard.home / STORE).read_bytes() == before
    assert not list(told.payguard.home.glob(f"{STORE}.*"))


def test_another_root_key_does_not_fit(told: Told, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(b"k" * 32)
    before = (told.payguard.home / STORE).read_bytes()

    said = told.payguard.json("restore", kept, "--replace", PAYGUARD_ROOT_KEY_FILE=str(other))

    assert said["error"]["code"] == "root_key_other"
    assert (told.payguard.home / STORE).read_bytes() == before


def test_without_a_root_key_none_is_made_up(told: Told, kept: Path) -> None:
    drop(told)
    (told.payguard.home / "root.key").unlink()

    said = told.payguard.json("restore", kept)

    assert said["error"]["code"] == "root_key_missing"
    assert not (told.payguard.home / "root.key").exists()
    assert not (told.payguard.home / STORE).exists()


def test_a_broken_store_is_replaced_and_kept_as_it_was(told: Told, kept: Path) -> None:
    (told.payguard.home / STORE).write_bytes(b"not a database" * 999)

    said = told.payguard.json("restore", kept, "--replace")

    assert Path(said["kept"]).read_bytes() == b"not a database" * 999
    assert payments(told.payguard.home) > 0
    assert said["kept_sequence"] is None


def test_a_backup_can_move_to_a_new_home(told: Told, kept: Path, tmp_path: Path) -> None:
    home = tmp_path / "elsewhere"
    home.mkdir(mode=0o700)
    shutil.copy2(told.payguard.home / "root.key", home / "root.key")

    result = Terminal(home)("restore", kept)

    assert result.exit_code == 0, result.output
    assert payments(home) == payments(told.payguard.home)


def test_a_restore_that_sets_the_log_back_says_what_to_do(
    signed: SignedLog, tmp_path: Path
) -> None:
    payguard, kept = signed.payguard, tmp_path / "kept"
    assert payguard("backup", kept).exit_code == 0
    home = str(payguard.home)
    write_log(read_settings({"PAYGUARD_DATA_DIR": home}), rounds=1, merchants=3)

    result = payguard("restore", kept, "--replace")

    assert result.exit_code == 0, result.output
    assert "the log is set back" in result.stdout
    assert "next: `payguard audit accept-restore" in result.stdout
    assert payguard("doctor").exit_code == 1
    assert payguard("audit", "accept-restore", "--reason", "a drill").exit_code == 0
    write_log(read_settings({"PAYGUARD_DATA_DIR": home}), rounds=1, merchants=1)
    assert signed.verify()["verified"]


def test_a_restore_that_loses_nothing_signed_has_nothing_to_accept(
    signed: SignedLog, tmp_path: Path
) -> None:
    kept = tmp_path / "kept"
    assert signed.payguard("backup", kept).exit_code == 0

    result = signed.payguard("restore", kept, "--replace")

    assert "set back" not in result.stdout
    assert "next: `payguard serve`" in result.stdout
    assert signed.verify()["verified"]
