"""Ranges of the logs: made ahead, lost to nothing, dropped when over and never before."""

import contextlib
import io
import threading
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from service.db.partitions import AHEAD, LOGS, PartitionKeeper
from service.db.places import Database
from service.db.postgres import LOCK_TIMEOUT_MS, PostgresStore
from service.db.store import GuardFailed, StoreUnavailable
from service.kernel.clock import SystemClock
from service.kernel.logs import logger
from service.unit_of_work.entries import INSERT_ENTRY, INSERT_NUMBER, RAISE_NUMBER
from service.unit_of_work.events import INSERT_EVENT
from service.unit_of_work.tables import ENTRIES, EVENTS, MESSAGES, WRITER
from tests.support.postgres import Cluster
from tests.support.rows import a_row_of, insert

LENGTH = 10_000_000
KEPT = {"entries": 366, "events": 1_827, "messages": 35}
TABLES = {"entries": ENTRIES, "events": EVENTS, "messages": MESSAGES}
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def place(quick_cluster: Cluster) -> Database:
    return quick_cluster.database(migrated=True)


@pytest.fixture
def owner(place: Database) -> Iterator[Connection]:
    with psycopg.connect(place.owner, autocommit=True) as connection:
        insert(connection, WRITER, a_row_of(WRITER, "", "", 0))
        connection.execute("UPDATE writer SET now = clock_timestamp()")
        yield connection


def reach(owner: Connection, number: int) -> None:
    """Let the writer have committed this far."""
    owner.execute("UPDATE writer SET sequence = %s, folded = %s, entries = %s", (number,) * 3)


def write(connection: Connection, log: str, number: int) -> None:
    place = "position" if log == "entries" else "sequence"
    row = a_row_of(TABLES[log], "ten_1", "mer_1", number) | {place: number}
    insert(connection, TABLES[log], row | ({} if log == "entries" else {"mode": "live"}))


def keeper(place: Database, lines: io.BytesIO | None = None, **kept_days: int) -> PartitionKeeper:
    log = logger(stream=lines or io.BytesIO(), clock=SystemClock())
    return PartitionKeeper(place, length=LENGTH, kept_days=KEPT | kept_days, log=log)


def keep(place: Database, **kept_days: int) -> list[str]:
    return keeper(place, **kept_days).keep()


def names(owner: Connection, log: str) -> list[str]:
    """Return the tables that a log consists of now."""
    rows = owner.execute(
        "SELECT c.relname FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid"
        " WHERE i.inhparent = %s::regclass ORDER BY c.relname",
        (log,),
    ).fetchall()
    return [name for (name,) in rows]


def where(owner: Connection, log: str) -> list[str]:
    """Return in which tables a log's rows are."""
    text = sql.SQL("SELECT tableoid::regclass::text FROM {} ORDER BY batch")
    rows = owner.execute(text.format(sql.Identifier(log)))
    return [name.removeprefix("payguard_partitions.") for (name,) in rows]


def named(log: str, lower: int) -> str:
    return f"{log}_{lower:019}"


@pytest.mark.parametrize("log", LOGS)
def test_ranges_are_made_ahead_of_the_writer(owner: Connection, place: Database, log: str) -> None:
    reach(owner, 3 * LENGTH - 1)

    keep(place)
    keep(place)

    made = [named(log, lower * LENGTH) for lower in range(3 + AHEAD)]
    assert names(owner, log) == [*made, f"{log}_default"]


@pytest.mark.parametrize("log", LOGS)
def test_what_has_no_range_yet_is_not_lost(owner: Connection, place: Database, log: str) -> None:
    for number in (1, 2 * LENGTH, 2 * LENGTH + 1):
        write(owner, log, number)
    before = where(owner, log)
    reach(owner, 2 * LENGTH + 1)

    keep(place)

    assert before == [named(log, 0), f"{log}_default", f"{log}_default"]
    assert where(owner, log) == [named(log, 0), *[named(log, 2 * LENGTH)] * 2]


def fill(owner: Connection, place: Database, log: str, *, age_days: int) -> str:
    """Fill a log's first range, and let it have been full for some days; return its name."""
    write(owner, log, 1)
    write(owner, log, LENGTH)
    reach(owner, LENGTH)
    assert keep(place) == []
    changed = owner.execute(
        "UPDATE partitions SET filled_at = filled_at - make_interval(days => %s)"
        " WHERE name = %s AND filled_at IS NOT NULL",
        (age_days, named(log, 0)),
    )
    assert changed.rowcount == 1
    return named(log, 0)


