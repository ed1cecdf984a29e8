"""Every change of the log is found and placed, by `payguard audit verify` and by the stand-alone
verifier on the export; a log that nobody touched verifies."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from keys.translog import leaf_hash
from service.cli.audit_verify import LogCheck
from service.db.stores import open_spanning_reader
from service.rooms.audit import queries
from service.rooms.audit.contract import LOG
from service.worker.outside import CheckpointFolder
from tests.support.signed import SignedLog, write_log

# In every body, one by one.
MEMBERS: Final = (
    *("schema", "log", "index", "tenant", "merchant", "number", "mode", "sequence", "batch", "at"),
    *("principal", "kind", "outcome", "origin", "subject", "payment", "strategy", "request"),
    *("keys", "fields"),
)
# Columns, and another value for each that its constraints let through.
COLUMNS: Final = {
    "tenant_id": "'ten_other'",
    "merchant_id": "'mer_other'",
    "number": "number + 1000",
    "log": "'1'",
    "position": "position + 100000",
    "sequence": "sequence + 1",
    "batch": "batch + 1",
    "at": "at + 1",
    "kind": "'payment.created'",
    "subject_id": "'other'",
    "payment_id": "'pay_other'",
    "leaf": "zeroblob(32)",
}
# An export holds an entry's body with its own position, number and leaf. The other columns are
# copies of what the body says, for the database to find entries by: an export leaves them out, and
# what it shows is what was signed.
EXPORTED: Final = {
    "number": "changed",
    "leaf": "changed",
    # Far behind the last checkpoint, where no export looks.
    "position": "dropped",
    # Another log's entries are not read.
    "log": "dropped",
}
# The first entry, one in the middle, the last that is signed.
PLACES: Final = ("first", "middle", "last")


@pytest.fixture
def signed(signed_on_each: SignedLog) -> SignedLog:
    """Return a log to change."""
    return signed_on_each


def place_of(signed: SignedLog, place: str) -> int:
    size = signed.sizes[-1]
    return {"first": 0, "middle": size // 2 + 3, "last": size - 1}[place]


def other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    return {"changed": 1} if isinstance(value, dict) else f"{value}x"


def found(verdict: dict[str, Any]) -> tuple[str, int | None]:
    assert not verdict["verified"], verdict
    return verdict["fault"], verdict["position"]


def assert_rolled_back(theirs: dict[str, Any], checkpoints: int) -> None:
    """Hold a stranger's verdict to the place of a roll-back: the last checkpoint, and no entry."""
    assert found(theirs) == ("rolled_back", None)
    # Behind the header.
    assert theirs["line"] == 1 + checkpoints


def test_a_log_that_nobody_touched_verifies(signed: SignedLog) -> None:
    sizes = signed.sizes
    mine = signed.verify("--known", signed.outside / "log-0.checkpoint")
    theirs = signed.stranger()

    assert len(sizes) == 4
    assert sizes[-1] > 300
    assert (mine["verified"], mine["size"], mine["outside"]) == (True, sizes[-1], sizes[-1])
    assert (mine["entries"], mine["unsigned"]) == (sizes[-1] + 1, 1)
    # Those inside, the same outside, and the one kept.
    assert mine["checkpoints"] == 9
    assert (theirs["verified"], theirs["entries"], theirs["root"]) == (
        True,
        sizes[-1],
        mine["root"],
    )


def test_every_member_of_a_body_is_changed(signed: SignedLog) -> None:
    assert set(MEMBERS) == set(signed.body(5))


@pytest.mark.long
@pytest.mark.parametrize(
    ("member", "place"),
    [*((one, "middle") for one in MEMBERS), ("fields", "first"), ("mode", "last")],
)
def test_a_changed_body_is_found_and_placed(signed: SignedLog, member: str, place: str) -> None:
    position = place_of(signed, place)
    signed.change_body(
        position, lambda body: body.update({member: other(body[member])}), with_leaf=False
    )

    mine = signed.verify()
    assert found(mine) == ("changed", position)
    if member in {"log", "index", "tenant", "merchant", "number", "kind", "at", "subject"}:
        assert mine["field"] == member
    assert found(signed.stranger()) == ("changed", position)


