"""Where the database stands against this software, and bringing it there. Loads Alembic late."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from service.cli.screen import Failure
from service.db.places import Database, Place
from service.db.reader import Reader
from service.db.store import RolesUnfit, StoreUnavailable
from service.db.stores import is_made, open_reader, open_spanning_reader
from service.settings import Settings
from service.unit_of_work.fence import LAST_COMMIT

SHARD: Final = 0


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Which migrations a database has.

    Attributes:
        current: Its revision; None where there is no database, or it has no tables.
        newest: The newest revision that this software knows.
        pending: What it lacks, in order.
        is_newer: A newer software made it, so this one must not touch it.
    """

    current: str | None
    newest: str
    pending: tuple[str, ...]
    is_newer: bool

    @property
    def is_fresh(self) -> bool:
        """Whether nothing is stored yet."""
        return self.current is None and not self.is_newer


def standing(database: Place) -> Standing:
    """Return where a database stands.

    Raises:
        Failure: It cannot be read.
    """
    from service.db import migrate

    with _telling(database):
        current, newest = migrate.current(database), migrate.head()
        try:
            pending = tuple(migrate.pending(database))
        except migrate.StoreIsNewer:
            return Standing(current=current, newest=newest, pending=(), is_newer=True)
    return Standing(current=current, newest=newest, pending=pending, is_newer=False)


def prepare(settings: Settings) -> None:
    """Make the tables of a fresh database; refuse one that this software does not fit.

    The caller holds the lock of whoever may change the database.

    Raises:
        Failure: Migrations are pending, or a newer software made the database.
    """
    database = settings.database
    found = standing(database)
    if found.is_fresh:
        bring_to(database, found.newest, found)
    else:
        require_current(database, found)
        require_root_key(settings)


def last_commit(settings: Settings) -> dt.datetime | None:
    """Return the writer's clock at its last commit; None where no writer ever worked here.

    Raises:
        Failure: That cannot be told: the database cannot be read.
    """
    database = settings.database
    if not is_made(database):
        return None
    try:
        row = _reader_of(database).maybe(LAST_COMMIT(shard=SHARD))
    except StoreUnavailable as error:
        # Without tables nobody worked here; whatever else is wrong says nothing of that.
        if standing(database).is_fresh:
            return None
        raise Failure(
            "database_unusable", str(error), then="`payguard doctor` looks for the cause"
        ) from error
    return None if row is None else row["now"]


def _reader_of(database: Place) -> Reader:
    """Return a reader in whichever role this process was given the address of."""
    if isinstance(database, Database) and not database.writer:
        return open_reader(database)
    return open_spanning_reader(database)


def require_root_key(settings: Settings) -> None:
    """Refuse to go on without the root key of a database that is in use.

    A new one would be made in its place; nothing that is sealed could be opened under it, no API
    key would be recognised, and the old one, put back later, would not fit what came since.

    Raises:
        Failure: It is missing.
    """
    if not settings.root_file.exists() and last_commit(settings) is not None:
        raise Failure(
            "root_key_missing",
            f"the root key {settings.root_file} is missing, and the database was made under it",
            then="restore it from its backup, or set PAYGUARD_ROOT_KEY_FILE to where it is",
        )


def require_current(database: Place, found: Standing) -> None:
    """Refuse a database that this software does not fit.

    Raises:
        Failure: There is none, migrations are pending, or a newer software made it.
    """
    if found.is_newer:
        raise Failure(
            "database_newer",
            f"the database is at {found.current}, which this software does not know",
            then="run the version that made it, or a newer one",
        )
    if found.is_fresh:
        raise Failure(
            "database_missing",
            f"there is no database at {database}",
            then="run `payguard migrate` to make one, or set PAYGUARD_DATA_DIR to where it is",
        )
    if found.pending:
        raise Failure(
            "migrations_pending",
            f"the database lacks {len(found.pending)} migrations: {', '.join(found.pending)}",
            then="run `payguard upgrade`: it makes a backup first",
        )


def bring_to(database: Place, revision: str, found: Standing) -> None:
    """Bring the tables to a revision, up or down, all of it or nothing.

    Raises:
        Failure: There is no such revision, or the database refused.
    """
    from alembic.util import CommandError

    from service.db import migrate

    goes_down = found.current is not None and revision not in {*found.pending, "head"}
    with _telling(database):
        try:
            if goes_down and revision != found.current:
                migrate.downgrade(database, revision)
            else:
                migrate.upgrade(database, revision)
        except CommandError as error:
            raise Failure(
                "revision_unknown",
                f"there is no revision {revision}",
                then="`payguard migrate --check` names those there are",
            ) from error


@contextmanager
def _telling(database: Place) -> Iterator[None]:
    """Turn what a database may say into a failure; never repeats its statements."""
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except RolesUnfit as error:
        raise Failure(
            "database_roles_unfit",
            str(error),
            then="see docs/settings.md, Databases; then run `payguard migrate` again",
        ) from error
    except (SQLAlchemyError, StoreUnavailable) as error:
        raise Failure(
            "database_unusable",
            f"the database {database} refused ({type(error).__name__})",
            then="`payguard doctor` looks for the cause",
        ) from error
