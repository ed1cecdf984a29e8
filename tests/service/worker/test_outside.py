"""Checkpoints outside of the database: appended, the latest replaced whole, moved aside."""

from pathlib import Path

import pytest

from service.worker.outside import CheckpointFolder


@pytest.fixture
def folder(tmp_path: Path) -> CheckpointFolder:
    return CheckpointFolder(tmp_path / "a" / "checkpoints", "0")


def test_nothing_is_there_before_the_first(folder: CheckpointFolder) -> None:
    assert (folder.latest(), list(folder.history()), folder.key()) == (None, [], None)
    assert not folder.folder.exists()


def test_notes_are_added_and_the_last_is_the_latest(folder: CheckpointFolder) -> None:
    folder.write("one\n", key="k1")
    folder.write("two\n", key="k2")

    assert folder.latest() == "two\n"
    assert list(folder.history()) == ["one\n", "two\n"]
    assert folder.key() == "k1"
    assert folder.folder.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o777 for one in folder.folder.iterdir()} == {0o600}


def test_a_note_whose_end_failed_is_added_once(folder: CheckpointFolder) -> None:
    folder.write("one\n", key="k")
    folder.latest_file.unlink()
    folder.latest_file.mkdir()
    for _ in range(3):
        with pytest.raises(OSError, match="directory"):
            folder.write("two\n", key="k")
    folder.latest_file.rmdir()
    folder.write("two\n", key="k")

    assert list(folder.history()) == ["one\n", "two\n"]
    assert folder.latest() == "two\n"


def test_a_line_that_a_crash_cut_swallows_none(folder: CheckpointFolder) -> None:
    folder.write("one\n", key="k")
    with folder.history_file.open("ab") as file:
        file.write(b'{"type":"checkp')
    folder.write("two\n", key="k")

    assert [one for one in folder.history() if one] == ["one\n", "two\n"]


def test_without_the_latest_the_history_tells(folder: CheckpointFolder) -> None:
    folder.write("one\n", key="k")
    folder.write("two\n", key="k")
    folder.latest_file.unlink()

    assert folder.latest() == "two\n"


def test_what_is_moved_aside_is_kept_and_counts_no_more(folder: CheckpointFolder) -> None:
    folder.write("one\n", key="k")

    aside = folder.move_aside("replaced-1")

    assert (folder.latest(), list(folder.history())) == (None, [])
    assert aside.files == 3
    assert (aside.folder / folder.latest_file.name).read_text() == "one\n"