@pytest.mark.parametrize("log", LOGS)
def test_a_range_that_is_over_goes_and_the_others_stay(
    owner: Connection, place: Database, log: str
) -> None:
    over = fill(owner, place, log, age_days=KEPT[log])

    assert keep(place) == [over]

    assert over not in names(owner, log)
    assert where(owner, log) == [named(log, LENGTH)]
    assert owner.execute("SELECT to_regclass(%s)", (f"payguard_partitions.{over}",)).fetchone() == (
        None,
    )
    [noted] = owner.execute(
        "SELECT name, recorded_at FROM partitions WHERE dropped_at IS NOT NULL"
    ).fetchall()
    assert noted == (over, None)
    assert keep(place) == []


@pytest.mark.parametrize("log", LOGS)
def test_a_range_is_kept_to_the_last_day(owner: Connection, place: Database, log: str) -> None:
    fill(owner, place, log, age_days=KEPT[log] - 1)

    assert keep(place) == []
    assert where(owner, log) == [named(log, 0), named(log, LENGTH)]


@pytest.mark.parametrize("log", LOGS)
def test_the_laws_minimum_holds_whatever_is_asked(
    owner: Connection, place: Database, log: str
) -> None:
    fill(owner, place, log, age_days=KEPT[log] - 1)

    assert keep(place, **{log: 1}) == []
    assert keep(place, **{log: -36_500}) == []


def test_under_chinese_law_payments_are_kept_for_ten_years(
    owner: Connection, place: Database
) -> None:
    owner.execute("INSERT INTO tenants VALUES ('ten_1', 0, now())")
    owner.execute(
        "INSERT INTO merchants VALUES"
        " ('ten_1', 'mer_1', 'N', 'CN', 'hold', '{}', 'active', now(), 1)"
    )
    over = fill(owner, place, "events", age_days=3_652)

    assert keep(place) == []

    owner.execute("UPDATE partitions SET filled_at = filled_at - interval '1 day'")
    assert keep(place) == [over]


@pytest.mark.parametrize("column", ["sequence", "folded"])
def test_a_range_that_may_still_grow_or_be_needed_is_not_full(
    owner: Connection, place: Database, column: str
) -> None:
    reach(owner, LENGTH)
    behind = sql.SQL("UPDATE writer SET {} = %s").format(sql.Identifier(column))
    owner.execute(behind, (LENGTH - 1,))

    keep(place)

    filled = "SELECT count(*) FROM partitions WHERE log = 'events' AND filled_at IS NOT NULL"
    assert owner.execute(filled.encode()).fetchone() == (0,)


def test_one_clock_that_runs_ahead_drops_nothing(owner: Connection, place: Database) -> None:
    fill(owner, place, "messages", age_days=34)
    owner.execute("UPDATE writer SET now = now + interval '100 years'")
    assert keep(place) == []

    # The writer's stands for the one that is right while the server's is ahead.
    owner.execute("UPDATE partitions SET filled_at = filled_at - interval '1 day'")
    owner.execute("UPDATE writer SET now = clock_timestamp() - interval '2 days'")
    assert keep(place) == []

    owner.execute("UPDATE writer SET now = clock_timestamp() + interval '1 day'")
    assert keep(place) == [named("messages", 0)]


@pytest.mark.parametrize("log", LOGS)
def test_a_range_that_somebody_has_yet_to_read_stays(
    owner: Connection, place: Database, log: str
) -> None:
    over = fill(owner, place, log, age_days=KEPT[log])

    def keep_unread(number: int) -> list[str]:
        return keeper(place).keep({log: number})

    assert keep_unread(LENGTH - 1) == []
    assert over in names(owner, log)
    assert keep_unread(LENGTH) == [over]


def test_a_crash_between_detaching_and_dropping_is_made_good(
    owner: Connection, place: Database
) -> None:
    over = fill(owner, place, "messages", age_days=35)
    with psycopg.connect(place.writer) as writer:
        writer.execute("SELECT payguard_detach_partition('messages', 35, NULL)")

    assert over not in names(owner, "messages")
    assert keep(place) == [over]


