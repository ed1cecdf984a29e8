import contextlib
import sqlite3

import psycopg
import pytest

from service.cli.database import last_commit, prepare, require_root_key, standing
from service.cli.screen import Failure
from service.db import migrate
from service.db.places import Database
from service.settings import Settings, read_settings
from service.unit_of_work.tables import WRITER
from tests.support.postgres import Cluster
from tests.support.rows import a_row_of, insert
from tests.support.terminal import Terminal


def test_a_fresh_database_is_prepared(fresh: Terminal) -> None:
    fresh.home.mkdir()
    settings = Settings(data_dir=fresh.home)

    prepare(settings)

    assert standing(settings.database_file).current == migrate.head()


def test_pending_migrations_of_a_database_in_use_are_not_run_by_the_way(fresh: Terminal) -> None:
    fresh("migrate", "--to", "0001")
    settings = Settings(data_dir=fresh.home)

    with pytest.raises(Failure, match="the database lacks"):
        prepare(settings)

    assert standing(settings.database_file).current == "0001"


def test_before_the_first_commit_there_is_none(payguard: Terminal) -> None:
    assert last_commit(Settings(data_dir=payguard.home)) is None


def test_a_used_store_of_an_older_version_is_not_taken_for_a_new_one(
    payguard: Terminal, merchant_id: str
) -> None:
    assert merchant_id
    with contextlib.closing(sqlite3.connect(payguard.home / "payguard.sqlite")) as store:
        store.execute("ALTER TABLE writer DROP COLUMN feature_set")
        store.execute("ALTER TABLE writer DROP COLUMN schema")

    assert last_commit(Settings(data_dir=payguard.home)) is not None


def test_a_database_that_cannot_be_read_is_not_taken_for_a_new_one(
    payguard: Terminal, merchant_id: str
) -> None:
    assert merchant_id
    with contextlib.closing(sqlite3.connect(payguard.home / "payguard.sqlite")) as store:
        store.execute("ALTER TABLE writer RENAME TO writers")
    (payguard.home / "root.key").unlink()

    with pytest.raises(Failure, match="no such table"):
        require_root_key(Settings(data_dir=payguard.home))


def test_on_postgresql_the_writers_address_is_enough(quick_cluster: Cluster) -> None:
    place = quick_cluster.database(migrated=True)
    with psycopg.connect(place.owner) as connection:
        insert(connection, WRITER, a_row_of(WRITER, "", "", 1) | {"shard": 0})

    for own in (Database(writer=place.writer), Database(reader=place.reader), place):
        assert last_commit(settings_of(own)) is not None
    away = Database(writer="postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(Failure):
        last_commit(settings_of(away))


def settings_of(place: Database) -> Settings:
    urls = {"DATABASE_URL": place.writer, "READER_URL": place.reader, "OWNER_URL": place.owner}
    return read_settings({f"PAYGUARD_{name}": url for name, url in urls.items() if url})


def test_a_new_database_needs_no_root_key_yet(payguard: Terminal) -> None:
    require_root_key(Settings(data_dir=payguard.home))


@pytest.mark.parametrize(
    "arguments",
    [
        ("serve",),
        ("merchant", "create", "--name", "Other"),
        ("key", "create", "--merchant", "{merchant_id}"),
    ],
    ids=lambda one: " ".join(one[:2]),
)
def test_a_lost_root_key_is_never_replaced_by_a_new_one(
    payguard: Terminal, merchant_id: str, arguments: tuple[str, ...]
) -> None:
    (payguard.home / "root.key").unlink()

    filled = [one.format(merchant_id=merchant_id) for one in arguments]
    result = payguard(*filled, PAYGUARD_PORT="0")

    assert result.exit_code == 2
    assert "restore it from its backup" in result.stderr
    assert not (payguard.home / "root.key").exists()
