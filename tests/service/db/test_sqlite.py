"""The SQLite executor: what it promises about durability, guards, mistakes and a full disk."""

import datetime as dt
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.db.sqlite import SQLiteStore, connect
from service.db.statements import Statement
from service.db.store import GuardFailed, NotReadable, StoreUnavailable
from tests.support.jars import ADD_COINS, JAR, JARS, NEW_BUDGET, SPEND_COUPON
from tests.support.writer import START, create_tables

EVERY = Statement(sa.select(JARS), name="every jar")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "payguard.sqlite"
    create_tables(path)
    return path


@pytest.fixture
def store(path: Path) -> Iterator[SQLiteStore]:
    store = SQLiteStore(path)
    yield store
    store.close()


def coins(jar: str, count: Any) -> Any:
    return ADD_COINS(tenant_id="t", jar=jar, coins=count)


def jars(store: SQLiteStore) -> list[str]:
    [rows] = store.fetch([EVERY()])
    return [row["jar"] for row in rows]


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("wal_autocheckpoint", 0)],
)
def test_the_writer_s_connection_is_durable_and_checked(
    store: SQLiteStore, pragma: str, value: object
) -> None:
    assert store._connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_a_folder_s_name_may_hold_what_ends_a_path_in_a_uri(tmp_path: Path) -> None:
    folder = tmp_path / "50%25 a?mode=memory#b"
    folder.mkdir()

    connect(folder / "payguard.sqlite", readonly=False).close()

    assert [one.name for one in folder.iterdir()] == ["payguard.sqlite"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "payguard.sqlite"
    file.write_bytes(b"no database at all" * 100)

    with pytest.raises(StoreUnavailable):
        connect(file, readonly=False)


def test_a_transaction_lasts_once_committed(store: SQLiteStore, path: Path) -> None:
    transaction = store.begin()
    transaction.run([coins("a", 1)])
    transaction.commit()

    other = SQLiteStore(path)
    assert jars(other) == ["a"]
    other.close()


def test_a_guard_that_touches_another_number_of_rows_rolls_everything_back(
    store: SQLiteStore,
) -> None:
    transaction = store.begin()

    with pytest.raises(GuardFailed) as failed:
        transaction.run([coins("a", 1), SPEND_COUPON(of="none", at=START), coins("b", 1)])

    assert (failed.value.step, failed.value.reason) == (1, "spend coupon: 0 rows")
    assert jars(store) == []
    assert not store._connection.in_transaction


@pytest.mark.parametrize(
    "bad",
    [
        coins("b", 2_000),
        coins("b", 2**63),
        coins("\ud800", 1),
        coins(["b"], 1),  # type: ignore[arg-type]  # wrong on purpose
        ADD_COINS(tenant_id="t"),
        SPEND_COUPON(of="b", at="today"),
        SPEND_COUPON(of="b", at=dt.datetime(2026, 1, 1)),  # noqa: DTZ001  # naive on purpose
        SPEND_COUPON(of="b"),
    ],
    ids=["check", "huge", "surrogate", "type", "missing", "no time", "naive", "missing time"],
)
def test_values_that_do_not_fit_are_their_command_s_mistake(store: SQLiteStore, bad: Any) -> None:
    transaction = store.begin()

    with pytest.raises(GuardFailed) as failed:
        transaction.run([coins("a", 1), bad])

    assert failed.value.step == 1
    assert jars(store) == []
    assert not store._connection.in_transaction


def test_a_guard_s_reason_holds_no_value(store: SQLiteStore) -> None:
    transaction = store.begin()

    with pytest.raises(GuardFailed) as failed:
        transaction.run([coins("4111111111111111", 2_000)])

    assert "4111" not in str(failed.value)


def test_every_read_whose_values_do_not_fit_is_named(store: SQLiteStore) -> None:
    reads = [
        JAR(tenant_id="t", jar="a"),
        JAR(tenant_id="t", jar=2**63),
        JAR(tenant_id="t"),
        JAR(tenant_id="\ud800", jar="a"),
    ]

    with pytest.raises(NotReadable) as failed:
        store.fetch(reads)

    assert sorted(failed.value.reasons) == [1, 2, 3]
    assert "jar: OverflowError" in str(failed.value)


def test_a_store_without_the_table_is_unavailable(store: SQLiteStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.fetch([Statement(sa.text("SELECT 1 FROM none"), name="none")()])


def test_a_full_store_commits_nothing_and_works_again(store: SQLiteStore) -> None:
    connection = store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")

    transaction = store.begin()
    with pytest.raises(StoreUnavailable, match="full"):
        transaction.run([coins("x" * 2_000 + str(n), 1) for n in range(50)])

    assert not connection.in_transaction
    connection.execute("PRAGMA max_page_count = 100000")
    transaction = store.begin()
    transaction.run([coins("a", 1)])
    transaction.commit()
    assert jars(store) == ["a"]


def test_a_commit_that_is_refused_leaves_nothing(store: SQLiteStore) -> None:
    connection = store._connection
    connection.executescript(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);"
        "CREATE TABLE children (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED);"
    )
    orphan = Statement(sa.text("INSERT INTO children VALUES (1)"), rows=1, name="orphan")
    transaction = store.begin()
    transaction.run([coins("a", 1), orphan()])

    with pytest.raises(StoreUnavailable):
        transaction.commit()

    assert not connection.in_transaction
    assert jars(store) == []


def test_a_locked_store_is_unavailable_and_works_again(store: SQLiteStore, path: Path) -> None:
    store._connection.execute("PRAGMA busy_timeout = 0")
    other = SQLiteStore(path)
    held = other.begin()

    with pytest.raises(StoreUnavailable):
        store.begin()

    held.rollback()
    other.close()
    store.begin().rollback()


def test_readers_do_not_hold_up_a_commit(store: SQLiteStore, path: Path) -> None:
    reader = connect(path, readonly=True)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM jars").fetchone()

    transaction = store.begin()
    transaction.run([coins("a", 1), NEW_BUDGET(name="b", left=1)])
    transaction.commit()

    assert reader.execute("SELECT count(*) FROM jars").fetchone() == (0,)
    reader.close()


def test_foreign_keys_hold(store: SQLiteStore) -> None:
    connection = store._connection
    connection.executescript(
        "CREATE TABLE parents (id INTEGER PRIMARY KEY);"
        "CREATE TABLE children (id INTEGER REFERENCES parents);"
    )

    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO children VALUES (1)")
