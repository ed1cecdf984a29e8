"""Migrations and METADATA agree; up, down and up again; all of it or nothing."""

import sqlite3
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from service.db import migrate
from service.db.metadata import METADATA
from service.db.sqlite import connect
from service.tables import load_tables


@pytest.fixture(autouse=True)
def tables() -> None:
    load_tables()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "payguard.db"


def schema(path: Path) -> dict[str, list[str]]:
    """Return what the file says of each table and index, word by word, in no order."""
    connection = connect(path, readonly=True)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
    ).fetchall()
    connection.close()
    return {
        name: sorted(sql.replace(",", " ").split())
        for name, sql in rows
        if name != "alembic_version"
    }


def test_migrations_and_tables_agree(path: Path) -> None:
    migrate.upgrade(path)

    assert migrate.differences(path) == []


def test_checks_and_partial_indexes_agree_too(path: Path, tmp_path: Path) -> None:
    direct = tmp_path / "direct.db"
    engine = sa.create_engine(f"sqlite:///{direct}")
    METADATA.create_all(engine)
    engine.dispose()

    migrate.upgrade(path)

    assert schema(path) == schema(direct)


def test_every_rooms_tables_are_found() -> None:
    assert {"writer", "entities", "merchants", "signing_keys", "payer_links"} <= set(
        METADATA.tables
    )


def test_a_missing_table_shows(path: Path) -> None:
    migrate.upgrade(path)
    connection = connect(path, readonly=False)
    connection.execute("DROP TABLE payer_links")
    connection.close()

    [difference] = migrate.differences(path)

    assert difference[0] == "add_table"


def test_up_down_and_up_again_with_rows_in_it(path: Path) -> None:
    migrate.upgrade(path)
    before = schema(path)
    connection = connect(path, readonly=False)
    connection.execute("INSERT INTO tenants VALUES ('ten_1', 0, 1)")
    connection.execute(
        "INSERT INTO merchants VALUES ('ten_1', 'mer_1', 'N', 'CN', 'hold', '{}', 'active', 1, 1)"
    )
    connection.close()

    migrate.downgrade(path, migrate.BASE)

    assert migrate.current(path) is None
    assert schema(path) == {}
    migrate.upgrade(path)
    assert schema(path) == before


def test_an_upgrade_that_fails_leaves_nothing(path: Path) -> None:
    connection = connect(path, readonly=False)
    connection.execute("CREATE TABLE payer_links (key TEXT)")
    connection.close()

    with pytest.raises(OperationalError):
        migrate.upgrade(path)

    assert list(schema(path)) == ["payer_links"]
    assert migrate.current(path) is None


def test_a_second_upgrade_keeps_what_is_there(path: Path) -> None:
    migrate.upgrade(path)
    connection = connect(path, readonly=False)
    connection.execute("INSERT INTO tenants VALUES ('ten_1', 0, 1)")

    migrate.upgrade(path)

    assert connection.execute("SELECT count(*) FROM tenants").fetchone() == (1,)
    connection.close()


def test_what_is_pending_is_told_before_it_is_done(path: Path) -> None:
    before = migrate.pending(path)

    migrate.upgrade(path)

    assert before[-1] == migrate.head()
    assert migrate.pending(path) == []
    assert migrate.current(path) == migrate.head()


def test_a_store_of_a_newer_version_is_not_touched(path: Path) -> None:
    migrate.upgrade(path)
    connection = connect(path, readonly=False)
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()

    with pytest.raises(migrate.StoreIsNewer):
        migrate.pending(path)
    with pytest.raises(migrate.StoreIsNewer):
        migrate.upgrade(path)


def test_a_look_does_not_wait_for_a_writer(path: Path) -> None:
    migrate.upgrade(path)
    writer = connect(path, readonly=False)
    writer.execute("BEGIN IMMEDIATE")

    assert migrate.current(path) == migrate.head()
    writer.close()


def test_the_file_is_its_owners_alone_and_keeps_a_write_ahead_log(path: Path) -> None:
    migrate.upgrade(path)

    connection = sqlite3.connect(path)
    [mode] = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert mode == "wal"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_with_a_percent_sign_is_no_trouble(tmp_path: Path) -> None:
    folder = tmp_path / "50% off"
    folder.mkdir()

    migrate.upgrade(folder / "payguard.db")

    assert migrate.current(folder / "payguard.db") == migrate.head()


def test_no_column_has_a_default_of_the_database() -> None:
    columns = [column for table in METADATA.sorted_tables for column in table.columns]

    assert [str(one) for one in columns if one.server_default is not None] == []


def test_what_a_tenant_owns_is_keyed_by_it_first() -> None:
    owned = [table for table in METADATA.sorted_tables if "tenant_id" in table.columns]

    firsts = {table.name: next(iter(table.primary_key)).name for table in owned}

    assert set(firsts.values()) == {"tenant_id"}
