"""What retention took is told by an entry and verifies; anything else that is gone is found."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.signed import SignedLog, record_dropped

NOT_ANSWERED = 2


@pytest.fixture
def signed(signed_on_each: SignedLog) -> SignedLog:
    """Return a log to change."""
    return signed_on_each


def found(verdict: dict[str, Any]) -> tuple[str, int]:
    assert not verdict["verified"], verdict
    return verdict["fault"], verdict["position"]


def retire(signed: SignedLog, upper: int, *, is_told: bool = True, is_signed: bool = True) -> None:
    """Do what retention does to the oldest entries; the writer tells of it, or nobody does."""
    signed.sql("DELETE FROM entries WHERE position < ?", upper)
    # PostgreSQL has the partition, as migrations made it; SQLite is told of one.
    signed.sql("DELETE FROM partitions WHERE log = 'entries' AND lower = 0")
    signed.sql(
        "INSERT INTO partitions (name, log, lower, upper, made_at, detached_at, dropped_at)"
        " VALUES ('entries_0', 'entries', 0, ?, ?, ?, ?)",
        upper,
        *signed.instants(0, 1, 1),
    )
    if is_told:
        record_dropped(signed.settings, is_signed=is_signed)


@pytest.mark.long
@pytest.mark.parametrize("upper", [1, 100, 256, 300])
def test_what_retention_left_verifies(signed: SignedLog, upper: int) -> None:
    retire(signed, upper)

    mine, theirs = signed.verify(), signed.stranger()

    assert (mine["verified"], mine["checkpoints"], mine["first"]) == (True, 10, upper)
    assert mine["entries"] == signed.sizes[-1] + 1 - upper
    assert (theirs["verified"], theirs["root"]) == (True, mine["root"])


def test_entries_that_are_gone_and_of_which_no_entry_tells_are_found(signed: SignedLog) -> None:
    retire(signed, 200, is_told=False)

    assert found(signed.verify()) == ("dropped", 0)
    assert found(signed.stranger()) == ("dropped", 0)


def test_what_retention_took_a_moment_ago_is_waited_for(signed: SignedLog, tmp_path: Path) -> None:
    retire(signed, 200, is_told=False)
    [(now,)] = signed.sql("SELECT now FROM writer")
    signed.sql("UPDATE partitions SET detached_at = ? WHERE log = 'entries' AND lower = 0", now)

    result = signed.payguard("audit", "verify")

    assert result.exit_code != 0
    assert "verify again" in result.stderr
    assert_no_export(signed, tmp_path)


def test_before_the_entry_that_tells_is_signed_nothing_is_exported(
    signed: SignedLog, tmp_path: Path
) -> None:
    retire(signed, 200, is_signed=False)

    assert signed.verify()["verified"]
    assert_no_export(signed, tmp_path)


def assert_no_export(signed: SignedLog, folder: Path) -> None:
    result = signed.payguard("audit", "export", folder / "export.jsonl", "--json")

    assert result.exit_code == NOT_ANSWERED
    assert "retention_at_work" in result.stderr + result.stdout
    assert not list(folder.glob("export.jsonl*"))


def test_an_unsigned_tail_that_was_cut_with_its_count_is_found_after_retention(
    signed: SignedLog,
) -> None:
    retire(signed, 100)
    position = signed.sizes[-1]
    signed.sql("DELETE FROM entries WHERE position >= ?", position)
    signed.sql("UPDATE writer SET entries = ?", position)

    assert found(signed.verify()) == ("cut", position)


def test_an_entry_that_tells_of_fewer_is_not_enough(signed: SignedLog) -> None:
    retire(signed, 100)
    signed.sql("DELETE FROM entries WHERE position < 200")
    signed.sql("UPDATE partitions SET upper = 200 WHERE log = 'entries' AND lower = 0")

    assert found(signed.verify()) == ("dropped", 0)
    assert found(signed.stranger()) == ("dropped", 0)


def test_what_retention_left_is_changed(signed: SignedLog) -> None:
    retire(signed, 100)
    signed.change_body(150, lambda body: body.update(outcome="x"), with_leaf=False)

    assert found(signed.verify()) == ("changed", 150)
    assert found(signed.stranger()) == ("changed", 150)


def test_hashes_of_what_retention_took_are_changed(signed: SignedLog) -> None:
    retire(signed, 100)
    [(hashes,)] = signed.sql("SELECT hashes FROM log_tiles WHERE level = 0 AND tile = 0")
    tile = bytes(32) + hashes[32:]
    signed.sql("UPDATE log_tiles SET hashes = ? WHERE level = 0 AND tile = 0", tile)

    assert found(signed.verify())[0] == "changed"
    assert found(signed.stranger())[0] == "changed"