@pytest.mark.long
@pytest.mark.parametrize("member", MEMBERS)
def test_a_body_changed_with_its_leaf_is_found_and_placed(signed: SignedLog, member: str) -> None:
    position = place_of(signed, "middle")
    signed.change_body(
        position, lambda body: body.update({member: other(body[member])}), with_leaf=True
    )

    fault, at = found(signed.verify())
    theirs = signed.stranger()
    assert (fault, at) == ("swapped" if member == "index" else "changed", position)
    # It has no tiles: it says between which checkpoints, or where the place is said falsely.
    begins = max(size for size in [0, *signed.sizes] if size <= position)
    assert found(theirs)[1] in {begins, position}


@pytest.mark.long
@pytest.mark.parametrize(
    ("column", "place"),
    [*((one, "middle") for one in COLUMNS), ("leaf", "first"), ("kind", "last")],
)
def test_a_changed_column_is_found_and_placed(signed: SignedLog, column: str, place: str) -> None:
    position = place_of(signed, place)
    signed.sql(
        f"UPDATE entries SET {column} = {COLUMNS[column]} WHERE position = ?",  # noqa: S608  names of ours
        position,
    )

    mine = signed.verify()
    fault, at = found(mine)
    assert at == position
    assert fault in {"changed", "dropped"}
    if fault == "changed":
        assert mine["field"] == column
    theirs = signed.stranger()
    if column in EXPORTED:
        assert found(theirs) == (EXPORTED[column], position)
    else:
        assert (theirs["verified"], theirs["entries"]) == (True, signed.sizes[-1])


@pytest.mark.long
@pytest.mark.parametrize("place", PLACES)
def test_a_dropped_entry_is_found_and_placed(signed: SignedLog, place: str) -> None:
    position = place_of(signed, place)
    signed.sql("DELETE FROM entries WHERE position = ?", position)

    assert found(signed.verify()) == ("dropped", position)
    theirs = "cut" if place == "last" else "dropped"
    assert found(signed.stranger()) == (theirs, position)


@pytest.mark.long
@pytest.mark.parametrize("apart", [1, 7, 256])
def test_swapped_entries_are_found_and_placed(signed: SignedLog, apart: int) -> None:
    names = "body, leaf"
    before, after = (
        signed.sql(f"SELECT {names} FROM entries WHERE position = ?", one)[0]  # noqa: S608  names of ours
        for one in (20, 20 + apart)
    )
    change = "UPDATE entries SET body = ?, leaf = ? WHERE position = ?"
    signed.sql(change, *after, 20)
    signed.sql(change, *before, 20 + apart)

    assert found(signed.verify()) == ("swapped", 20)
    assert found(signed.stranger())[1] == 20


def test_a_tail_that_was_cut_is_found_and_placed(signed: SignedLog) -> None:
    position = signed.sizes[-1] - 20
    signed.sql("DELETE FROM entries WHERE position >= ?", position)

    assert found(signed.verify()) == ("cut", position)
    assert found(signed.stranger()) == ("cut", position)


def test_a_tail_that_was_cut_with_its_count_is_found(signed: SignedLog) -> None:
    position = signed.sizes[-1] - 20
    signed.sql("DELETE FROM entries WHERE position >= ?", position)
    signed.sql("UPDATE writer SET entries = ?", position)

    assert found(signed.verify()) == ("rolled_back", position)
    # The export's own entry takes the place of the first that is gone, under a later number.
    assert found(signed.stranger()) == ("number_gap", position)


