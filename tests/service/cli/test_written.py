"""What cannot be written is told before the work; nothing is made by looking."""

from pathlib import Path

import pytest

from service.cli.screen import DONE, SOMETHING_FAILED, Failure, TextScreen
from service.cli.written import check_file, check_folder, write_text


def test_what_can_be_written_is_not_made_by_looking(tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    check_file(None)
    check_file(tmp_path / "there")
    check_file(tmp_path / "new")
    check_folder(tmp_path / "a" / "b", "model")
    check_folder(tmp_path, "there", "new")

    assert [one.name for one in tmp_path.iterdir()] == ["there"]


@pytest.mark.parametrize("name", ["folder", "missing/new", "file/new"])
def test_a_file_that_cannot_be_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()

    with pytest.raises(Failure) as failed:
        check_file(tmp_path / name)

    assert failed.value.code == "file_unusable"


def test_a_folder_that_cannot_hold_files_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "out" / "model").mkdir(parents=True)

    for folder in (tmp_path / "file", tmp_path / "file" / "a" / "b"):
        with pytest.raises(Failure) as failed:
            check_folder(folder)
        assert failed.value.code == "folder_unusable"
    with pytest.raises(Failure):
        check_folder(tmp_path / "out", "model")


def test_a_lost_file_does_not_take_the_result_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert write_text(TextScreen(), None, "x") == DONE
    assert write_text(TextScreen(), tmp_path / "new", "x") == DONE
    assert (tmp_path / "new").read_text() == "x"

    assert write_text(TextScreen(), tmp_path / "missing" / "new", "x") == SOMETHING_FAILED

    assert "cannot be written" in capsys.readouterr().err
