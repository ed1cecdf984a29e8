"""Brings a store's tables to a revision, up or down. Never runs beside a writer: take its lock.

A SQLite file is made here when it is missing; a PostgreSQL database must be there.
"""

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata, produce_migrations, render_python_code
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, MigrateOperation, OpContainer, UpgradeOps
from alembic.script import ScriptDirectory

from service.db.metadata import METADATA, Instant
from service.db.places import Place, alchemy_url
from service.db.sqlite import connect


class StoreIsNewer(Exception):  # noqa: N818  a state of the world, not our mistake
    """A newer version of the software made the store; the sentence says what to do."""


BASE: Final = "base"

_FOLDER: Final = Path(__file__).parent / "migrations"
_OWNER_ONLY: Final = 0o600
# Beside a writer at work a look must not take its lock.
_READ: Final = "BEGIN DEFERRED"


def upgrade(place: Place, revision: str = "head") -> None:
    """Bring the tables up to a revision, all of it or nothing; make the SQLite file if need be.

    Raises:
        StoreIsNewer: This software does not know the revision that the store is at.
        StoreUnavailable: The SQLite file cannot be opened.
        sqlalchemy.exc.SQLAlchemyError: The database refused.
        alembic.util.CommandError: There is no such revision.
    """
    _make(place)
    pending(place)
    with _connected(place) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(place: Place, revision: str) -> None:
    """Bring the tables down to a revision, or to BASE; what only newer ones hold is lost.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: The database refused.
        alembic.util.CommandError: There is no such revision.
    """
    with _connected(place) as connection:
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
    scripts = ScriptDirectory(str(_FOLDER))
    at = current(place) or BASE
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


def write_first(parts: Mapping[str, Collection[str]]) -> None:
    """Write the migrations anew from METADATA, one for each part of the house.

    For the time before the first release only: afterwards a change is a migration of its own.

    Args:
        parts: The tables of each part by the part's name, in the order of the migrations.
    """
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        script = produce_migrations(MigrationContext.configure(connection), METADATA)
    engine.dispose()
    assert script.upgrade_ops is not None
    assert script.downgrade_ops is not None
    folder = _FOLDER / "versions"
    for old in folder.glob("*.py"):
        old.unlink()
    before = None
    for number, (part, tables) in enumerate(parts.items(), start=1):
        revision = f"{number:04}"
        text = _FIRST_TEXT.format(
            part=part,
            revision=revision,
            before=f'"{before}"' if before else None,
            up=_rendered(UpgradeOps(_of(tables, script.upgrade_ops))),
            down=_rendered(DowngradeOps(_of(tables, script.downgrade_ops))),
        )
        (folder / f"{revision}_{part}.py").write_text(text)
        before = revision


def _of(tables: Collection[str], ops: OpContainer) -> list[MigrateOperation]:
    return [one for one in ops.ops if getattr(one, "table_name", None) in tables]


_FIRST_TEXT: Final = '''"""The first tables of {part}."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "{revision}"
down_revision = {before}
branch_labels = None
depends_on = None


def upgrade() -> None:
{up}


def downgrade() -> None:
{down}
'''


def _rendered(ops: UpgradeOps | DowngradeOps) -> str:
    lines = render_python_code(ops, render_item=_type).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("# ###"))


def _type(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Say how a column type of ours is written down; everything else is Alembic's to say.

    A migration must outlive the code that it was written beside, so it names what lies under a
    room's own type.
    """
    if kind != "type" or not isinstance(item, sa.types.TypeDecorator):
        return False
    return "Instant()" if isinstance(item, Instant) else f"sa.{item.impl!r}"


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
            yield connection
    finally:
        engine.dispose()


def _url(place: Place, *, is_read: bool) -> str:
    if isinstance(place, Path):
        return f"sqlite:///{place}"
    return alchemy_url(place.any if is_read else place.required("owner"))


def _leave_transactions_to_us(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
