"""Every statement on a tenant's table binds the tenant; all rooms' statements are found."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors
from sqlalchemy.sql.elements import BinaryExpression, BindParameter, ColumnClause, TextClause

import service
from service.db.metadata import METADATA
from service.db.sqlite import dialect
from service.db.statements import Compiled, Statement
from service.tables import load_tables

TENANT = "tenant_id"

# What may look over all tenants, and why.
OVER_ALL_TENANTS = {
    "labelled frauds of every merchant": "the worker learns challengers of every tenant",
    "principal by hash": "it finds out whose request this is",
    "merchant by id alone": "the command line acts for a merchant by its id",
    "merchants of every tenant": "the command line lists them all",
    "payments whose timer is due": "the worker serves every tenant's timers",
    "assessed actions whose timer is due": "the worker serves every tenant's timers",
    "judgements to make again": "the worker serves every tenant's payments",
    "observations after a sequence": "the writer rebuilds every tenant's feature state",
    "next sequence with observations": "the writer rebuilds every tenant's feature state",
    "any entity": "a new feature set is rebuilt for every tenant",
    "forget entities": "a new feature set is rebuilt for every tenant",
    "fault by id alone": "the command line reruns a command by its id",
    "payment by id alone": "the command line traces a payment by its id",
    "owner of a faulted command": "the command line finds out whose command this was",
    "replies that are over": "the house trims every tenant's stored replies",
    "hashes that are over": "the house trims every tenant's stored replies",
    "trim replies": "the house trims every tenant's stored replies",
    "delete hashes": "the house trims every tenant's stored replies",
    "tenants with messages to fan out": "the worker serves every tenant's webhooks",
    "lowest message that is not fanned out": "a range is dropped when every tenant has read it",
    "endpoints with deliveries due": "the worker serves every tenant's webhooks",
    "a webhook delivery that is over": "the house trims every tenant's deliveries",
    "webhook deliveries that are over": "the house trims every tenant's deliveries",
    "trim webhook deliveries": "the house trims every tenant's deliveries",
    "trim webhook events": "the house trims every tenant's deliveries",
    "leaves of every tenant from an index": "the worker grows the one log's tree",
    "entries of every tenant from an index": "the one log is verified and exported whole",
    "last index of a log": "the one log is verified whole",
    "entry numbers of every merchant": "the one log is verified whole",
}

MAY_TOUCH_NONE = {
    "give back exemption": "a proof since may have set the counters to zero",
    "forget entities": "a bounded number of those that are left",
    "take from day sum": "a proof since may have taken it already",
    "trim replies": "replies may be over, or hashes alone",
    "delete hashes": "hashes may be over, or replies alone",
    "start webhook cursor": "the tenant may have one",
    "clear webhook endpoint's flag": "it works, or it works again",
    "delete old webhook secrets": "there may have been no rotation",
    "delete webhook secrets": "one or two, by whether a rotation is under way",
    "replay webhook deliveries of a time": "those that were counted in the same transaction",
    "delete expired list entry": "its value may stand on no list yet",
    "trim webhook deliveries": "a bounded number of those that are over",
    "trim webhook events": "those that no delivery needs any more",
    "delete log tile": "a tile that begins is not there yet",
    "accept log divergence": "the worker may not have recorded it yet",
}

_TEXT_TABLE = re.compile(r"\b(?:INTO|UPDATE|FROM|JOIN)\s+(\w+)")


def modules() -> Iterator[Any]:
    """Yield every module of the service in whose text a statement is made."""
    folder = Path(service.__file__).parent
    for file in sorted(folder.rglob("*.py")):
        if "Statement(" in file.read_text():
            parts = file.relative_to(folder.parent).with_suffix("").parts
            yield importlib.import_module(".".join(parts))


def statements() -> dict[str, Statement]:
    load_tables()
    named = [
        (f"{module.__name__}.{name}", one)
        for module in modules()
        for name, one in vars(module).items()
    ]
    kept = [(f"{name}[{key}]", one) for name, held in named for key, one in members(held)]
    return {name: one for name, one in [*named, *kept] if isinstance(one, Statement)}


def members(held: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what a module's table of statements holds."""
    if isinstance(held, dict):
        yield from held.items()
    elif isinstance(held, tuple | list):
        yield from enumerate(held)


STATEMENTS = statements()


