"""`payguard audit`: checkpoints shown, exports made, a restore accepted."""

import json
import shutil
from pathlib import Path

import pytest

from keys.notes import Verifier
from service.settings import read_settings
from tests.support.signed import STORE, SignedLog, write_log
from tests.support.terminal import Terminal


def go_on(signed: SignedLog) -> None:
    """Let the service write and sign some more."""
    home = str(signed.payguard.home)
    write_log(read_settings({"PAYGUARD_DATA_DIR": home}), rounds=1, merchants=5)


def set_back(signed: SignedLog, older: SignedLog) -> None:
    for file in signed.payguard.home.glob(f"{STORE}*"):
        file.unlink()
    for file in older.payguard.home.glob(f"{STORE}*"):
        shutil.copy(file, signed.payguard.home / file.name)


def test_the_latest_checkpoint_is_the_one_outside(signed: SignedLog) -> None:
    shown = signed.payguard.json("audit", "checkpoint")
    text = signed.payguard("audit", "checkpoint")

    note = (signed.outside / "log-0.checkpoint").read_text()
    assert (shown["note"], text.stdout) == (note, note)
    assert Verifier.of(shown["verifier_key"]).name == shown["origin"]
    assert shown["verifier_key"] in text.stderr


def test_an_older_checkpoint_is_shown_by_its_size(signed: SignedLog) -> None:
    size = signed.sizes[1]

    assert signed.payguard.json("audit", "checkpoint", "--size", size)["size"] == size
    result = signed.payguard("audit", "checkpoint", "--size", size + 1)
    assert (result.exit_code, "no checkpoint" in result.stderr) == (2, True)


@pytest.mark.parametrize("command", ["checkpoint", "export"])
def test_before_the_first_checkpoint_there_is_none(payguard: Terminal, command: str) -> None:
    payguard("merchant", "create", "--name", "Kites")
    target = [payguard.home.parent / "x.jsonl"] if command == "export" else []

    result = payguard("audit", command, *target)

    assert (result.exit_code, "no checkpoint yet" in result.stderr) == (2, True)
    assert payguard("audit", "verify").exit_code == 0


def test_without_a_database_there_is_nothing_to_verify(fresh: Terminal) -> None:
    result = fresh("audit", "verify")

    assert (result.exit_code, "payguard doctor" in result.stderr) == (2, True)


def test_an_export_is_an_entry_and_replaces_no_file(signed: SignedLog, tmp_path: Path) -> None:
    target = tmp_path / "log.jsonl"
    said = signed.payguard.json("audit", "export", target)
    again = signed.payguard("audit", "export", target)

    size = signed.sizes[-1]
    assert (said["size"], said["entries"], said["checkpoints"]) == (size, size, 4)
    assert target.stat().st_mode & 0o777 == 0o600
    assert json.loads(target.read_text().splitlines()[0])["size"] == size
    assert (again.exit_code, "File exists" in again.stderr) == (2, True)
    kinds = signed.sql("SELECT kind FROM entries ORDER BY position DESC LIMIT 2")
    assert kinds == [("log.exported",), ("log.grown",)]
    assert list(tmp_path.glob("*.partial")) == []


@pytest.mark.long
def test_a_restore_is_accepted_once_and_the_log_goes_on(signed: SignedLog, tmp_path: Path) -> None:
    older = signed.copied(tmp_path / "older")
    go_on(signed)
    ahead = (signed.outside / "log-0.checkpoint").read_text()
    set_back(signed, older)
    assert signed.verify()["fault"] == "rolled_back"

    said = signed.payguard.json("audit", "accept-restore", "--reason", "disk died")
    again = signed.payguard("audit", "accept-restore", "--reason", "disk died")

    assert (Path(said["kept"]) / "log-0.checkpoint").read_text() == ahead
    assert (again.exit_code, "nothing is to be accepted" in again.stderr) == (2, True)
    go_on(signed)
    found = signed.verify()
    assert (found["verified"], found["outside"]) == (True, signed.sizes[-1])
    [(body,)] = signed.sql("SELECT body FROM entries WHERE kind = 'log.restore_accepted'")
    fields = json.loads(body)["fields"]
    assert (fields["reason"], fields["outside_size"]) == ("disk died", int(ahead.split("\n")[1]))
    # Who kept the one that was lost sees it all the same.
    kept = Path(said["kept"]) / "log-0.checkpoint"
    assert signed.verify("--known", kept)["verified"] is False


def test_a_restore_that_the_worker_records_once_more_meanwhile_is_accepted_all_the_same(
    signed: SignedLog, tmp_path: Path
) -> None:
    older = signed.copied(tmp_path / "older")
    go_on(signed)
    set_back(signed, older)
    go_on(signed)
    # As a worker does that had read the folder before it was moved.
    signed.sql(
        "CREATE TRIGGER late AFTER UPDATE OF accepted_at ON log_divergences"
        " WHEN (SELECT count(*) FROM log_divergences) < 2 BEGIN"
        " INSERT INTO log_divergences SELECT tenant_id, 'ldv_2', log, reason, size, outside_size,"
        " outside_root, found_at, NULL FROM log_divergences; END"
    )

    signed.payguard.json("audit", "accept-restore", "--reason", "disk died")

    [(count, accepted)] = signed.sql("SELECT count(*), count(accepted_at) FROM log_divergences")
    assert (count, accepted) == (2, 2)


def test_a_worker_that_meets_a_log_set_back_signs_nothing(
    signed: SignedLog, tmp_path: Path
) -> None:
    older = signed.copied(tmp_path / "older")
    go_on(signed)
    set_back(signed, older)
    sizes = signed.sizes

    go_on(signed)

    assert signed.sizes == sizes
    [(reason,)] = signed.sql("SELECT reason FROM log_divergences WHERE accepted_at IS NULL")
    assert reason == "rolled_back"


def test_the_bad_place_is_told_to_people(signed: SignedLog) -> None:
    signed.sql("UPDATE entries SET kind = 'x.y' WHERE position = 12")

    result = signed.payguard("audit", "verify")

    assert result.exit_code == 1
    assert "BAD at 12: changed: the column kind is not what the entry says" in result.stdout
    assert "field: kind" in result.stdout
    assert "expected: " in result.stdout
