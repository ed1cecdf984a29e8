"""Guards of the log's commands: one key, one tree, nothing signed while it diverges."""

import msgspec
import pytest

from keys.entropy import CountingEntropy
from keys.notes import Signer
from service.kernel.errors import Faulted
from service.rooms.audit import model, queries
from service.rooms.audit.contract import (
    LEAVES_AT_ONCE,
    LOG,
    AcceptRestore,
    GrowTree,
    RecordDivergence,
    RecordExport,
)
from service.rooms.audit.tables import LOG_CHECKPOINTS, LOG_KEYS
from tests.service.rooms.audit.conftest import EVERY, Log
from tests.support.uow import a_call, a_house_call

HOUSE = a_house_call("timer")
DIVERGED = RecordDivergence(
    log=LOG, reason="rolled_back", size=0, outside_size=9, outside_root="0" * 64
)


def growth(log: Log) -> GrowTree:
    log.house.clock.advance(EVERY)
    [command] = log.due()
    assert isinstance(command, GrowTree)
    return command


@pytest.fixture
def signing(log: Log) -> Log:
    """A log that has a key and entries, and no checkpoint."""
    log.write(2)
    log.poll()
    return log


def test_a_second_key_is_refused(signing: Log) -> None:
    key = model.new_log_key(
        LOG, signing.house.sealer, issuer="https://x.example", entropy=CountingEntropy(5)
    )

    assert signing.house.refuse(key, HOUSE) == "log_key_exists"
    assert len(signing.house.rows(LOG_KEYS)) == 1


def test_a_key_under_another_name_is_refused(log: Log) -> None:
    key = model.new_log_key(LOG, log.house.sealer, issuer="x", entropy=CountingEntropy(5))
    named = msgspec.structs.replace(key, key_id="00000000")

    assert log.house.refuse(named, HOUSE) == "log_key_invalid"


def test_a_growth_counts_once(signing: Log) -> None:
    command = growth(signing)

    signing.house.accept(command, HOUSE)

    assert signing.house.refuse(command, HOUSE) == "log_tree_elsewhere"
    assert len(signing.house.rows(LOG_CHECKPOINTS)) == 1
    assert [one["outcome"] for one in signing.house.entries("log.grown")] == ["success", "failure"]


def test_a_growth_under_another_key_is_refused(signing: Log) -> None:
    command = growth(signing)
    other = model.Tiles()
    forged = model.growth(other, [bytes(32)], _other_signer(signing), LOG)

    assert signing.house.refuse(forged, HOUSE) == "log_tree_invalid"
    assert signing.house.accept(command, HOUSE).size == 3


def _other_signer(log: Log) -> Signer:
    [row] = queries.keys_of(log.house.spanning, LOG)
    return Signer(row["origin"], bytes(range(32)))


def test_a_growth_is_bounded_and_never_back(signing: Log) -> None:
    [row] = queries.keys_of(signing.house.spanning, LOG)
    signer = model.signer_of(row["origin"], row["key_id"], row["sealed_seed"], signing.house.sealer)
    many = model.growth(model.Tiles(), [bytes(32)] * (LEAVES_AT_ONCE + 1), signer, LOG)
    tiles = msgspec.structs.replace(many, tiles=many.tiles[:1])
    assert signing.house.refuse(tiles, HOUSE) == "log_tree_invalid"
    signing.house.accept(growth(signing), HOUSE)
    back = model.growth(model.Tiles(), [bytes(32)], signer, LOG)

    assert (
        signing.house.refuse(msgspec.structs.replace(back, before=4), HOUSE) == "log_tree_invalid"
    )


def test_while_it_diverges_nothing_is_signed(signing: Log) -> None:
    command = growth(signing)
    signing.house.accept(DIVERGED, HOUSE)

    assert signing.house.refuse(command, HOUSE) == "log_diverged"
    assert signing.house.refuse(DIVERGED, HOUSE) == "log_diverged"


def test_an_acceptance_knows_the_size(signing: Log) -> None:
    accept = AcceptRestore(log=LOG, size=7, outside_size=9, outside_root=None, reason="a drill")

    assert signing.house.refuse(accept, HOUSE) == "log_tree_elsewhere"


def test_an_export_is_an_entry(signing: Log) -> None:
    signing.house.accept(RecordExport(log=LOG, first=0, size=3), HOUSE)

    [entry] = signing.house.entries("log.exported")
    assert entry["fields"] == {"first": 0, "size": 3}


def test_no_merchant_does_any_of_it(signing: Log) -> None:
    with pytest.raises(Faulted):
        signing.house.run(growth(signing), a_call())
    assert signing.house.rows(LOG_CHECKPOINTS) == []
