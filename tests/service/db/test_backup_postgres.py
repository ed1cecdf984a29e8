"""A dump of one snapshot, restored in one commit; the old store is moved aside, never dropped."""

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from service.db import backup_postgres, migrate
from service.db.backup import BackupRefused, StoreFacts, read_manifest
from service.db.backup_postgres import PostgresKeeper
from service.db.places import Database
from service.db.store import StoreUnavailable
from service.settings import read_settings
from service.tables import load_tables
from service.writer.lock import writer_lock
from tests.support.postgres import Cluster
from tests.support.terminal import Terminal


def nobody(_what: str, _done: int, _total: int) -> None:
    """Nobody watches."""


def addresses(place: Database) -> dict[str, str]:
    return {
        "PAYGUARD_DATABASE_URL": place.writer,
        "PAYGUARD_READER_URL": place.reader,
        "PAYGUARD_OWNER_URL": place.owner,
    }


class Shop:
    """Commands over a PostgreSQL database."""

    def __init__(self, home: Path, place: Database) -> None:
        self.home = home
        self.place = place
        self._terminal = Terminal(home)

    def __call__(self, *arguments: object, **environment: str) -> Any:
        return self._terminal(*arguments, **{**addresses(self.place), **environment})

    def json(self, *arguments: object, **environment: str) -> Any:
        return self._terminal.json(*arguments, **{**addresses(self.place), **environment})

    def facts(self) -> StoreFacts:
        found = PostgresKeeper(self.place).facts()
        assert found is not None
        return found

    def moved_to(self, place: Database) -> "Shop":
        return Shop(self.home, place)


