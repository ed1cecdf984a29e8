"""A fresh store for a test on either database, and ways to look at it past the service."""

import contextlib
import functools
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import psycopg
import sqlalchemy as sa
from psycopg import sql
from psycopg.pq import TransactionStatus

import service.tables
from service.db import migrate, postgres, sqlite
from service.db.metadata import METADATA
from service.db.places import Database, Place, alchemy_url
from service.db.postgres_reader import PostgresReader
from service.db.postgres_wire import check, text_command
from service.db.reader import Reader, SQLiteReader
from service.db.sqlite import SQLiteStore
from service.db.statements import Bound, Compiled, Compiler, Row, Statement
from service.db.store import Store
from tests.support.jars import ROOM
from tests.support.postgres import OWNER, READER, SUPERUSER, WRITER, Cluster

WITH_JARS: Final = "payguard_with_jars"
assert service.tables


_OTHERS: Final = """
    FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
    AND pid <> pg_backend_pid()
"""


class Shared:
    """One database of a cluster, emptied between tests: far cheaper than one for each."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self.place = with_jars(cluster)
        self._name = sa.make_url(self.place.owner).database
        tables = [*METADATA.sorted_tables, *ROOM.sorted_tables]
        self._empty = sql.SQL("; ").join(
            sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name))
            for table in reversed(tables)
        )

    def empty(self) -> None:
        """End every session of the last test, and delete all rows."""
        with self._cluster.connect(self._name or "") as one:
            # Told to wait itself, the server looks every 100 ms only, at one after the other. A
            # thread that an earlier test left may have come back since the last look.
            pause = threading.Event()
            while one.execute(f"SELECT pg_terminate_backend(pid) {_OTHERS}").fetchone() is not None:
                pause.wait(0.001)
            with one.transaction():
                one.execute(self._empty)


def with_jars(cluster: Cluster) -> Database:
    """Make a fresh database with all tables that migrations make, and the jars."""
    return cluster.copy(cluster.template(WITH_JARS, _fill))


def _fill(place: Database) -> None:
    migrate.upgrade(place)
    engine = sa.create_engine(alchemy_url(place.owner))
    with engine.begin() as connection:
        ROOM.create_all(connection)
        for role, rights in ((WRITER, "SELECT, INSERT, UPDATE, DELETE"), (READER, "SELECT")):
            for table in ROOM.tables:
                connection.exec_driver_sql(f"GRANT {rights} ON {table} TO {role}")
    engine.dispose()


def create_tables(place: Place) -> None:
    """Make all tables that were imported, and the jars; a shared database has them already."""
    if isinstance(place, Path):
        place.write_bytes(_empty_file(len(METADATA.tables)))


@functools.cache
def _empty_file(_tables: int) -> bytes:
    """Return an empty SQLite database, made once for as many tables as were imported."""
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        ROOM.create_all(connection)
        connection.commit()
        raw: sqlite3.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]  # the driver is known
        whole = raw.serialize()
    engine.dispose()
    return whole


def written_place(place: Place) -> list[str]:
    """Return a place as arguments of a program of the tests'."""
    if isinstance(place, Path):
        return [str(place)]
    return [place.writer, place.reader, place.owner]


def read_place(arguments: Sequence[str]) -> Place:
    """Return the place that such arguments name."""
    if len(arguments) == 1:
        return Path(arguments[0])
    writer, reader, owner = arguments
    return Database(writer=writer, reader=reader, owner=owner)


