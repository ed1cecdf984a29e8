"""Old replies go, then their hashes; while the hash is there, an old key pays nothing."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from service.db.places import Place
from service.db.sqlite import connect, dialect
from service.db.statements import Compiler, Statement
from service.rooms.payments.contract import CreatePayment
from service.unit_of_work.idempotency import HASH_KEPT, KEY_EXPIRED, REPLY_KEPT, TRIMMED_AT_ONCE
from service.unit_of_work.tables import IDEMPOTENCY
from service.unit_of_work.trimming import (
    DELETE_HASHES,
    HANDLERS,
    HASHES_OVER,
    REPLIES_OVER,
    TRIM_REPLIES,
    TrimIdempotency,
    Trimmed,
)
from tests.support.desk import Desk
from tests.support.places import create_tables
from tests.support.uow import START, House, a_house_call, an_idempotency

SECOND = dt.timedelta(seconds=1)
ROW = Statement(sa.insert(IDEMPOTENCY), rows=1, name="a stored reply")


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    house = House(place, HANDLERS)
    yield house
    house.close()


def old(house: House, count: int, *, age: dt.timedelta, reply: bytes | None = b"x") -> None:
    """Store rows of an age."""
    transaction = house.store.begin()
    transaction.run(
        [
            ROW(
                tenant_id=f"ten_{number % 3}",
                owner="mer_1:live",
                route=f"POST /{age.days}",
                key_hash=number.to_bytes(32),
                fingerprint=bytes(32),
                reply=reply,
                batch=1,
                created_at=START - age,
            )
            for number in range(count)
        ]
    )
    transaction.commit()


def trim(house: House) -> tuple[int, int]:
    trimmed: Trimmed = house.accept(TrimIdempotency(), a_house_call("timer"))
    return trimmed.replies, trimmed.hashes


@pytest.mark.parametrize(
    ("age", "is_over"), [(REPLY_KEPT - SECOND, False), (REPLY_KEPT, True)], ids=str
)
def test_a_reply_is_kept_for_31_days(house: House, age: dt.timedelta, is_over: bool) -> None:
    old(house, 1, age=age)

    assert trim(house) == (is_over, 0)
    [row] = house.rows(IDEMPOTENCY)
    assert (row["reply"] is None) is is_over


@pytest.mark.parametrize(
    ("age", "is_over"), [(HASH_KEPT - SECOND, False), (HASH_KEPT, True)], ids=str
)
def test_a_hash_is_kept_for_400_days(house: House, age: dt.timedelta, is_over: bool) -> None:
    old(house, 1, age=age, reply=None)

    assert trim(house) == (0, is_over)
    assert len(house.rows(IDEMPOTENCY)) == (not is_over)


def test_a_reply_of_over_400_days_goes_in_two_steps(house: House) -> None:
    old(house, 1, age=HASH_KEPT)

    assert [trim(house) for _ in range(3)] == [(1, 0), (0, 1), (0, 0)]


def test_one_command_trims_a_bounded_number_the_oldest_first(house: House) -> None:
    old(house, TRIMMED_AT_ONCE - 1, age=REPLY_KEPT + dt.timedelta(days=2))
    old(house, 3, age=REPLY_KEPT)
    old(house, TRIMMED_AT_ONCE + 1, age=HASH_KEPT, reply=None)

    assert trim(house) == (TRIMMED_AT_ONCE, TRIMMED_AT_ONCE)
    left = [row["route"] for row in house.rows(IDEMPOTENCY) if row["reply"] is not None]
    assert left == ["POST /31"] * 2
    assert trim(house) == (2, 1)


def test_what_was_trimmed_is_logged_as_the_houses(house: House) -> None:
    old(house, 2, age=REPLY_KEPT)

    trim(house)

    [entry] = house.entries("idempotency.trimmed")
    assert entry["fields"] == {"replies": 2, "hashes": 0}
    assert (entry["merchant"], entry["principal"]) == ("house", "timer")


def test_an_old_key_is_refused_and_pays_nothing_until_its_hash_is_gone(place: Place) -> None:
    desk = Desk(place)
    call = msgspec.structs.replace(desk.call, idempotency=an_idempotency())
    command = CreatePayment(facts=desk.facts())
    desk.house.accept(command, call)
    desk.wait(REPLY_KEPT)
    desk.house.accept(TrimIdempotency(), a_house_call("timer"))
    before = desk.house.dump()

    again = desk.house.run(command, call)

    assert (again.problem, again.replayed) == (KEY_EXPIRED, False)
    assert desk.house.dump() == before
    desk.wait(HASH_KEPT - REPLY_KEPT)
    desk.house.accept(TrimIdempotency(), a_house_call("timer"))
    assert desk.house.refuse(command, call) == "occurred_at_out_of_range"
    desk.house.close()


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        (REPLIES_OVER, "ix_idempotency_replies"),
        (TRIM_REPLIES, "ix_idempotency_replies"),
        (HASHES_OVER, "ix_idempotency_hashes"),
        (DELETE_HASHES, "ix_idempotency_hashes"),
    ],
    ids=lambda one: getattr(one, "name", one),
)
def test_trimming_walks_its_own_index_and_no_table(
    tmp_path: Path, statement: Statement, index: str
) -> None:
    path = tmp_path / "payguard.sqlite"
    create_tables(path)
    compiled = Compiler(dialect())(statement)
    connection = connect(path, readonly=True)

    plan = connection.execute(
        f"EXPLAIN QUERY PLAN {compiled.text}",
        compiled.parameters({"before": START}),
    ).fetchall()

    steps = [row[3] for row in plan]
    connection.close()
    assert any(index in step for step in steps)
    assert not any(step == "SCAN idempotency" for step in steps)
