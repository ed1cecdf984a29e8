"""`payguard upgrade`: a backup, then the revisions, then a look at the result; never twice."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from service.db import backup_sqlite, migrate
from service.db.backup import StoreFacts, read_manifest
from service.db.keepers import open_keeper
from service.writer.lock import WriterLock
from tests.golden.conftest import Golden, cluster_of
from tests.support.places import change
from tests.support.terminal import Terminal, Told

pytestmark = pytest.mark.long


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


@pytest.fixture
def released(store_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Golden:
    """Return a store that an older version wrote."""
    golden = Golden(tmp_path / "home", cluster_of(store_kind, request))
    golden.unpack()
    return golden


def facts(golden: Golden) -> StoreFacts:
    found = open_keeper(golden.database).facts()
    assert found is not None
    return found


def test_an_older_store_is_backed_up_upgraded_and_told_about(released: Golden) -> None:
    before = facts(released)

    said = released.terminal.json("upgrade")

    after = facts(released)
    assert (said["before"], said["now"]) == ("0008", migrate.head())
    assert said["ran"] == migrate.pending_after("0008")
    assert set(said["new_tables"]) == after.tables.keys() - before.tables.keys()
    assert read_manifest(Path(said["backup"])).store == before


def test_an_upgrade_can_be_taken_back(released: Golden) -> None:
    before = facts(released)
    said = released.terminal.json("upgrade")

    restored = released.terminal("restore", said["backup"], "--replace")

    assert "next: `payguard upgrade`" in restored.stdout
    assert facts(released) == before


def test_without_a_backup_none_is_made(released: Golden) -> None:
    result = released.terminal("upgrade", "--no-backup")

    assert result.exit_code == 0, result.output
    assert "none was made" in result.stdout
    assert not (released.home / "backups").exists()


def test_a_backup_of_another_state_is_not_taken_for_this_one(released: Golden) -> None:
    first = released.terminal.json("upgrade")["backup"]
    released.terminal("restore", first, "--replace")
    change(released.database, "UPDATE writer SET sequence = sequence + 1")

    second = released.terminal.json("upgrade")["backup"]

    assert second != first
    assert Path(first).exists()
