"""Roles and row-level security: the owner serves nobody, the reader sees its caller's rows."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql

from service.db import migrate
from service.db.places import Database
from service.db.store import RolesUnfit, StoreUnavailable
from service.rooms.merchants.tables import API_KEYS
from service.tables import load_tables
from tests.support.postgres import OWNER, READER, SUPERUSER, WRITER, Cluster
from tests.support.rows import a_row_of, insert, tenants_tables

load_tables()

CALLERS = (("ten_1", "mer_1"), ("ten_1", "mer_2"), ("ten_2", "mer_3"))
EVERY_TABLE = {table.name: table for table in tenants_tables()}
# A model's trees tell how to pass it: no front end reads them.
WRITERS_ALONE = {"model_parts"}
TABLES = {name: table for name, table in EVERY_TABLE.items() if name not in WRITERS_ALONE}
Connection = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture(scope="module")
def place(quick_cluster: Cluster) -> Database:
    """A database in which each table of tenants has a row of each of three merchants."""
    place = quick_cluster.database(migrated=True)
    name = sa.make_url(place.owner).database
    assert name is not None
    with quick_cluster.connect(name) as connection:
        # What rows mean together is not the matter here, only whose they are.
        connection.execute("SET session_replication_role = replica")
        for table in EVERY_TABLE.values():
            for check in table.constraints:
                if isinstance(check, sa.CheckConstraint):
                    drop = sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}")
                    names = sql.Identifier(table.name), sql.Identifier(_name(table, check))
                    connection.execute(drop.format(*names))
            _fill(connection, table)
    return place


def _name(table: sa.Table, check: sa.CheckConstraint) -> str:
    return str(check.name) if str(check.name).startswith("ck_") else f"ck_{table.name}_{check.name}"


def _fill(connection: Connection, table: sa.Table) -> None:
    is_merchants = "merchant_id" in table.columns
    for number, (tenant, merchant) in enumerate(CALLERS if is_merchants else CALLERS[1:], 1):
        insert(connection, table, a_row_of(table, tenant, merchant, number))


@pytest.fixture
def reader(place: Database) -> Iterator[Connection]:
    with psycopg.connect(place.reader) as connection:
        yield connection


def seen(connection: Connection, table: str, **scope: str) -> list[tuple[str, ...]]:
    """Return whose rows of a table a transaction sees that names this much."""
    for name, value in scope.items():
        connection.execute("SELECT set_config(%s, %s, true)", (f"payguard.{name}", value))
    columns = [one for one in ("tenant_id", "merchant_id") if one in TABLES[table].columns]
    select = sql.SQL("SELECT DISTINCT {} FROM {} ORDER BY 1").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(table)
    )
    return connection.execute(select).fetchall()


@pytest.mark.parametrize("table", TABLES)
def test_without_a_tenant_the_reader_sees_no_row(reader: Connection, table: str) -> None:
    assert seen(reader, table) == []
    assert seen(reader, table, tenant="", merchant="") == []


@pytest.mark.parametrize("table", TABLES)
def test_the_reader_sees_the_callers_rows_and_no_other(reader: Connection, table: str) -> None:
    own = ("ten_1", "mer_1") if "merchant_id" in TABLES[table].columns else ("ten_1",)

    assert seen(reader, table, tenant="ten_1", merchant="mer_1") == [own]
    assert seen(reader, table, tenant="ten_9", merchant="mer_1") == []
    assert seen(reader, table, tenant="*", merchant="*") == []


@pytest.mark.parametrize(
    "table", [name for name, one in TABLES.items() if "merchant_id" in one.columns]
)
def test_a_network_shares_no_merchants_rows(reader: Connection, table: str) -> None:
    assert seen(reader, table, tenant="ten_1", merchant="") == []
    assert seen(reader, table, tenant="ten_1", merchant="mer_3") == []


@pytest.mark.parametrize("table", TABLES)
def test_what_a_transaction_named_is_forgotten_after_it(reader: Connection, table: str) -> None:
    assert seen(reader, table, tenant="ten_1", merchant="mer_1")
    reader.commit()

    assert seen(reader, table) == []


@pytest.mark.parametrize("table", TABLES)
def test_writer_and_owner_see_every_tenants_rows(place: Database, table: str) -> None:
    for url in (place.writer, place.owner):
        with psycopg.connect(url) as connection:
            assert {one[0] for one in seen(connection, table)} == {"ten_1", "ten_2"}


def test_a_keys_hash_opens_that_key_and_its_merchant_alone(reader: Connection) -> None:
    key = a_row_of(API_KEYS, "ten_1", "mer_2", 2)

    assert seen(reader, "api_keys", key_hash=key["secret_hash"].hex()) == [("ten_1", "mer_2")]
    assert seen(reader, "merchants") == [("ten_1", "mer_2")]
    assert seen(reader, "payments") == []


CATALOGUE = """
    SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity, r.rolname
    FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id')
