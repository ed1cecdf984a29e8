"""The tree grows by the entries there are, in bounded steps, and what is signed gets outside."""

import datetime as dt
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from keys.translog import Frontier
from service.db.statements import Statement
from service.rooms.audit import jobs, model, queries
from service.rooms.audit.contract import LOG, AcceptRestore, GrowTree, RecordDivergence
from service.rooms.audit.tables import LOG_CHECKPOINTS, LOG_DIVERGENCES, LOG_TILES
from service.unit_of_work.tables import ENTRIES
from service.worker.outside import CheckpointFolder
from tests.service.rooms.audit.conftest import EVERY, Log
from tests.support.uow import a_house_call

SECOND = dt.timedelta(seconds=1)
CHANGE_ROOT = Statement(
    sa.update(LOG_CHECKPOINTS)
    .where(LOG_CHECKPOINTS.c.tenant_id == sa.bindparam("of"))
    .values(root=bytes(32)),
    name="a root that is not the tree's",
)
DELETE_TILES = Statement(
    sa.delete(LOG_TILES).where(LOG_TILES.c.tenant_id == sa.bindparam("of")), name="no tiles"
)


def spoil(log: Log, statement: Statement) -> None:
    transaction = log.house.store.begin()
    transaction.run([statement(of="house")])
    transaction.commit()


def expected_root(log: Log, size: int) -> bytes:
    frontier = Frontier.empty()
    for leaf in log.leaves()[:size]:
        frontier.append(leaf)
    return frontier.root()


def test_a_store_without_a_writer_has_nothing_to_sign(log: Log) -> None:
    log.timer = jobs.Growing(
        log.house.spanning,
        log.outside,
        sealer=lambda: None,
        first_key=lambda _sealer: pytest.fail("no root key, no key"),
        every=EVERY,
        log=log.timer._log,
    )
    log.write()

    assert log.due() == []


def test_a_root_key_that_went_away_is_told_and_nothing_is_signed(log: Log) -> None:
    log.write()
    log.grow()
    log.write()
    log.timer = jobs.Growing(
        log.house.spanning,
        log.outside,
        sealer=lambda: None,
        first_key=lambda _sealer: pytest.fail("there is a key"),
        every=EVERY,
        log=log.timer._log,
    )

    assert log.due() == []
    assert b"root_key_not_available" in log.lines.getvalue()


def test_the_first_growth_makes_a_key_and_signs_every_entry(log: Log) -> None:
    log.write(3)

    signed = log.grow()

    # Three merchants and the key; that it has grown is an entry of the next growth.
    assert (signed.size, signed.origin) == (4, "pay.example/log/0")
    assert signed.root == expected_root(log, 4)
    assert log.house.kinds()[-2:] == ["log_key.created", "log.grown"]
    assert model.opened(log.outside.latest() or "", log.verifiers()) == signed


def test_the_entry_about_growth_does_not_make_it_grow(log: Log) -> None:
    log.write()
    log.grow()
    entries = len(log.house.kinds())

    for _ in range(3):
        log.house.clock.advance(EVERY)
        assert log.due() == []
    assert len(log.house.kinds()) == entries


def test_entries_wait_for_others_a_while(log: Log) -> None:
    log.write()
    first = log.grow()
    log.poll()
    log.write()

    log.house.clock.advance(EVERY - SECOND)
    assert log.due() == []
    log.house.clock.advance(SECOND)
    assert [type(one) for one in log.due()] == [GrowTree]
    assert log.grow().size == first.size + 2


def test_a_growth_takes_a_bounded_number_and_the_next_goes_on_at_once(
    log: Log,
) -> None:
    log.timer.leaves_at_once = 4
    log.write(10)
    log.poll()

    sizes = [row["size"] for row in _polled(log)]

    assert sizes == [4, 8, 12]
    assert log.grow().root == expected_root(log, log.grow().size)


def _polled(log: Log) -> list[dict[str, Any]]:
    for _ in range(5):
        log.poll()
    return log.house.rows(LOG_CHECKPOINTS)


def test_many_growths_make_the_tree_of_all_leaves(log: Log) -> None:
    for count in (1, 250, 20, 1, 300):
        log.write(count)
        signed = log.grow()
        assert signed.root == expected_root(log, signed.size)
    widths = {(row["level"], row["tile"]): len(row["hashes"]) for row in log.house.rows(LOG_TILES)}
    assert widths == {
        (0, 0): 256 * 32,
        (0, 1): 256 * 32,
        (0, 2): (signed.size - 512) * 32,
        (1, 0): 2 * 32,
    }
    assert list(log.outside.history())[-1] == log.outside.latest()
    assert len(list(log.outside.history())) == 5


