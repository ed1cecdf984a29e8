"""Migrations on PostgreSQL: the same scripts, in ranges; up, down and up again with rows."""

import threading
from typing import Any

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from service.db import migrate
from service.db.places import Database
from service.db.store import StoreUnavailable
from service.tables import load_tables
from service.unit_of_work.tables import ENTRIES, EVENTS, MESSAGES
from tests.support.postgres import Cluster
from tests.support.rows import a_row_of, insert

LOGS = {"entries": ENTRIES, "events": EVENTS, "messages": MESSAGES}
BEFORE_RANGES = "0008"
KEYS = """
    SELECT c.conname, pg_get_constraintdef(c.oid) FROM pg_constraint AS c
    WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('p', 'u', 'c', 'f')
    ORDER BY 1
"""


@pytest.fixture(autouse=True)
def tables() -> None:
    load_tables()


@pytest.fixture
def place(quick_cluster: Cluster) -> Database:
    return quick_cluster.database()


def ask(place: Database, text: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(place.owner) as connection:
        return connection.execute(text.encode()).fetchall()


def fill(place: Database) -> None:
    """Write a row of each log that stands in a range, and one that stands beyond all."""
    with psycopg.connect(place.owner) as connection:
        for log, table in LOGS.items():
            for number in (7, 70_000_000):
                row = a_row_of(table, "ten_1", "mer_1", number)
                insert(connection, table, row | ({} if log == "entries" else {"mode": "live"}))


def rows(place: Database) -> list[list[tuple[Any, ...]]]:
    return [
        ask(place, "SELECT * FROM entries ORDER BY batch"),
        ask(place, "SELECT * FROM events ORDER BY batch"),
        ask(place, "SELECT * FROM messages ORDER BY batch"),
    ]


def test_migrations_and_tables_agree(place: Database) -> None:
    migrate.upgrade(place)

    assert migrate.differences(place) == []
    assert migrate.current(place) == migrate.head()


def test_a_difference_shows(place: Database) -> None:
    migrate.upgrade(place)
    with psycopg.connect(place.owner) as connection:
        connection.execute("DROP INDEX ix_events_sequence")

    [difference] = migrate.differences(place)

    assert difference[0] == "add_index"


def test_rows_stay_on_the_way_into_ranges_and_out_again(place: Database) -> None:
    migrate.upgrade(place, BEFORE_RANGES)
    before = ask(place, KEYS)
    fill(place)
    stored = rows(place)

    migrate.upgrade(place)
    assert rows(place) == stored
    assert all(len(one) == 2 for one in stored)
    [ranges] = ask(place, "SELECT count(DISTINCT tableoid) FROM events")
    assert ranges == (2,)

    migrate.downgrade(place, BEFORE_RANGES)
    assert rows(place) == stored
    assert ask(place, KEYS) == before


def test_keys_are_the_same_but_where_ranges_force_them(place: Database) -> None:
    migrate.upgrade(place, BEFORE_RANGES)
    before = dict(ask(place, KEYS))

    migrate.upgrade(place)

    after = dict(ask(place, KEYS))
    assert {name for name in before if before[name] != after.get(name)} == {"pk_entries"}
    assert after["pk_entries"] == 'PRIMARY KEY (tenant_id, merchant_id, number, "position")'


def test_down_to_nothing_and_up_again(place: Database) -> None:
    migrate.upgrade(place)

    migrate.downgrade(place, migrate.BASE)

    assert migrate.current(place) is None
    assert ask(place, "SELECT tablename FROM pg_tables WHERE schemaname LIKE 'payguard%'") == []
    migrate.upgrade(place)
    assert migrate.differences(place) == []


def test_an_upgrade_that_fails_leaves_nothing(place: Database) -> None:
    with psycopg.connect(place.owner) as connection:
        connection.execute("CREATE TABLE payer_links (key text)")

    with pytest.raises(Exception, match="payer_links"):
        migrate.upgrade(place)

    assert ask(place, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'") == [
        ("payer_links",)
    ]


def test_two_that_migrate_at_a_time_do_it_once(place: Database) -> None:
    refused: list[OperationalError] = []
    barrier = threading.Barrier(2)

    def run() -> None:
        barrier.wait()
        try:
            migrate.upgrade(place)
        except OperationalError as error:
            refused.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # Whoever came second waited, or was told that a lock is held; neither saw half of it.
    assert [one for one in refused if "lock timeout" not in str(one)] == []
    assert len(refused) < len(threads)
    assert migrate.differences(place) == []


def test_a_migration_waits_for_nobody_longer_than_its_lock_timeout(place: Database) -> None:
    migrate.upgrade(place, BEFORE_RANGES)
    with psycopg.connect(place.owner) as looking:
        looking.execute("SELECT count(*) FROM events")

        with pytest.raises(StoreUnavailable, match="LockNotAvailable"):
            migrate.upgrade(place)

    assert migrate.current(place) == BEFORE_RANGES