def unbound(construct: Any) -> set[str]:
    """Return the tables of tenants in a construct that no comparison ties to a given tenant."""
    if isinstance(construct, TextClause):
        return unbound_text(str(construct))
    nodes = list(visitors.iterate(construct))
    columns = [one for one in nodes if isinstance(one, ColumnClause) and one.table is not None]
    named = {one.table for one in columns} | {one for one in nodes if isinstance(one, sa.Table)}
    tied: set[Any] = set()
    if isinstance(construct, sa.Insert | sa.Update | sa.Delete):
        named.add(construct.table)
    if isinstance(construct, sa.Insert):
        # Without a list of columns an insert takes them all.
        tied |= {construct.table} if TENANT in (construct._select_names or [TENANT]) else set()
    compared = [owners(one) for one in nodes if is_equality(one)]
    # A column compared with a given value is tied; one compared with a tied column is as well.
    for _ in compared:
        for left, right in compared:
            if GIVEN in {left, right} or {left, right} & tied:
                tied |= {left, right}
    return {str(one) for one in named - tied if TENANT in getattr(one, "c", ())}


GIVEN = "a value that the caller gives"


def is_equality(node: Any) -> bool:
    return isinstance(node, BinaryExpression) and node.operator is operators.eq


def owners(comparison: Any) -> tuple[Any, Any]:
    """Return whose tenant column stands on either side; the comparison itself where none does."""
    sides = []
    for side in (comparison.left, comparison.right):
        is_tenant = isinstance(side, ColumnClause) and side.name == TENANT
        given = GIVEN if isinstance(side, BindParameter) else comparison
        sides.append(side.table if is_tenant else given)
    return sides[0], sides[1]


def unbound_text(text: str) -> set[str]:
    tables = {name for name in _TEXT_TABLE.findall(text) if name in METADATA.tables}
    owned = {name for name in tables if TENANT in METADATA.tables[name].columns}
    return set() if f":{TENANT}" in text else owned


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_binds_its_tenant(name: str) -> None:
    statement = STATEMENTS[name]

    assert statement.name in OVER_ALL_TENANTS or not unbound(statement.construct)


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_statement_has_a_name_and_compiles(name: str) -> None:
    statement = STATEMENTS[name]

    assert statement.name
    assert Compiled(statement, dialect()).text


def test_two_statements_never_share_a_name() -> None:
    by_identity = {id(one): one.name for one in STATEMENTS.values()}

    assert sorted(by_identity.values()) == sorted(set(by_identity.values()))


def test_what_may_look_over_all_tenants_still_does() -> None:
    found = {one.name for one in STATEMENTS.values() if unbound(one.construct)}

    assert found == set(OVER_ALL_TENANTS)


@pytest.mark.parametrize("name", sorted(STATEMENTS))
def test_a_change_says_how_many_rows_it_touches(name: str) -> None:
    statement = STATEMENTS[name]
    text = Compiled(statement, dialect()).text

    is_read = text.lstrip().startswith("SELECT")
    assert is_read or statement.rows is not None or statement.name in MAY_TOUCH_NONE


MERCHANTS = sa.Table(
    "walked", sa.MetaData(), sa.Column(TENANT, sa.String), sa.Column("x", sa.String)
)
OTHERS = sa.Table("others", sa.MetaData(), sa.Column(TENANT, sa.String), sa.Column("x", sa.String))


@pytest.mark.parametrize(
    "construct",
    [
        sa.select(MERCHANTS),
        sa.select(MERCHANTS).where(MERCHANTS.c.x == sa.bindparam("x")),
        sa.select(MERCHANTS).where(MERCHANTS.c.tenant_id > sa.bindparam("t")),
        sa.select(MERCHANTS).join(OTHERS, MERCHANTS.c.tenant_id == OTHERS.c.tenant_id),
        sa.select(MERCHANTS, OTHERS).where(OTHERS.c.tenant_id == sa.bindparam("t")),
        sa.update(MERCHANTS).values(x="1"),
        sa.delete(MERCHANTS).where(MERCHANTS.c.x == "1"),
        sa.insert(MERCHANTS).from_select(["x"], sa.select(sa.bindparam("x"))),
        sa.text("UPDATE merchants SET name = '' WHERE merchant_id = :merchant_id"),
    ],
)
def test_the_walk_finds_what_is_not_bound(construct: Any) -> None:
    assert unbound(construct)


@pytest.mark.parametrize(
    "construct",
    [
        sa.select(MERCHANTS).where(MERCHANTS.c.tenant_id == sa.bindparam("t")),
        sa.select(MERCHANTS)
        .join(OTHERS, MERCHANTS.c.tenant_id == OTHERS.c.tenant_id)
        .where(OTHERS.c.tenant_id == sa.bindparam("t")),
        sa.insert(MERCHANTS),
    ],
)
def test_the_walk_lets_pass_what_is_bound(construct: Any) -> None:
    assert not unbound(construct)
