import sqlite3

import pytest

from keys import entropy
from service.cli.writers import house_call
from service.kernel.clock import SystemClock
from service.rooms.merchants.contract import CreateMerchant
from service.secrets import open_secrets
from service.settings import Settings
from service.unit_of_work import faults
from service.unit_of_work.commands import Command
from tests.support.terminal import Told


def plant(told: Told, command: Command) -> str:
    """Leave a faulted command behind, sealed as the writer seals it."""
    settings = Settings(data_dir=told.payguard.home)
    sealed = faults.sealed_command(
        command, call=house_call(), seed=b"s" * 32, now=SystemClock().now(), sequence=3
    )
    refused = faults.record(
        sealed,
        fault_id="cmd_1",
        cause="ValueError at somewhere.py:1",
        sealer=open_secrets(settings.root_file, entropy.system).sealer,
        entropy=entropy.system,
    )
    row = refused.changes[0].bound.values
    columns = ("tenant_id", "fault_id", "command", "sequence", "cause", "sealed")
    connection = sqlite3.connect(settings.database_file)
    connection.execute(
        "INSERT INTO faulted_commands (tenant_id, fault_id, command, sequence, cause, sealed, at)"
        " VALUES (?, ?, ?, ?, ?, ?, 0)",
        [row[name] for name in columns],
    )
    connection.commit()
    connection.close()
    return "cmd_1"


def merchants(told: Told) -> int:
    connection = sqlite3.connect(told.payguard.home / "payguard.sqlite")
    count = connection.execute("SELECT count(*) FROM merchants").fetchone()[0]
    connection.close()
    return int(count)


def test_a_rerun_says_what_would_be_and_commits_nothing(told: Told) -> None:
    fault_id = plant(told, CreateMerchant(name="Third"))
    before = merchants(told)

    found = told.payguard.json("command", "rerun", fault_id, "--dry")

    assert found["now"] == "accepted"
    assert found["entries"] == ["merchant.created"]
    assert "insert merchant" in " ".join(found["changes"])
    assert merchants(told) == before


def test_a_rerun_that_is_refused_names_the_refusal(told: Told) -> None:
    fault_id = plant(told, CreateMerchant(name="Third", tenant_id="ten_unknown"))

    result = told.payguard("command", "rerun", fault_id, "--dry")

    assert result.exit_code == 0
    assert "refused (tenant_not_found)" in result.stdout


def test_a_rerun_shows_the_recorded_cause(told: Told) -> None:
    fault_id = plant(told, CreateMerchant(name="Third"))

    assert (
        "ValueError at somewhere.py:1"
        in told.payguard("command", "rerun", fault_id, "--dry").stdout
    )


def test_without_dry_nothing_is_run(told: Told) -> None:
    result = told.payguard("command", "rerun", "cmd_1")

    assert result.exit_code == 2
    assert "next: payguard command rerun cmd_1 --dry" in result.stderr


def test_an_unknown_fault_is_told_as_such(told: Told) -> None:
    assert told.payguard("command", "rerun", "cmd_2", "--dry").exit_code == 2


@pytest.mark.parametrize("damage", ["missing", "other"])
def test_without_its_root_key_a_command_stays_sealed(told: Told, damage: str) -> None:
    fault_id = plant(told, CreateMerchant(name="Third"))
    root = told.payguard.home / "root.key"
    root.unlink()
    if damage == "other":
        root.touch(mode=0o600)
        root.write_bytes(b"k" * 32)

    result = told.payguard("command", "rerun", fault_id, "--dry")

    assert result.exit_code == 2
    assert "put back the root key" in result.stderr