def plan(place: Place, bound: Bound) -> str:
    """Return how a read is done: which indexes it uses, and what it sorts by itself.

    Few rows make every other way cheaper; those are forbidden where that can be said.
    """
    if isinstance(place, Path):
        compiled = Compiled(bound.statement, sqlite.dialect())
        with contextlib.closing(sqlite.connect(place, readonly=True)) as connection:
            text, values = compiled.text, compiled.parameters(bound.values)
            rows = connection.execute(f"EXPLAIN QUERY PLAN {text}", values).fetchall()
        return "\n".join(row[3] for row in rows)
    compiled = Compiled(bound.statement, postgres.dialect())
    with psycopg.connect(place.writer) as one:
        for other in ("seqscan", "bitmapscan", "sort"):
            one.execute(f"SET enable_{other} = off")
        text = f"EXPLAIN (COSTS OFF) {compiled.text}".encode()
        rows = one.execute(text, compiled.parameters(bound.values)).fetchall()
    return "\n".join(row[0] for row in rows)


def all_seeing(place: Place) -> Reader:
    """Return a reader that sees every tenant's rows."""
    if isinstance(place, Path):
        return SQLiteReader(place)
    return PostgresReader(place.writer)


def rows_of(place: Place, table: sa.Table) -> list[Row]:
    """Return every row of a table in the order of its primary key."""
    return all_seeing(place).fetch(Statement(sa.select(table).order_by(*table.primary_key))())


def snapshot(place: Place, tables: Sequence[sa.Table]) -> dict[str, list[Row]]:
    """Return every row of tables at one instant, each in the order of its primary key."""
    every = [sa.select(table).order_by(*table.primary_key) for table in tables]
    names = [table.name for table in tables]
    if isinstance(place, Path):
        compiler = Compiler(sqlite.dialect())
        with contextlib.closing(sqlite.connect(place, readonly=True)) as connection:
            connection.execute("BEGIN")
            found = [sqlite.fetch_one(connection, compiler, Statement(one)()) for one in every]
        return dict(zip(names, found, strict=True))
    engine = sa.create_engine(alchemy_url(place.writer), isolation_level="REPEATABLE READ")
    with engine.connect() as one_instant:
        rows = [[dict(row) for row in one_instant.execute(one).mappings()] for one in every]
    engine.dispose()
    return dict(zip(names, rows, strict=True))


def dump(place: Database) -> bytes:
    """Return the bytes of every value in every table, as the server keeps them."""
    whole = b""
    with psycopg.connect(place.writer) as one:
        tables = one.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (name,) in tables.fetchall():
            # What is partitioned can be copied by a query alone.
            text = sql.SQL("COPY (SELECT * FROM {}) TO STDOUT (FORMAT binary)")
            with one.cursor().copy(text.format(sql.Identifier(name))) as rows:
                whole += b"".join(rows)
    return whole


@contextlib.contextmanager
def owning(place: Place) -> Iterator[sa.Connection]:
    """Yield a connection that may do anything to the tables; what it did is committed by it."""
    engine = sa.create_engine(_almighty(place))
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def _almighty(place: Place) -> str:
    if isinstance(place, Path):
        return f"sqlite:///{place}"
    return alchemy_url(place.owner.replace(OWNER, SUPERUSER, 1))


@contextlib.contextmanager
def read_only(store: Store) -> Iterator[None]:
    """Let a store refuse every change for a while."""
    if isinstance(store, SQLiteStore):
        switch = store._connection.execute
        switch("PRAGMA query_only = ON")
        yield
        switch("PRAGMA query_only = OFF")
        return
    assert isinstance(store, postgres.PostgresStore)
    _set(store, b"SET default_transaction_read_only = on")
    yield
    _set(store, b"SET default_transaction_read_only = off")


def in_transaction(store: Store) -> bool:
    """Say whether a store's session is inside a transaction."""
    if isinstance(store, SQLiteStore):
        return store._connection.in_transaction
    assert isinstance(store, postgres.PostgresStore)
    return store._wire._pg.transaction_status != TransactionStatus.IDLE


def _set(store: postgres.PostgresStore, text: bytes) -> None:
    check(store._wire.exchange([text_command(text)])[0])


def change(place: Place, text: str, **values: Any) -> None:
    """Change rows past the service; `:name` stands for a value."""
    with owning(place) as connection:
        connection.execute(sa.text(text), values)
        connection.commit()