@contextlib.contextmanager
def writing(place: Database) -> Iterator[list[float]]:
    """Commit events of the second range meanwhile; yield how long each took, in seconds."""
    took: list[float] = []
    failed: list[Exception] = []
    stop = threading.Event()
    store = PostgresStore(place.writer)

    def run() -> None:
        number = LENGTH + 10
        while not stop.is_set():
            number += 1
            before = time.monotonic()
            row = a_row_of(EVENTS, "ten_1", "mer_1", number) | {"mode": "live"}
            try:
                transaction = store.begin()
                transaction.run([INSERT_EVENT(**row)])
                transaction.commit()
            except (GuardFailed, StoreUnavailable) as error:
                failed.append(error)
                return
            took.append(time.monotonic() - before)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        while len(took) < 5 and thread.is_alive():
            time.sleep(0.01)
        yield took
        at = len(took)
        while len(took) < at + 5 and thread.is_alive():
            time.sleep(0.01)
    finally:
        stop.set()
        thread.join()
        store.close()
    assert failed == []


def test_commits_go_on_while_ranges_come_and_go(owner: Connection, place: Database) -> None:
    over = fill(owner, place, "events", age_days=KEPT["events"])

    with writing(place) as took:
        reach(owner, 2 * LENGTH)
        assert keep(place) == [over]

    assert max(took) < LOCK_TIMEOUT_MS / 1_000
    assert named("events", 3 * LENGTH) in names(owner, "events")


def test_a_commit_never_waits_long_behind_who_waits_for_a_lock(
    owner: Connection, place: Database
) -> None:
    fill(owner, place, "events", age_days=KEPT["events"])

    with writing(place), psycopg.connect(place.owner) as looking:
        # Somebody looks at the log and does not come to an end.
        looking.execute("SELECT count(*) FROM events")
        with psycopg.connect(place.writer, autocommit=True) as worker:
            worker.execute("SET statement_timeout = 5000")
            for _ in range(3):
                with pytest.raises(psycopg.errors.LockNotAvailable):
                    worker.execute("SELECT payguard_detach_partition('events', 1827, NULL)")

    assert named("events", 0) in names(owner, "events")


def test_two_entries_never_have_one_place_in_a_log(owner: Connection) -> None:
    row = a_row_of(ENTRIES, "ten_1", "mer_1", 1) | {"position": 5}
    insert(owner, ENTRIES, row)

    with pytest.raises(psycopg.errors.UniqueViolation, match="log_position"):
        insert(owner, ENTRIES, row | {"number": 2})

    # Nothing else holds it.
    owner.execute("ALTER TABLE entries DROP CONSTRAINT uq_entries_log_position")
    insert(owner, ENTRIES, row | {"number": 2})


def test_two_entries_of_a_merchant_never_have_one_number(
    owner: Connection, place: Database
) -> None:
    store = PostgresStore(place.writer)
    first, second = (
        INSERT_ENTRY(**a_row_of(ENTRIES, "ten_1", "mer_1", 1) | {"position": position})
        for position in (5, LENGTH + 5)
    )
    number = RAISE_NUMBER(owner_tenant="ten_1", owner_merchant="mer_1", before=0, after=1)
    zero = INSERT_NUMBER(tenant_id="ten_1", merchant_id="mer_1", number=0)
    transaction = store.begin()
    transaction.run([zero, number, first])
    transaction.commit()

    with pytest.raises(GuardFailed, match="raise entry number: 0 rows"):
        store.begin().run([number, second])

    # The key cannot hold it over ranges: without the guard it would be there twice.
    transaction = store.begin()
    transaction.run([second])
    transaction.commit()
    store.close()
    assert where(owner, "entries") == [named("entries", 0), named("entries", LENGTH)]


def test_a_database_that_is_not_there_is_unavailable() -> None:
    nowhere = Database(writer="postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(StoreUnavailable):
        keep(nowhere)


def test_a_range_is_as_shut_off_as_its_log(owner: Connection) -> None:
    rows = owner.execute(
        "SELECT c.relrowsecurity, has_schema_privilege('payguard_writer', c.relnamespace, 'USAGE'),"
        " has_schema_privilege('payguard_reader', c.relnamespace, 'USAGE')"
        " FROM pg_class AS c WHERE c.relnamespace = 'payguard_partitions'::regnamespace"
        " AND c.relkind = 'r'"
    ).fetchall()

    assert len(rows) == len(LOGS) * (AHEAD + 1)
    assert set(rows) == {(True, False, False)}