def test_what_was_committed_before_a_crash_is_written_outside_by_the_next_worker(log: Log) -> None:
    log.write()
    log.poll()
    log.poll()
    assert log.outside.latest() is None
    log.restart()

    log.poll()

    row = queries.latest(log.house.spanning, LOG)
    assert row is not None
    assert log.outside.latest() == row["note"]


def test_a_log_set_back_is_recorded_once_and_signed_no_more(log: Log) -> None:
    log.write(3)
    log.grow()
    note = log.outside.latest() or ""
    key = log.verifiers()[0].verifier_key
    ahead = model.growth(model.Tiles(), [bytes(32)] * 9, _signer(log), LOG).note
    log.outside.write(ahead, key=key)
    log.write()
    log.house.clock.advance(EVERY)

    [command] = log.due()
    assert isinstance(command, RecordDivergence)
    assert (command.reason, command.size, command.outside_size) == ("rolled_back", 4, 9)
    log.poll()
    assert log.due() == []
    assert log.outside.latest() == ahead != note
    [entry] = log.house.entries("log.diverged")
    assert (entry["outcome"], entry["fields"]["outside_size"]) == ("failure", 9)
    assert "log_diverged" in log.alarms()


def _signer(log: Log) -> Any:
    [row] = queries.keys_of(log.house.spanning, LOG)
    return model.signer_of(row["origin"], row["key_id"], row["sealed_seed"], log.house.sealer)


def test_another_history_outside_is_found(log: Log) -> None:
    log.write(3)
    log.grow()
    other = model.growth(model.Tiles(), [bytes(32)] * 2, _signer(log), LOG).note
    log.outside.write(other, key="k")

    assert [one.reason for one in log.due() if isinstance(one, RecordDivergence)] == [
        "not_extending"
    ]


def test_a_note_that_no_key_of_ours_signed_is_found(log: Log) -> None:
    log.write()
    log.grow()
    log.outside.write("nothing\n", key="k")

    [command] = log.due()
    assert isinstance(command, RecordDivergence)
    assert (command.reason, command.outside_root) == ("not_ours", None)


@pytest.mark.parametrize("statement", [CHANGE_ROOT, DELETE_TILES])
def test_a_tree_that_is_not_the_signed_one_is_not_grown(log: Log, statement: Statement) -> None:
    log.write(3)
    log.grow()
    spoil(log, statement)
    log.write()
    log.house.clock.advance(EVERY)

    assert [one.reason for one in log.due() if isinstance(one, RecordDivergence)] == ["tree"]


DROP_ENTRY = Statement(
    sa.delete(ENTRIES).where(
        ENTRIES.c.tenant_id != sa.bindparam("of"), ENTRIES.c.position == sa.bindparam("at")
    ),
    name="an entry less",
)


def test_a_hole_in_the_log_is_not_signed_over(log: Log) -> None:
    log.write(3)
    log.grow()
    call = log.write(2)
    for _ in range(3):
        log.suspend(call)
    gone = next(
        row["position"]
        for row in log.house.rows(ENTRIES)
        if row["merchant_id"] == call.merchant_id and row["number"] == 2
    )
    if isinstance(log.house.place, Path):
        transaction = log.house.store.begin()
        transaction.run([DROP_ENTRY(of="house", at=gone)])
        transaction.commit()
    else:
        with psycopg.connect(log.house.place.owner) as owner:
            owner.execute("DELETE FROM entries WHERE position = %s", (gone,))
    log.house.clock.advance(EVERY)

    [command] = log.due()
    assert isinstance(command, RecordDivergence)
    assert (command.reason, command.outside_size) == ("gap", gone)


def test_after_acceptance_it_signs_again(log: Log) -> None:
    log.write()
    log.grow()
    log.outside.write("nothing\n", key="k")
    log.poll()
    [row] = log.house.rows(LOG_DIVERGENCES)
    accept = AcceptRestore(
        log=LOG, size=row["size"], outside_size=0, outside_root=None, reason="a drill"
    )

    log.house.accept(accept, a_house_call())
    log.outside.move_aside("replaced")
    signed = log.grow()

    assert signed.root == expected_root(log, signed.size)
    assert log.house.rows(LOG_DIVERGENCES)[0]["accepted_at"] is not None
    [entry] = log.house.entries("log.restore_accepted")
    assert entry["fields"]["reason"] == "a drill"


def test_a_folder_that_refuses_stops_no_signing_and_is_told_once_a_minute(log: Log) -> None:
    class Full(CheckpointFolder):
        def write(self, note: str, *, key: str) -> None:
            del note, key
            raise OSError(28, "No space left on device")

    log.write()
    log.restart(Full(log.outside.folder, LOG))

    signed = log.grow()
    log.write()

    assert log.grow().size > signed.size
    assert log.alarms().count("checkpoint_not_written") == 1
