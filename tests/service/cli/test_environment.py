import stat
from pathlib import Path

import pytest

from service.cli.environment import current_settings, make_data_folder
from service.cli.screen import Failure
from tests.support.terminal import Terminal


def test_an_unknown_setting_stops_a_command_by_its_name(fresh: Terminal) -> None:
    result = fresh("doctor", PAYGUARD_PROT="8081")

    assert result.exit_code == 1
    assert "PAYGUARD_PROT is not a setting" in result.stdout


def test_a_value_out_of_range_is_named_and_not_repeated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PAYGUARD_WORKERS", "7777")

    with pytest.raises(Failure, match="PAYGUARD_WORKERS") as failed:
        current_settings()

    assert "7777" not in failed.value.what


def test_a_new_data_folder_is_its_owner_s_alone(tmp_path: Path) -> None:
    make_data_folder(tmp_path / "a" / "b")

    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


def test_a_data_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    make_data_folder(tmp_path)

    assert (tmp_path / "file").exists()


def test_a_file_in_the_folder_s_place_is_a_failure_with_a_next_step(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(Failure) as failed:
        make_data_folder(tmp_path / "file")

    assert "PAYGUARD_DATA_DIR" in failed.value.then
