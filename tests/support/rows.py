"""Rows of every table by their types alone, so that what holds for all tables is tried on all."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql

from service.db.metadata import METADATA, Instant
from service.tables import load_tables

# Tables refer to others, which a test that runs alone has not imported.
load_tables()
START = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)


def tenants_tables() -> list[sa.Table]:
    """Return every table whose rows belong to a tenant, after those that they refer to."""
    return [one for one in METADATA.sorted_tables if "tenant_id" in one.columns]


def a_row_of(table: sa.Table, tenant_id: str, merchant_id: str, number: int) -> dict[str, Any]:
    """Return a row that says whose it is, with the least of everything else.

    Whether its words make sense together is not looked at: tables' CHECKs may refuse it.

    Args:
        table: Where it would stand.
        tenant_id: Whose it is, where the table says so.
        merchant_id: The same.
        number: What its numbers are.
    """
    owner = {"tenant_id": tenant_id, "merchant_id": merchant_id}
    return {
        column.name: owner.get(column.name) or _least(column, f"{tenant_id}-{merchant_id}", number)
        for column in table.columns
    }


def insert(connection: psycopg.Connection[Any], table: sa.Table, row: Mapping[str, Any]) -> None:
    """Write a row as it is, past the statements of the service."""
    text = sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
        sql.Identifier(table.name),
        sql.SQL(", ").join(map(sql.Identifier, row)),
        sql.SQL(", ").join(sql.Placeholder() * len(row)),
    )
    connection.execute(text, list(row.values()))


def _least(column: sa.Column[Any], text: str, number: int) -> Any:
    kind = column.type
    if column.nullable:
        return None
    if isinstance(kind, Instant):
        return START
    if isinstance(kind, sa.LargeBinary):
        return text.encode()[: kind.length]
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer):
        return number
    return text[: getattr(kind, "length", None) or 64]