@pytest.fixture
def shop(quick_cluster: Cluster, tmp_path: Path) -> Shop:
    """Return a store in which four commands were committed; the first start of a writer is one."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    made = Shop(home, quick_cluster.database(migrated=True))
    merchant = made.json("merchant", "create", "--name", "Kites")["merchant_id"]
    made("key", "create", "--merchant", merchant, "--mode", "sandbox")
    return made


@pytest.fixture
def kept(shop: Shop, tmp_path: Path) -> Path:
    result = shop("backup", tmp_path / "kept")
    assert result.exit_code == 0, result.output
    return tmp_path / "kept"


def manifest(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    return found


def rewritten(folder: Path, store: Mapping[str, Any]) -> None:
    given = manifest(folder)
    given["store"] |= store
    (folder / "manifest.json").write_text(json.dumps(given))


def test_a_backup_says_where_the_store_stands(shop: Shop, kept: Path) -> None:
    found = manifest(kept)

    assert found["kind"] == "postgres"
    assert found["engine"].startswith("PostgreSQL ")
    assert found["store"]["sequence"] == shop.facts().sequence == 4
    assert found["store"]["tables"]["api_keys"] == 1
    assert found["store"]["logs"][0]["size"] == found["store"]["tables"]["entries"]
    assert found["store"]["revision"] == migrate.head()


def test_only_its_owner_reads_it(kept: Path) -> None:
    modes = {stat.S_IMODE(one.stat().st_mode) for one in kept.iterdir()}

    assert modes == {0o600}


def test_figures_and_dump_are_of_one_instant(shop: Shop, tmp_path: Path) -> None:
    with psycopg.connect(shop.place.writer) as writer:
        writer.execute("UPDATE writer SET sequence = sequence + 100")
        dump, found = PostgresKeeper(shop.place).copy(tmp_path, nobody)
        writer.rollback()

    assert found == shop.facts()
    assert dump.stat().st_size > 0


def test_it_needs_no_lock(shop: Shop, tmp_path: Path) -> None:
    settings = read_settings({"PAYGUARD_DATA_DIR": str(shop.home), **addresses(shop.place)})

    with writer_lock(settings):
        result = shop("backup", tmp_path / "kept")

    assert result.exit_code == 0, result.output


def test_it_is_restored_into_an_empty_database(shop: Shop, kept: Path, cluster: Cluster) -> None:
    load_tables()
    was = shop.facts()
    # On a server that waits for the disk: the doctor asks for no less.
    there = shop.moved_to(cluster.database())

    result = there("restore", kept)

    assert result.exit_code == 0, result.output
    assert there.facts() == was
    assert migrate.differences(there.place) == []
    doctor = there("doctor")
    assert doctor.exit_code == 0, doctor.output


def test_the_restored_store_has_statistics_from_its_first_read_on(
    shop: Shop, kept: Path, quick_cluster: Cluster
) -> None:
    there = shop.moved_to(quick_cluster.database())
    assert there("restore", kept).exit_code == 0

    with quick_cluster.connect(str(conninfo_to_dict(there.place.owner)["dbname"])) as superuser:
        counted = superuser.execute(
            "SELECT count(*) FROM pg_statistic WHERE starelid = 'public.api_keys'::regclass"
        ).fetchone()

    assert counted is not None
    assert counted[0] > 0


def test_the_restored_store_takes_commands_under_a_new_epoch(
    shop: Shop, kept: Path, quick_cluster: Cluster
) -> None:
    was = shop.facts()
    there = shop.moved_to(quick_cluster.database())
    there("restore", kept)

    result = there("merchant", "create", "--name", "After")

    assert result.exit_code == 0, result.output
    assert there.facts().sequence == was.sequence + 1
    assert there.facts().epoch > was.epoch


def test_serving_roles_have_their_rights_and_no_more(
    shop: Shop, kept: Path, quick_cluster: Cluster
) -> None:
    there = shop.moved_to(quick_cluster.database())
    there("restore", kept)

    with psycopg.connect(there.place.reader, autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM merchants").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("DELETE FROM merchants")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute("SELECT payguard_drop_partition()")
    with psycopg.connect(there.place.writer, autocommit=True) as writer:
        assert writer.execute("SELECT count(*) FROM merchants").fetchone() == (1,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            writer.execute("DELETE FROM entries")


def test_a_store_with_data_is_replaced_only_when_asked(shop: Shop, kept: Path) -> None:
    shop("merchant", "create", "--name", "After the backup")
    before = shop.facts()

    result = shop("restore", kept)

    assert result.exit_code == 2
    assert "--replace" in result.stderr
    assert shop.facts() == before


def test_a_replaced_store_is_kept_in_a_schema_that_serving_roles_do_not_see(
    shop: Shop, kept: Path, quick_cluster: Cluster
) -> None:
    shop("merchant", "create", "--name", "After the backup")

    said = shop.json("restore", kept, "--replace")

    schema = said["kept"].removeprefix("the schema ")
    count = sql.SQL("SELECT count(*) FROM {}.merchants").format(sql.Identifier(schema))
    name = str(conninfo_to_dict(shop.place.owner)["dbname"])
    with quick_cluster.connect(name) as superuser:
        assert superuser.execute(count).fetchone() == (2,)
    for address in (shop.place.writer, shop.place.reader):
        with (
            psycopg.connect(address) as serving,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            serving.execute(count)
    assert shop.facts().tables["merchants"] == 1
    assert shop("backup", kept.with_name("again")).exit_code == 0
    assert manifest(kept.with_name("again"))["store"]["tables"]["merchants"] == 1


def test_beside_a_running_writer_nothing_is_restored(shop: Shop, kept: Path) -> None:
    settings = read_settings({"PAYGUARD_DATA_DIR": str(shop.home), **addresses(shop.place)})

    with writer_lock(settings):
        result = shop("restore", kept, "--replace")

    assert result.exit_code == 2
    assert "the service runs" in result.stderr


@pytest.mark.parametrize(
    "store", [{"sequence": 2}, {"tables": {"merchants": 7}}, {"tables": {"no_such_table": 0}}]
)
def test_a_dump_that_is_not_what_the_manifest_says_changes_nothing(
    shop: Shop, kept: Path, store: dict[str, Any]
) -> None:
    rewritten(kept, store)
    shop("merchant", "create", "--name", "After the backup")
    before = shop.facts()

    said = shop.json("restore", kept, "--replace")

    assert said["error"]["code"] == "backup_failed"
    assert shop.facts() == before
    assert PostgresKeeper(shop.place).in_use() == backup_postgres.SCHEMAS


def test_a_damaged_dump_changes_nothing(shop: Shop, kept: Path) -> None:
    dump = kept / backup_postgres.DUMP
    dump.write_bytes(dump.read_bytes()[:-4_000])
    given = manifest(kept)
    given["files"][dump.name] = {"bytes": 0, "sha256": ""}
    (kept / "manifest.json").write_text(json.dumps(given))
    before = shop.facts()

    said = shop.json("restore", kept, "--replace")

    assert said["error"]["code"] == "backup_damaged"
    assert shop.facts() == before


def test_a_dump_that_ends_early_is_not_committed(shop: Shop, kept: Path) -> None:
    dump = kept / backup_postgres.DUMP
    content = dump.read_bytes()
    before = shop.facts()
    for cut in (len(content) // 2, len(content) - 2_000):
        dump.write_bytes(content[:cut])
        keeper = PostgresKeeper(shop.place)
        found = read_manifest(kept)
        with (
            pytest.raises(BackupRefused),
            keeper.staged(kept, found, nobody) as staged,
        ):
            staged.put_in_place(is_kept=True, now=found.made_at)

        assert shop.facts() == before


def test_another_root_key_does_not_fit(shop: Shop, kept: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    other.touch(mode=0o600)
    other.write_bytes(b"k" * 32)

    said = shop.json("restore", kept, "--replace", PAYGUARD_ROOT_KEY_FILE=str(other))

    assert said["error"]["code"] == "root_key_other"


def test_a_backup_of_one_store_is_not_restored_into_the_other(kept: Path, tmp_path: Path) -> None:
    said = Terminal(tmp_path / "sqlite").json("restore", kept)

    assert said["error"]["code"] == "other_store"


def test_without_the_owners_address_people_are_told_which_setting(shop: Shop) -> None:
    with pytest.raises(StoreUnavailable, match="PAYGUARD_OWNER_URL"):
        PostgresKeeper(Database(writer=shop.place.writer))


def test_missing_client_programs_are_named(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    said = shop.json("backup", tmp_path / "kept")

    assert said["error"]["code"] == "client_programs_missing"
    assert "postgresql-client" in said["error"]["next"]


def test_no_password_stands_on_a_command_line(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = tmp_path / "seen"
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    dumper = bin_ / "pg_dump"
    dumper.write_text(f'#!/bin/sh\necho "$@" > {seen}\necho "$PGPASSWORD" > {seen}.env\nexit 1\n')
    dumper.chmod(0o700)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    with_password = shop.place.owner.replace("@", ":s3cret@")

    said = shop.json("backup", tmp_path / "kept", PAYGUARD_OWNER_URL=with_password)

    assert said["error"]["code"] == "backup_failed"
    assert "s3cret" not in seen.read_text()
    assert seen.with_name("seen.env").read_text() == "s3cret\n"
    assert "s3cret" not in json.dumps(said)


def test_an_upgrade_of_a_store_that_is_up_to_date_changes_nothing(shop: Shop) -> None:
    before = shop.facts()

    said = shop.json("upgrade")

    assert said["ran"] == []
    assert shop.facts() == before
