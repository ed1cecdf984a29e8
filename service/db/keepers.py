"""Opens what backs up, restores and looks over the store of a place. Holds no SQL."""

from pathlib import Path

from service.db.backup import Keeper
from service.db.backup_sqlite import SQLiteKeeper
from service.db.places import Place
from service.db.store import StoreUnavailable


def open_keeper(place: Place) -> Keeper:
    """Return the keeper of a place.

    Raises:
        StoreUnavailable: The driver is missing, or this process was not given the owner's address.
    """
    if isinstance(place, Path):
        return SQLiteKeeper(place)
    try:
        from service.db.backup_postgres import PostgresKeeper  # noqa: PLC0415  psycopg is an extra
    except ImportError as error:
        raise StoreUnavailable(
            "the PostgreSQL driver cannot be loaded: install payguard with its extra `postgres`"
        ) from error
    return PostgresKeeper(place)