def test_an_unsigned_tail_that_was_cut_with_its_count_is_found(signed: SignedLog) -> None:
    position = signed.sizes[-1]
    signed.sql("DELETE FROM entries WHERE position >= ?", position)
    signed.sql("UPDATE writer SET entries = ?", position)

    assert found(signed.verify()) == ("cut", position)
    # An export ends at the last checkpoint: of what was behind it a stranger has seen nothing.
    theirs = signed.stranger()
    assert (theirs["verified"], theirs["size"]) == (True, position)


def test_a_tail_cut_with_its_checkpoint_is_found(signed: SignedLog) -> None:
    size = signed.sizes[-2]
    signed.sql("DELETE FROM entries WHERE position >= ?", size)
    signed.sql("DELETE FROM log_checkpoints WHERE size > ?", size)
    signed.sql("UPDATE writer SET entries = ?", size)

    assert found(signed.verify()) == ("rolled_back", size)
    assert_rolled_back(signed.stranger(), 3)


def test_a_database_that_was_set_back_is_found(signed: SignedLog, tmp_path: Path) -> None:
    older = signed.copied(tmp_path / "older")
    size = older.sizes[-1]
    # The log goes on, and then the whole database is set back.
    write_log(signed.settings, rounds=1, merchants=5)
    assert signed.verify()["verified"]
    signed.set_back(older)

    assert found(signed.verify()) == ("rolled_back", size)
    assert_rolled_back(signed.stranger(), 4)
    assert older.verify()["verified"]


def test_a_larger_checkpoint_in_the_history_outside_is_seen(
    signed: SignedLog, tmp_path: Path
) -> None:
    older = signed.copied(tmp_path / "older")
    write_log(signed.settings, rounds=1, merchants=5)
    assert signed.verify()["verified"]
    note = (older.outside / "log-0.checkpoint").read_text()
    signed.set_back(older)
    # Only the history, which can be added to and not changed, still knows.
    (signed.outside / "log-0.checkpoint").write_text(note)

    assert found(signed.verify()) == ("rolled_back", older.sizes[-1])
    # A stranger holds an export against what it has kept: the older note agrees with it.
    assert signed.stranger()["verified"]
    lost = tmp_path / "lost"
    lost.write_text([*CheckpointFolder(signed.outside, LOG).history()][-1])
    assert_rolled_back(signed.stranger(lost), 4)


def test_an_entry_that_nobody_wrote_is_found(signed: SignedLog, tmp_path: Path) -> None:
    size = signed.sizes[-1]
    body = json.dumps({"index": size + 1}).encode()
    signed.sql(
        "INSERT INTO entries SELECT tenant_id, merchant_id, number + 1, log, position + 1,"
        " sequence, batch, at, kind, subject_id, payment_id, ?, ? FROM entries WHERE position = ?",
        body,
        leaf_hash(body),
        size,
    )

    assert found(signed.verify()) == ("changed", size + 1)
    # It stands where the export's own entry belongs: without that one nothing is exported, so that
    # a stranger gets no file that would verify.
    target = tmp_path / "export.jsonl"
    assert signed.payguard("audit", "export", target).exit_code != 0
    assert not target.exists()


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("UPDATE log_tiles SET hashes = zeroblob(length(hashes)) WHERE level = 0 AND tile = 0", 0),
        ("DELETE FROM log_tiles WHERE level = 0 AND tile = 1", 256),
        ("UPDATE log_tiles SET hashes = zeroblob(32) WHERE level = 1", 255),
        ("DELETE FROM log_tiles WHERE level = 1", 255),
    ],
)
def test_a_tree_that_was_changed_is_found_and_placed(
    signed: SignedLog, text: str, place: int
) -> None:
    signed.sql(text)

    assert found(signed.verify()) == ("changed", place)


