"""When a challenger is due, and what is kept of one."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from service.cli.challenger.folder import Challenger, alone, is_due, read_all, write

SAID = Challenger(
    tenant_id="ten_1",
    merchant_id="mer_1",
    mode="live",
    trained_at=dt.datetime(2026, 11, 29, tzinfo=dt.UTC),
    feature_set="fs_1",
    frauds={"unauthorized": 70, "scam": 30},
)


HOUR = dt.timedelta(hours=1)
OFTEN = {"unauthorized": 90, "scam": 34}
REFUSED = msgspec.structs.replace(SAID, why_not="labels_to_come")


@pytest.mark.parametrize(
    ("last", "frauds", "after", "is_so"),
    [
        (None, {}, HOUR, False),
        (None, {"unauthorized": 79, "scam": 79}, HOUR, False),
        (None, {"unauthorized": 80}, HOUR, True),
        (SAID, OFTEN, 48 * HOUR, False),
        (SAID, {"unauthorized": 90, "scam": 35}, HOUR, True),
        (REFUSED, OFTEN, 23 * HOUR, False),
        (REFUSED, OFTEN, 24 * HOUR, True),
        # The clock was set back.
        (REFUSED, OFTEN, -HOUR, True),
        (msgspec.structs.replace(SAID, feature_set="fs_0"), OFTEN, HOUR, True),
    ],
)
def test_it_is_due_with_enough_of_one_kind_and_a_quarter_more_than_last(last, frauds, after, is_so):
    now = msgspec.structs.replace(SAID, frauds=frauds, trained_at=SAID.trained_at + after)

    assert is_due(last, now, least=80) is is_so


def test_one_at_a_time_learns_in_a_folder_of_its_users_own(tmp_path: Path):
    folder = tmp_path / "models" / "challengers"

    with alone(folder) as is_first, alone(folder) as is_second:
        assert (is_first, is_second) == (True, False)
    with alone(folder) as is_next:
        assert is_next

    assert {one.stat().st_mode & 0o777 for one in (folder, folder.parent)} == {0o700}


def test_what_a_killed_training_left_goes_with_the_next(tmp_path: Path):
    folder = tmp_path / "models" / "challengers"
    with alone(folder):
        (folder / ".tmp_left").touch()
        write(folder, SAID, b"model")
        with alone(folder) as is_alone:
            assert not is_alone
            assert (folder / ".tmp_left").exists()

    with alone(folder) as is_alone:
        assert is_alone

    assert sorted(one.name for one in folder.iterdir()) == [
        ".lock",
        "mer_1-live.json",
        "mer_1-live.pgmodel",
    ]


def test_what_others_keep_in_the_folder_stays(tmp_path: Path):
    folder = tmp_path / "models" / "challengers"
    for name in (".snapshot", ".tmp_of_others"):
        (folder / name).mkdir(parents=True)
    (folder / ".nfs0001").touch()

    with alone(folder) as is_alone:
        assert is_alone

    kept = sorted(one.name for one in folder.iterdir())
    assert kept == [".lock", ".nfs0001", ".snapshot", ".tmp_of_others"]


def test_a_model_is_kept_beside_what_is_said_of_it(tmp_path: Path):
    folder = tmp_path / "challengers"
    folder.mkdir()

    kept = write(folder, SAID, b"model")
    write(folder, msgspec.structs.replace(SAID, mode="sandbox", why_not="no_head"), None)
    (folder / "other.json").write_text("{")

    assert Path(str(kept.file)).read_bytes() == b"model"
    assert [(one.mode, one.file) for one in read_all(folder)] == [
        ("live", kept.file),
        ("sandbox", None),
    ]
    assert {one.stat().st_mode & 0o777 for one in folder.glob("mer_*")} == {0o600}
    assert sorted(one.name for one in folder.iterdir()) == [
        "mer_1-live.json",
        "mer_1-live.pgmodel",
        "mer_1-sandbox.json",
        "other.json",
    ]


def test_where_nothing_was_learnt_there_is_none(tmp_path: Path):
    assert read_all(tmp_path / "challengers") == []
