"""Front ends' reads: they cannot write, whatever is asked, and share no connection."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.db.reader import SQLiteReader
from service.db.sqlite import SQLiteStore, connect
from service.db.statements import Statement
from service.db.store import NotReadable, StoreUnavailable
from tests.support.jars import ADD_COINS, JAR, JARS
from tests.support.writer import create_tables

EVERY = Statement(sa.select(JARS).order_by(JARS.c.jar), name="every jar")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "payguard.sqlite"
    create_tables(path)
    store = SQLiteStore(path)
    transaction = store.begin()
    transaction.run([ADD_COINS(tenant_id="t", jar=jar, coins=1) for jar in "ab"])
    transaction.commit()
    store.close()
    return path


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM jars", "CREATE TABLE a (b)", "PRAGMA user_version = 3", "DROP TABLE jars"],
)
def test_a_reader_cannot_write(path: Path, sql: str) -> None:
    reader = connect(path, readonly=True)

    with pytest.raises(sqlite3.OperationalError):
        reader.execute(sql)

    # Not even when it takes its own bolt off: the file is open for reading alone.
    reader.execute("PRAGMA query_only = OFF")
    with pytest.raises(sqlite3.OperationalError):
        reader.execute(sql)
    reader.close()


def test_trying_values_runs_nothing(path: Path) -> None:
    reader = SQLiteReader(path)

    reader.try_values(ADD_COINS(tenant_id="t", jar="c", coins=1))
    with pytest.raises(NotReadable):
        reader.try_values(ADD_COINS(tenant_id="t", jar="c", coins=2**63))

    assert [row["jar"] for row in reader.fetch(EVERY())] == ["a", "b"]


def test_a_reader_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        SQLiteReader(tmp_path / "none.sqlite").fetch(EVERY())

    assert list(tmp_path.iterdir()) == []


def test_maybe_gives_one_row_or_none_and_never_the_first_of_two(path: Path) -> None:
    reader = SQLiteReader(path)

    assert reader.maybe(JAR(tenant_id="t", jar="a")) is not None
    assert reader.maybe(JAR(tenant_id="t", jar="z")) is None
    with pytest.raises(ValueError, match="2 found"):
        reader.maybe(EVERY())


def test_a_value_that_does_not_fit_is_a_mistake_not_an_outage(path: Path) -> None:
    with pytest.raises(NotReadable):
        SQLiteReader(path).fetch(JAR(tenant_id="t", jar=2**63))


def test_each_thread_has_its_own_connection(path: Path) -> None:
    reader = SQLiteReader(path)
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(id(reader._connection()))) for _ in range(2)
    ]
    found.append(id(reader._connection()))
    for thread in threads:
        thread.start()
        thread.join()

    assert len(set(found)) >= 2
    assert reader._connection() is reader._connection()


def test_a_forked_child_opens_its_own_connection(path: Path) -> None:
    reader = SQLiteReader(path)
    reader.fetch(EVERY())
    parents = reader._connection()

    child = os.fork()
    if child == 0:
        is_own = reader._connection() is not parents and len(reader.fetch(EVERY())) == 2
        os._exit(0 if is_own else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(reader.fetch(EVERY())) == 2


def test_a_reader_sees_what_was_committed_and_nothing_else(path: Path) -> None:
    reader = SQLiteReader(path)
    store = SQLiteStore(path)
    transaction = store.begin()
    transaction.run([ADD_COINS(tenant_id="t", jar="c", coins=1)])

    before = len(reader.fetch(EVERY()))
    transaction.commit()

    assert (before, len(reader.fetch(EVERY()))) == (2, 3)
    store.close()