def test_entry_leaf_and_tile_changed_together_are_found_between_checkpoints(
    signed: SignedLog,
) -> None:
    signed.change_body(150, lambda body: body.update(kind="x.y"), with_leaf=True)
    [(leaf,)] = signed.sql("SELECT leaf FROM entries WHERE position = 150")
    [(hashes,)] = signed.sql("SELECT hashes FROM log_tiles WHERE level = 0 AND tile = 0")
    tile = hashes[: 150 * 32] + leaf + hashes[151 * 32 :]
    signed.sql("UPDATE log_tiles SET hashes = ? WHERE level = 0 AND tile = 0", tile)
    signed.sql("UPDATE entries SET kind = 'x.y' WHERE position = 150")

    begins = max(size for size in signed.sizes if size <= 150)
    assert found(signed.verify()) == ("changed", begins)
    assert found(signed.stranger()) == ("changed", begins)


@pytest.mark.parametrize(
    "text",
    [
        "UPDATE log_checkpoints SET root = zeroblob(32) WHERE size = {size}",
        "UPDATE log_checkpoints SET note = substr(note, 1, length(note) - 20) WHERE size = {size}",
        "UPDATE log_keys SET public_key = zeroblob(32)",
    ],
)
def test_a_checkpoint_that_was_changed_is_found(signed: SignedLog, text: str) -> None:
    size = signed.sizes[1]
    (signed.outside / "log-0.key").rename(signed.outside / "key")
    signed.sql(text.format(size=size))

    assert signed.verify()["fault"] == "signature"


def test_a_checkpoint_outside_that_was_changed_is_found(signed: SignedLog) -> None:
    file = signed.outside / "log-0.checkpoint"
    file.write_text(file.read_text().replace("\n", "\n1", 1))

    assert signed.verify()["fault"] == "signature"


def test_a_key_of_the_auditors_own_counts_alone(signed: SignedLog) -> None:
    key = (signed.outside / "log-0.key").read_text().strip()
    assert signed.verify("--key", key)["verified"]
    other_key = "x/log/0+8db8f0b1+AdqJHAd6yEUA21eZKpZ8ZXqHnnXvTLhGjSWcdXKnW2lP"

    result = signed.payguard("audit", "verify", "--key", other_key)
    assert result.exit_code in {1, 2}
    assert "verified:" not in result.stdout


def test_what_is_signed_while_it_is_looked_at_is_no_roll_back(signed: SignedLog) -> None:
    settings = signed.settings

    class Busy(CheckpointFolder):
        """The worker signs more entries right before it is read."""

        @override
        def latest(self) -> str | None:
            write_log(settings, rounds=1, merchants=2)
            return super().latest()

    reader = open_spanning_reader(settings.database)
    outside = Busy(signed.outside, LOG)
    verifiers = queries.verifiers_of(queries.keys_of(reader, LOG))

    said = LogCheck(reader, outside, verifiers, progress=lambda _done, _all: None).run()

    assert said.verified, said


@pytest.mark.parametrize("column", ["body", "leaf"])
@pytest.mark.parametrize("value", ["'text'", "CAST(x'ff00' AS TEXT)"])
def test_what_is_not_even_bytes_is_found_and_placed(
    signed_once: SignedLog, tmp_path: Path, column: str, value: str
) -> None:
    # PostgreSQL takes nothing but bytes there.
    signed = signed_once.copied(tmp_path)
    signed.sql(f"UPDATE entries SET {column} = {value} WHERE position = 150")  # noqa: S608  names of ours

    assert found(signed.verify()) == ("changed", 150)


def test_a_gap_in_a_merchants_numbers_is_found_though_it_is_signed(signed: SignedLog) -> None:
    position = signed.sizes[-1] + 1
    signed.sql("UPDATE entry_numbers SET number = number + 5 WHERE tenant_id = 'house'")
    write_log(signed.settings, rounds=1, merchants=1)
    house = [
        at
        for (at,) in signed.sql(
            "SELECT position FROM entries WHERE tenant_id = 'house' AND position >= ?", position
        )
    ]

    assert found(signed.verify()) == ("number_gap", min(house))
    assert found(signed.stranger()) == ("number_gap", min(house))
