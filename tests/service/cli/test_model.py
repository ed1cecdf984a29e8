"""`payguard model`: a file is checked in a child, signed, added once; what is damaged is not."""

from pathlib import Path

import pytest

from risk.feature import load_features
from tests.support.models import file_of, grow
from tests.support.terminal import Terminal

# Longer than one part of a file.
TREES = 60


@pytest.fixture(scope="module")
def content() -> bytes:
    return file_of(load_features(), 8, unauthorized=grow(8, TREES, 5))


@pytest.fixture
def file(content: bytes, tmp_path: Path) -> Path:
    made = tmp_path / "small.pgmodel"
    made.write_bytes(content)
    return made


@pytest.mark.long
def test_a_model_is_checked_added_once_and_shown(payguard: Terminal, file: Path) -> None:
    checked = payguard.json("model", "check", file)
    assert (checked["name"], checked["origin"]) == ("small", "trained")
    assert payguard.json("model", "list") == []

    made = payguard.json("model", "add", file)
    assert checked["model"] == f"sha256:{made['sha256']}"
    [listed] = payguard.json("model", "list")
    assert (listed["id"], listed["heads"]) == (checked["model"], ["unauthorized"])
    assert listed["bytes"] == file.stat().st_size
    shown = payguard.json("model", "show", checked["model"])
    assert shown["is_signed"]
    assert len(shown["model"]["inputs"]) == 8
    assert payguard.json("model", "add", file)["error"]["code"] == "model_exists"


def test_a_damaged_file_is_refused_before_anything_is_kept(payguard: Terminal, file: Path) -> None:
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    file.write_bytes(damaged)

    for verb in ("check", "add"):
        assert payguard.json("model", verb, file)["error"]["code"] == "model_refused"
    assert payguard.json("model", "list") == []


def test_what_is_not_there_is_said(payguard: Terminal, tmp_path: Path) -> None:
    assert payguard.json("model", "check", tmp_path)["error"]["code"] == "file_unreadable"
    assert payguard.json("model", "show", "0" * 64)["error"]["code"] == "model_not_found"
