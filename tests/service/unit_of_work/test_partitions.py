"""Ranges that were dropped become one entry, once, whatever comes in between."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.db.statements import Statement
from service.db.store import GuardFailed
from service.unit_of_work.partitions import (
    HANDLERS,
    RECORD,
    RECORDED_AT_ONCE,
    RecordDropped,
    Recorded,
    unrecorded,
)
from service.unit_of_work.tables import PARTITIONS
from tests.support.rows import a_row_of
from tests.support.uow import START, House, a_house_call

NOTE = Statement(sa.insert(PARTITIONS), rows=1, name="note a partition")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, HANDLERS)
    yield house
    house.close()


def note(house: House, name: str, lower: int, *, is_dropped: bool = True) -> None:
    row = a_row_of(PARTITIONS, "", "", lower)
    row |= {"name": name, "log": "events", "lower": lower, "upper": lower + 10}
    row["dropped_at"] = START if is_dropped else None
    transaction = house.store.begin()
    transaction.run([NOTE(**row)])
    transaction.commit()


def record(house: House) -> int:
    recorded: Recorded = house.accept(RecordDropped(), a_house_call("timer"))
    return recorded.partitions


def test_what_was_dropped_is_recorded_once(house: House) -> None:
    note(house, "events_0", 0)
    note(house, "events_1", 10)
    note(house, "events_2", 20, is_dropped=False)

    assert record(house) == 2

    [entry] = house.entries("partitions.dropped")
    assert entry["fields"] == {
        "partitions": [
            {"name": "events_0", "log": "events", "lower": 0, "upper": 10},
            {"name": "events_1", "log": "events", "lower": 10, "upper": 20},
        ]
    }
    assert [row["recorded_at"] for row in house.rows(PARTITIONS)] == [START, START, None]
    assert house.reader.fetch(unrecorded()) == []


def test_a_second_time_finds_nothing(house: House) -> None:
    note(house, "events_0", 0)

    assert [record(house), record(house)] == [1, 0]


@pytest.mark.parametrize("is_dropped", [True, False])
def test_no_second_writer_records_it_and_none_what_was_not_dropped(
    house: House, *, is_dropped: bool
) -> None:
    note(house, "events_0", 0, is_dropped=is_dropped)
    if is_dropped:
        record(house)

    with pytest.raises(GuardFailed):
        house.store.begin().run([RECORD(of_name="events_0", at=START)])


def test_a_bounded_number_goes_into_one_entry(house: House) -> None:
    for lower in range(RECORDED_AT_ONCE + 1):
        note(house, f"events_{lower:03}", lower)

    assert [record(house), record(house)] == [RECORDED_AT_ONCE, 1]
