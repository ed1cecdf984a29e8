"""`payguard upgrade`: a backup, then the revisions, then a look at the result; never twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

from service.db import backup_sqlite, migrate
from service.writer.lock import WriterLock
from tests.support.terminal import Terminal, Told


def stamp(home: Path, revision: str) -> None:
    with closing(sqlite3.connect(home / "payguard.sqlite")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def test_a_store_that_is_up_to_date_is_left_as_it_is(told: Told) -> None:
    before = backup_sqlite.facts(told.payguard.home / "payguard.sqlite")

    said = told.payguard.json("upgrade")

    assert (said["ran"], said["backup"]) == ([], None)
    assert said["now"] == migrate.head()
    assert backup_sqlite.facts(told.payguard.home / "payguard.sqlite") == before
    assert not (told.payguard.home / "backups").exists()


def test_a_store_of_a_newer_version_is_left_alone(told: Told) -> None:
    stamp(told.payguard.home, "9999")

    result = told.payguard("upgrade")

    assert result.exit_code == 2
    assert "9999, which this software does not know" in result.stderr


def test_without_a_store_nothing_is_made(fresh: Terminal) -> None:
    fresh.home.mkdir()

    result = fresh("upgrade")

    assert result.exit_code == 2
    assert "payguard migrate" in result.stderr
    assert not (fresh.home / "payguard.sqlite").exists()


def test_beside_a_running_service_nothing_is_upgraded(told: Told) -> None:
    with WriterLock(told.payguard.home / "writer.lock"):
        result = told.payguard("upgrade")

    assert result.exit_code == 2
    assert "then start it again" in result.stderr


def test_without_its_root_key_a_store_is_not_upgraded(told: Told) -> None:
    (told.payguard.home / "root.key").unlink()

    said = told.payguard.json("upgrade")

    assert said["error"]["code"] == "root_key_missing"


def test_a_damaged_store_is_not_called_upgraded(told: Told) -> None:
    with closing(sqlite3.connect(told.payguard.home / "payguard.sqlite")) as connection:
        connection.execute("DROP TABLE payment_event_ids")
        connection.commit()

    said = told.payguard.json("upgrade")

    assert said["error"]["code"] == "upgrade_wrong"
    assert "restore" in said["error"]["next"]
