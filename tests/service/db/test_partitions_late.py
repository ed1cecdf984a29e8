"""A log whose ranges take too long gets more time, and holds up no other."""

import io
import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from service.db.partitions import STATEMENT_TIMEOUT_MAX_MS, STATEMENT_TIMEOUT_MS
from service.db.places import Database
from service.db.store import StoreUnavailable
from service.unit_of_work.tables import WRITER
from tests.service.db.test_partitions import (
    KEPT,
    LENGTH,
    Connection,
    fill,
    keeper,
    named,
    names,
    reach,
    where,
    write,
)
from tests.support.postgres import Cluster
from tests.support.rows import a_row_of, insert


@pytest.fixture
def place(quick_cluster: Cluster) -> Database:
    return quick_cluster.database(migrated=True)


@pytest.fixture
def owner(place: Database) -> Iterator[Connection]:
    with psycopg.connect(place.owner, autocommit=True) as connection:
        insert(connection, WRITER, a_row_of(WRITER, "", "", 0))
        connection.execute("UPDATE writer SET now = clock_timestamp()")
        yield connection


SLOW: str = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN PERFORM pg_sleep(1.2); RETURN OLD; END';
CREATE TRIGGER slow BEFORE DELETE ON payguard_partitions.entries_default
    FOR EACH ROW EXECUTE FUNCTION slow()
"""


def said(lines: io.BytesIO, event: str) -> list[dict[str, Any]]:
    every = [json.loads(line) for line in lines.getvalue().splitlines()]
    return [one for one in every if one["event"] == event]


def test_one_log_that_takes_long_gets_more_time_and_holds_up_no_other(
    owner: Connection, place: Database
) -> None:
    over = fill(owner, place, "events", age_days=KEPT["events"])
    write(owner, "entries", 3 * LENGTH)
    reach(owner, 3 * LENGTH)
    owner.execute(SLOW.encode())
    lines = io.BytesIO()
    slow = keeper(place, lines)

    with pytest.raises(StoreUnavailable, match="QueryCanceled"):
        slow.keep()

    assert where(owner, "entries") == ["entries_default"]
    assert named("events", 4 * LENGTH) in names(owner, "events")
    assert over not in names(owner, "events")
    [put_off] = said(lines, "partitions_postponed")
    assert (put_off["table"], put_off["next_timeout_ms"]) == ("entries", 2 * STATEMENT_TIMEOUT_MS)
    [beside] = said(lines, "default_partition_not_empty")
    assert beside["table"] == "entries"

    slow.keep()
    assert where(owner, "entries") == [named("entries", 3 * LENGTH)]
    assert slow._timeouts_ms["entries"] == STATEMENT_TIMEOUT_MS


def test_the_time_of_a_statement_is_bounded(place: Database) -> None:
    slow = keeper(place)
    for _ in range(7):
        slow._put_off("events", psycopg.errors.QueryCanceled())

    assert slow._timeouts_ms["events"] == STATEMENT_TIMEOUT_MAX_MS


def test_a_log_that_even_the_longest_try_cannot_move_is_left_to_an_operator(
    place: Database,
) -> None:
    lines = io.BytesIO()
    slow = keeper(place, lines)
    for _ in range(20):
        slow._put_off("events", psycopg.errors.QueryCanceled())

    assert slow._timeouts_ms == dict.fromkeys(KEPT, STATEMENT_TIMEOUT_MS)
    [stuck] = said(lines, "partitions_stuck")
    assert (stuck["level"], stuck["table"]) == ("error", "events")
    assert stuck["call"] == f"SELECT public.payguard_make_partition('events', {LENGTH}, 2)"


def test_what_the_operator_is_told_to_call_moves_the_rows(
    owner: Connection, place: Database
) -> None:
    write(owner, "events", 3 * LENGTH)
    reach(owner, 3 * LENGTH)
    lines = io.BytesIO()
    keeper(place, lines)._give_up("events")
    [stuck] = said(lines, "partitions_stuck")

    with psycopg.connect(place.writer, autocommit=True) as by_hand:
        by_hand.execute("SET statement_timeout = 0")
        while by_hand.execute(stuck["call"].encode()).fetchone() != (None,):
            pass

    assert where(owner, "events") == [named("events", 3 * LENGTH)]


def test_who_waits_for_a_lock_gets_no_more_time(owner: Connection, place: Database) -> None:
    reach(owner, LENGTH)
    lines = io.BytesIO()
    waiting = keeper(place, lines)
    with psycopg.connect(place.owner) as looking:
        looking.execute("LOCK TABLE payguard_partitions.entries_default IN ACCESS SHARE MODE")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                waiting.keep()

    assert waiting._timeouts_ms["entries"] <= 2 * STATEMENT_TIMEOUT_MS
    assert waiting.keep() == []
