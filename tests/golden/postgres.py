"""The golden store's rows on PostgreSQL, in tables as its version's revisions make them there."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from service.db import migrate
from service.db.metadata import Instant
from service.db.places import Database
from tests.support.places import owning
from tests.support.postgres import Cluster

GOLDEN: Final = "payguard_golden"
REVISIONS: Final = "alembic_version"


def golden_database(cluster: Cluster, file: Path) -> Database:
    """Return a fresh database with every row of a SQLite store, at the revision of that store.

    Args:
        cluster: Where it is made; it keeps one to copy.
        file: The store, as a released version left it.
    """
    return cluster.copy(cluster.template(GOLDEN, lambda place: _fill(place, file)))


def _fill(place: Database, file: Path) -> None:
    migrate.upgrade(place, migrate.current(file) or migrate.BASE)
    with owning(file) as source, owning(place) as target:
        tables = sa.MetaData()
        tables.reflect(target)
        # What comes first refers to nothing that comes later.
        for table in tables.sorted_tables:
            if table.name != REVISIONS:
                _copy(table, source, target)
        target.commit()


def _copy(table: sa.Table, source: sa.Connection, target: sa.Connection) -> None:
    """Copy a table's rows; the target's types say what a number of SQLite's stands for."""
    columns = [sa.column(one.name, _kept(one)) for one in table.c]
    written = source.execute(sa.select(*columns).select_from(sa.table(table.name)))
    rows = [dict(one) for one in written.mappings()]
    if rows:
        target.execute(sa.insert(table), rows)


def _kept(column: sa.Column[object]) -> sa.types.TypeEngine[object]:
    """Return as what SQLite keeps the values of a column."""
    is_instant = isinstance(column.type, sa.DateTime)
    return Instant() if is_instant else column.type.as_generic()
