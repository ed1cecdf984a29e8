"""`payguard doctor` says whether the log is signed, outside too, and set back by nobody."""

import shutil
from typing import Any

from service.settings import read_settings
from tests.support.signed import STORE, SignedLog, write_log
from tests.support.terminal import Terminal


def looked(payguard: Terminal) -> tuple[str, str]:
    checks: list[dict[str, Any]] = payguard.json("doctor")["checks"]
    [found] = [one for one in checks if one["name"] == "audit log"]
    return found["state"], found["what"]


def test_a_signed_log_is_well(signed: SignedLog) -> None:
    state, what = looked(signed.payguard)

    assert (state, f"{signed.sizes[-1]} entries are signed" in what) == ("ok", True)


def test_a_log_without_a_checkpoint_is_not_wrong(payguard: Terminal) -> None:
    assert looked(payguard) == ("ok", "nothing is signed yet")


def test_without_a_database_there_is_no_log(fresh: Terminal) -> None:
    assert looked(fresh) == ("ok", "no database yet")


def test_a_checkpoint_that_is_not_outside_is_a_warning(signed: SignedLog) -> None:
    shutil.rmtree(signed.outside)

    state, what = looked(signed.payguard)
    assert (state, "is not outside of the database" in what) == ("warn", True)


def test_a_log_that_was_set_back_fails(signed: SignedLog, tmp_path_factory: Any) -> None:
    older = signed.copied(tmp_path_factory.mktemp("older"))
    home = signed.payguard.home
    write_log(read_settings({"PAYGUARD_DATA_DIR": str(home)}), rounds=1, merchants=2)
    for file in home.glob(f"{STORE}*"):
        file.unlink()
    for file in older.payguard.home.glob(f"{STORE}*"):
        shutil.copy(file, home / file.name)

    state, what = looked(signed.payguard)
    assert (state, "set back" in what) == ("fail", True)


def test_a_recorded_divergence_fails_until_it_is_accepted(signed: SignedLog) -> None:
    signed.sql(
        "INSERT INTO log_divergences (tenant_id, divergence_id, log, reason, size, outside_size,"
        " found_at) VALUES ('house', 'ldv_1', '0', 'gap', 5, 5, 0)"
    )

    state, what = looked(signed.payguard)
    assert (state, "an entry is missing" in what) == ("fail", True)


def test_a_folder_that_cannot_be_read_fails(signed: SignedLog) -> None:
    file = signed.outside / "log-0.checkpoint"
    file.unlink()
    file.mkdir()

    state, what = looked(signed.payguard)
    assert (state, "cannot be read" in what) == ("fail", True)
