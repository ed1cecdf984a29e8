"""Statistics of tables that grew are taken before autovacuum looks, and then let be."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from service.db.places import Database
from service.db.statistics import take_statistics
from service.db.store import StoreUnavailable
from service.worker.statistics import EVERY, StatisticsKeeping
from tests.support.postgres import Cluster
from tests.support.rows import START

ROWS = 600


@pytest.fixture
def place(quick_cluster: Cluster) -> Database:
    return quick_cluster.database(migrated=True)


@pytest.fixture
def owner(place: Database) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    with psycopg.connect(place.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE grown (tenant_id text, status text, reference text)")
        connection.execute("CREATE INDEX by_status ON grown (tenant_id, status)")
        connection.execute("CREATE INDEX by_reference ON grown (tenant_id, reference)")
        yield connection


def grow(place: Database, rows: int) -> None:
    """Write rows of one tenant; what a session counted is told when it ends."""
    with psycopg.connect(place.owner, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO grown SELECT 't', 'approved', gen_random_uuid()"
            " FROM generate_series(1, %s)",
            (rows,),
        )


def rows_known(owner: psycopg.Connection[tuple[Any, ...]]) -> float:
    [row] = owner.execute("SELECT reltuples FROM pg_class WHERE relname = 'grown'")
    return float(row[0])


def test_a_table_that_grew_manyfold_is_looked_at_and_then_left_alone(
    place: Database, owner: psycopg.Connection[tuple[Any, ...]]
) -> None:
    take_statistics(place)
    assert rows_known(owner) == -1

    grow(place, ROWS)
    assert take_statistics(place) == 1
    assert rows_known(owner) == ROWS
    assert take_statistics(place) == 0

    grow(place, ROWS)
    assert take_statistics(place) == 0, "twice as many is autovacuum's affair"
    grow(place, 3 * ROWS)
    assert take_statistics(place) == 1
    assert rows_known(owner) == 5 * ROWS


def test_with_statistics_one_row_is_found_by_its_own_index(
    place: Database, owner: psycopg.Connection[tuple[Any, ...]]
) -> None:
    grow(place, ROWS)
    take_statistics(place)
    owner.execute("SET enable_seqscan = off")
    plan = owner.execute(
        "EXPLAIN SELECT status FROM grown WHERE tenant_id = 't' AND reference = '7'"
    ).fetchall()
    assert "by_reference" in str(plan)


def test_the_worker_looks_every_few_seconds() -> None:
    looked: list[str] = []
    timer = StatisticsKeeping(lambda: looked.append("looked"))
    for at in (START, START + EVERY - dt.timedelta(seconds=1), START + EVERY):
        assert timer(at, 200) == ()
    assert len(looked) == 2


def test_a_database_that_is_away_is_tried_again_later() -> None:
    def take() -> None:
        raise StoreUnavailable("away")

    timer = StatisticsKeeping(take)
    with pytest.raises(StoreUnavailable):
        timer(START, 200)
    assert timer(START + EVERY / 2, 200) == ()
