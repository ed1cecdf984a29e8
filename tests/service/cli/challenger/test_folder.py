"""When a challenger is due, and what is kept of one."""

import datetime as dt
from pathlib import Path

import msgspec
import pytest

from service.cli.challenger.folder import Challenger, is_due, read_all, write

SAID = Challenger(
    tenant_id="ten_1",
    merchant_id="mer_1",
    mode="live",
    trained_at=dt.datetime(2026, 11, 29, tzinfo=dt.UTC),
    frauds={"unauthorized": 70, "scam": 30},
)


@pytest.mark.parametrize(
    ("last", "frauds", "is_so"),
    [
        (None, {}, False),
        (None, {"unauthorized": 79, "scam": 79}, False),
        (None, {"unauthorized": 80}, True),
        (SAID, {"unauthorized": 90, "scam": 34}, False),
        (SAID, {"unauthorized": 90, "scam": 35}, True),
    ],
)
def test_it_is_due_with_enough_of_one_kind_and_a_quarter_more_than_last(last, frauds, is_so):
    assert is_due(last, frauds, least=80) is is_so


def test_a_model_is_kept_beside_what_is_said_of_it(tmp_path: Path):
    folder = tmp_path / "challengers"

    kept = write(folder, SAID, b"model")
    write(folder, msgspec.structs.replace(SAID, mode="sandbox", why_not="no_head"), None)
    (folder / "other.json").write_text("{")

    assert Path(str(kept.file)).read_bytes() == b"model"
    assert [(one.mode, one.file) for one in read_all(folder)] == [
        ("live", kept.file),
        ("sandbox", None),
    ]
    assert sorted(one.name for one in folder.iterdir()) == [
        "mer_1-live.json",
        "mer_1-live.pgmodel",
        "mer_1-sandbox.json",
        "other.json",
    ]


def test_where_nothing_was_learnt_there_is_none(tmp_path: Path):
    assert read_all(tmp_path / "challengers") == []
