"""Every statement runs on PostgreSQL; every read of a front end says whose rows it wants."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from service.db.metadata import METADATA
from service.db.postgres import dialect
from service.db.statements import Compiled, Statement
from tests.service.db.test_statements import STATEMENTS, unbound
from tests.support.postgres import Cluster

OWNER = ("tenant_id", "merchant_id")

# Reads of `queries` that no front end runs, or that run before it is known who calls; and what
# answers them then.
NOT_BY_OWNER = {
    "principal by hash": "the keyed hash opens the caller's key and merchant (payguard_key)",
    "merchant by id alone": "the command line reads over all tenants",
    "merchants of every tenant": "the command line lists them all",
    "payments whose timer is due": "the worker reads over all tenants",
    "assessed actions whose timer is due": "the worker reads over all tenants",
    "tenants with messages to fan out": "the worker reads over all tenants",
    "lowest message that is not fanned out": "the worker reads over all tenants",
    "endpoints with deliveries due": "the worker reads over all tenants",
    "places of messages to fan out": "the worker reads a tenant's outbox, over its merchants",
    "deliveries due at an endpoint": "the worker reads an endpoint's queue, by its id",
    "a webhook delivery that is over": "the worker reads over all tenants",
    "leaves of every tenant from an index": "the worker reads over all tenants",
    "entries of every tenant from an index": "the command line reads over all tenants",
    "labelled frauds of every merchant": "the command line learns for every tenant",
    "last index of a log": "the command line reads over all tenants",
    "entry numbers of every merchant": "the command line reads over all tenants",
}


@pytest.fixture(scope="module")
def writer(quick_cluster: Cluster) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    place = quick_cluster.database(migrated=True)
    with psycopg.connect(place.writer, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_compiles(name: str) -> None:
    assert Compiled(STATEMENTS[name], dialect()).text


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_the_writers_role_may_run_it_on_what_migrations_made(
    writer: psycopg.Connection[tuple[Any, ...]], name: str
) -> None:
    compiled = Compiled(STATEMENTS[name], dialect())
    values = dict.fromkeys(_asked(STATEMENTS[name]))

    # Prepared and planned, with its rights looked at, and run by nobody.
    text = f"EXPLAIN {compiled.text}".encode()
    plan = writer.execute(text, {**compiled.constants, **values}, prepare=True).fetchall()

    assert plan


def _asked(statement: Statement) -> set[str]:
    compiled = statement.construct.compile(dialect=dialect())
    return {name for bind, name in compiled.bind_names.items() if bind.required}


def _front_ends() -> dict[str, Statement]:
    """Return the reads that a front end's modules hold."""
    return {
        name: one
        for name, one in STATEMENTS.items()
        if ".queries" in name and isinstance(one.construct, sa.Select)
    }


def lacking(statement: Statement) -> set[str]:
    """Return what a read's values do not say of whose rows it wants."""
    tables = {one for one in visitors.iterate(statement.construct) if isinstance(one, sa.Table)}
    tables |= {
        column.table
        for column in visitors.iterate(statement.construct)
        if isinstance(column, sa.Column)
    }
    owned = {name for name in OWNER for table in tables if name in getattr(table, "c", ())}
    return owned - _asked(statement)


@pytest.mark.parametrize("name", sorted(_front_ends()))
def test_a_front_ends_read_says_whose_rows_it_wants(name: str) -> None:
    statement = STATEMENTS[name]

    assert statement.name in NOT_BY_OWNER or not lacking(statement)


def test_what_does_not_say_it_is_on_the_list() -> None:
    assert {one.name for one in _front_ends().values() if lacking(one)} == set(NOT_BY_OWNER)


def test_what_front_ends_read_is_found() -> None:
    rooms = {name.split(".")[2] for name in _front_ends()}

    assert {"merchants", "custody", "challenges", "assessments", "payments"} <= rooms
    assert all(
        unbound(one.construct) == set() for one in _front_ends().values() if not lacking(one)
    )


def test_a_read_that_forgot_its_merchant_is_found() -> None:
    payments = METADATA.tables["payments"]
    own = sa.select(payments.c.status).where(payments.c.tenant_id == sa.bindparam("tenant_id"))

    assert lacking(Statement(own, name="forgot")) == {"merchant_id"}
