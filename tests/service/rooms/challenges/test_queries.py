"""A challenge and a hold are read back as they were stored, by their merchant and nobody else."""

import pytest

from service.db.places import Place
from service.db.reader import Reader
from service.db.stores import open_reader, open_spanning_reader
from service.rooms.challenges import queries, store
from service.rooms.challenges.model import asked, held
from tests.service.rooms.challenges.test_store_guards import CHALLENGE, HOLD
from tests.support.guards import run_alone
from tests.support.places import create_tables

OWNER = {"tenant_id": "ten_1", "merchant_id": "mer_1", "mode": "live"}
STRANGERS = [
    {**OWNER, "tenant_id": "ten_2"},
    {**OWNER, "merchant_id": "mer_2"},
    {**OWNER, "mode": "sandbox"},
]


@pytest.fixture
def reader(place: Place) -> Reader:
    create_tables(place)
    run_alone(place, store.insert_challenge(CHALLENGE))
    run_alone(place, store.insert_hold(HOLD))
    return open_reader(place)


def test_a_challenge_is_read_back(reader: Reader) -> None:
    row = reader.maybe(queries.CHALLENGE(**OWNER, challenge_id="chl_1"))

    assert row is not None
    assert store.challenge_of(row) == CHALLENGE
    assert queries.asked(row) == asked(CHALLENGE)
    assert asked(CHALLENGE).any_of == ("passkey", "password+otp")


def test_a_hold_is_read_back(reader: Reader) -> None:
    row = reader.maybe(queries.HOLD(**OWNER, hold_id="hld_1"))

    assert row is not None
    assert store.hold_of(row) == HOLD
    assert queries.held(row) == held(HOLD)
    assert held(HOLD).end == "challenge"


@pytest.mark.parametrize("stranger", STRANGERS)
def test_nobody_else_sees_them(reader: Reader, stranger: dict[str, str]) -> None:
    assert reader.maybe(queries.CHALLENGE(**stranger, challenge_id="chl_1")) is None
    assert reader.maybe(queries.HOLD(**stranger, hold_id="hld_1")) is None


@pytest.mark.parametrize(
    ("read", "found"),
    [
        (store.CHALLENGE_BY_ID(**OWNER, challenge_id="chl_1"), "chl_1"),
        (
            store.OPEN_CHALLENGE(tenant_id="ten_1", subject_kind="payment", subject_id="pay_1"),
            "chl_1",
        ),
        (store.HOLD_BY_ID(**OWNER, hold_id="hld_1"), "hld_1"),
        (
            store.ACTIVE_HOLD(tenant_id="ten_1", subject_kind="payment", subject_id="pay_1"),
            "hld_1",
        ),
    ],
)
def test_commands_read_the_same(reader: Reader, place: Place, read, found: str) -> None:
    assert reader is not None
    row = open_spanning_reader(place).maybe(read)

    assert row is not None
    assert found in row.values()