"""


@pytest.mark.parametrize("table", sorted(WRITERS_ALONE))
def test_the_reader_may_not_look_into_what_is_the_writers_alone(
    reader: Connection, table: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier(table)))


def test_every_table_of_tenants_is_shut_off_and_none_who_serves_owns_it(place: Database) -> None:
    with psycopg.connect(place.owner) as connection:
        rows = connection.execute(CATALOGUE).fetchall()

    assert {name for name, *_ in rows} == set(EVERY_TABLE)
    assert {(row[1:]) for row in rows} == {(True, True, OWNER)}


def test_serving_roles_have_no_power_to_step_over(place: Database) -> None:
    with psycopg.connect(place.owner) as connection:
        rows = connection.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
            " WHERE rolname = ANY (%s)",
            ([WRITER, READER],),
        ).fetchall()

    assert set(rows) == {(False, False, False, False)}


@pytest.mark.parametrize("role", ["writer", "reader"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE a (b integer)",
        "ALTER TABLE payments ADD COLUMN a integer",
        "ALTER TABLE payments NO FORCE ROW LEVEL SECURITY",
        "DROP TABLE payments",
        "TRUNCATE payments",
        "DROP POLICY payguard_reader ON payments",
        "SELECT * FROM payguard_partitions.events_default",
        "CREATE TABLE payguard_partitions.a (b integer)",
        "UPDATE alembic_version SET version_num = ''",
        f"SET ROLE {OWNER}",
        "UPDATE entries SET tenant_id = ''",
        "UPDATE events SET tenant_id = ''",
        "UPDATE messages SET tenant_id = ''",
        "DELETE FROM entries",
        "DELETE FROM events",
        "DELETE FROM messages",
        "UPDATE partitions SET dropped_at = NULL",
        "DELETE FROM partitions",
    ],
)
def test_a_serving_role_may_not(place: Database, role: str, statement: str) -> None:
    with (
        psycopg.connect(getattr(place, role)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", TABLES)
def test_the_reader_only_reads(reader: Connection, table: str) -> None:
    for text in ("DELETE FROM {}", "UPDATE {} SET tenant_id = ''", "INSERT INTO {} DEFAULT VALUES"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(sql.SQL(text).format(sql.Identifier(table)))
        reader.rollback()


@pytest.mark.parametrize(
    "function",
    [
        "payguard_make_partition('events', 1, 1)",
        "payguard_detach_partition('events', 1, NULL)",
        "payguard_drop_partition()",
        "payguard_take_statistics()",
    ],
)
def test_the_reader_may_not_call_the_owners_functions(reader: Connection, function: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        reader.execute(f"SELECT {function}".encode())


def test_a_guard_that_is_lost_comes_back_with_the_next_upgrade(
    quick_cluster: Cluster,
) -> None:
    place = quick_cluster.database(migrated=True)
    with psycopg.connect(place.owner) as connection:
        connection.execute("ALTER TABLE payments DISABLE ROW LEVEL SECURITY")
        connection.execute(f"GRANT DELETE ON events TO {WRITER}")

    migrate.upgrade(place)

    with psycopg.connect(place.reader) as connection:
        [row] = connection.execute("SELECT relrowsecurity FROM pg_class WHERE relname = 'payments'")
        [right] = connection.execute(
            "SELECT has_table_privilege(%s, 'events', 'DELETE')", (WRITER,)
        )
    assert (row[0], right[0]) == (True, False)


def test_roles_must_be_apart(quick_cluster: Cluster) -> None:
    place = quick_cluster.database()
    one_for_all = Database(owner=place.owner, writer=place.owner, reader=place.reader)

    with pytest.raises(RolesUnfit, match="a role of its own"):
        migrate.upgrade(one_for_all)
    with pytest.raises(StoreUnavailable, match="READER_URL"):
        migrate.upgrade(Database(owner=place.owner, writer=place.writer))
    assert migrate.current(place) is None


def test_a_role_that_steps_over_row_level_security_is_refused(quick_cluster: Cluster) -> None:
    place = quick_cluster.database()
    powerful = place.reader.replace(READER, SUPERUSER, 1)

    with pytest.raises(RolesUnfit, match="BYPASSRLS"):
        migrate.upgrade(Database(owner=place.owner, writer=place.writer, reader=powerful))


def test_a_missing_role_is_made_by_who_may_and_named_by_who_may_not(quick_cluster: Cluster) -> None:
    place = quick_cluster.database()
    another = place.reader.replace(f"{READER}@", "another_reader:s3cret@", 1)
    told = Database(owner=place.owner, writer=place.writer, reader=another)

    with pytest.raises(RolesUnfit, match="CREATE ROLE another_reader LOGIN"):
        migrate.upgrade(told)
    with quick_cluster.connect() as superuser:
        superuser.execute(f"ALTER ROLE {OWNER} CREATEROLE")
        superuser.execute(f"ALTER ROLE {OWNER} SET log_statement = 'ddl'")
        try:
            migrate.upgrade(told)
            [secret] = superuser.execute(
                "SELECT rolpassword FROM pg_authid WHERE rolname = 'another_reader'"
            )
        finally:
            superuser.execute(f"ALTER ROLE {OWNER} NOCREATEROLE")
            superuser.execute(f"ALTER ROLE {OWNER} RESET log_statement")
    log = (quick_cluster.folder / "server.log").read_text()

    assert secret[0].startswith("SCRAM-SHA-256$")
    assert 'CREATE ROLE "another_reader"' in log
    assert "s3cret" not in log
    with psycopg.connect(another) as connection:
        assert connection.execute("SELECT count(*) FROM payments").fetchone() == (0,)
