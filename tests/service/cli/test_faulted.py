import pytest
import sqlalchemy as sa

from keys import entropy
from service.cli.writers import house_call
from service.kernel.clock import SystemClock
from service.rooms.merchants.contract import CreateMerchant
from service.rooms.merchants.tables import MERCHANTS
from service.secrets import open_secrets
from service.settings import read_settings
from service.unit_of_work import faults
from service.unit_of_work.commands import Command
from service.unit_of_work.tables import FAULTS
from tests.support.places import owning, rows_of
from tests.support.terminal import Told


def plant(told: Told, command: Command) -> str:
    """Leave a faulted command behind, sealed as the writer seals it."""
    settings = read_settings(told.payguard.environment)
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
    with owning(settings.database) as connection:
        connection.execute(sa.insert(FAULTS), [refused.changes[0].bound.values])
        connection.commit()
    return "cmd_1"


def merchants(told: Told) -> int:
    return len(rows_of(read_settings(told.payguard.environment).database, MERCHANTS))


@pytest.mark.usefixtures("store_kind")
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


@pytest.mark.usefixtures("store_kind")
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
