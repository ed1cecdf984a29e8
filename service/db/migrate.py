"""Brings a store's tables to a revision, up or down. Never runs beside a writer: take its lock.

A SQLite file is made here when it is missing; a PostgreSQL database must be there.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from service.db.metadata import METADATA
from service.db.places import Place, alchemy_url
from service.db.sqlite import connect


class StoreIsNewer(Exception):  # noqa: N818  a state of the world, not our mistake
    """A newer version of the software made the store; the sentence says what to do."""


BASE: Final = "base"

_FOLDER: Final = Path(__file__).parent / "migrations"
_OWNER_ONLY: Final = 0o600
LOCK_TIMEOUT_MS: Final = 2_000
# Two that migrate, or one that does beside the job that makes partitions, come one by one.
_LOCK_CLASS: Final = 20_551
_LOCK: Final = 9
# Beside a writer at work a look must not take its lock.
_READ: Final = "BEGIN DEFERRED"


def upgrade(place: Place, revision: str = "head") -> None:
    """Bring the tables up to a revision, all of it or nothing; make the SQLite file if need be.

    Raises:
        StoreIsNewer: This software does not know the revision that the store is at.
        StoreUnavailable: The SQLite file cannot be opened, or the database's roles do not fit.
        sqlalchemy.exc.SQLAlchemyError: The database refused.
        alembic.util.CommandError: There is no such revision.
    """
    _make(place)
    pending(place)
    with _connected(place) as connection, _guarded(connection, place):
        command.upgrade(_config(connection), revision)


def downgrade(place: Place, revision: str) -> None:
    """Bring the tables down to a revision, or to BASE; what only newer ones hold is lost.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database refused.
        alembic.util.CommandError: There is no such revision.
    """
    with _connected(place) as connection, _guarded(connection, place):
        command.downgrade(_config(connection), revision)


def current(place: Place) -> str | None:
    """Return the revision that a store is at; None where there is no store or it has no tables."""
    if isinstance(place, Path) and not place.exists():
        return None
    with _connected(place, begin=_READ) as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the newest revision that this software knows."""
    newest = ScriptDirectory(str(_FOLDER)).get_current_head()
    assert newest is not None
    return newest


def pending(place: Place) -> list[str]:
    """Return the revisions that a store lacks, in the order in which they would run.

    Raises:
        StoreIsNewer: This software does not know the revision that the store is at.
    """
    return pending_after(current(place))


def pending_after(revision: str | None) -> list[str]:
    """Return the revisions that follow one, in the order in which they would run.

    Args:
        revision: That a store is at; None where it has no tables.

    Raises:
        StoreIsNewer: This software does not know the revision.
    """
    scripts = ScriptDirectory(str(_FOLDER))
    at = revision or BASE
    if at != BASE and at not in {one.revision for one in scripts.walk_revisions()}:
        raise StoreIsNewer(
            f"the store is at revision {at}, which this version does not know: "
            "install the version that made it, or a newer one"
        )
    return [one.revision for one in reversed(list(scripts.iterate_revisions("head", at)))]


def differences(place: Place) -> list[Any]:
    """Return how a store's tables differ from METADATA; the caller has loaded all tables."""
    with _connected(place, begin=_READ) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, METADATA))


def _config(connection: sa.Connection) -> Config:
    config = Config()
    # ConfigParser takes a percent sign for the start of a name.
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _make(place: Place) -> None:
    """Make a missing SQLite file, readable by its owner alone, and set its journal to WAL."""
    if isinstance(place, Path):
        # The mode is set before anything is in the file; WAL and index files inherit it.
        os.close(os.open(place, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
        connect(place, readonly=False).close()


@contextmanager
def _connected(place: Place, *, begin: str = "BEGIN IMMEDIATE") -> Iterator[sa.Connection]:
    """Yield a connection in one transaction, which commits at the end or leaves nothing."""
    engine = sa.create_engine(_url(place, is_read=begin == _READ))
    if engine.dialect.name == "sqlite":
        # The driver itself would commit before each CREATE TABLE: a crash would leave half.
        sa.event.listen(engine, "connect", _leave_transactions_to_us)
        sa.event.listen(engine, "begin", lambda one: one.exec_driver_sql(begin))
    try:
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                _bound(connection, is_change=begin != _READ)
            yield connection
    finally:
        engine.dispose()


def _url(place: Place, *, is_read: bool) -> str:
    if isinstance(place, Path):
        return f"sqlite:///{place}"
    return alchemy_url(place.any if is_read else place.required("owner"))


def _bound(connection: sa.Connection, *, is_change: bool) -> None:
    """Bound the waits for locks: whoever serves stands behind them. One migrates at a time."""
    connection.execute(sa.text("SET LOCAL search_path = public"))
    connection.execute(sa.text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
    if is_change:
        connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({_LOCK_CLASS}, {_LOCK})"))


def _guarded(connection: sa.Connection, place: Place) -> AbstractContextManager[None]:
    if isinstance(place, Path):
        return nullcontext()
    from service.db.guard import guarded  # noqa: PLC0415  psycopg is an extra

    raw: Any = connection.connection.driver_connection
    return guarded(raw, place)


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
