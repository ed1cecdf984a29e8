"""Opens the store of a place: SQLite for a path, PostgreSQL for a database. Holds no SQL."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from service.db.places import READER_CONNECTIONS, Place
from service.db.reader import Reader, SQLiteReader
from service.db.sqlite import SQLiteStore
from service.db.store import Store, StoreUnavailable

PATIENCE_MS: Final = 60_000


def open_store(place: Place, *, hold: Callable[[], None] | None = None) -> Store:
    """Return the writer's connection to a place.

    Args:
        place: Where the store is.
        hold: Called before a connection that was lost is replaced: makes sure that this writer
            may go on, or raises.

    Raises:
        StoreUnavailable: It cannot be opened.
    """
    if isinstance(place, Path):
        return SQLiteStore(place)
    try:
        from service.db.postgres import PostgresStore  # noqa: PLC0415  psycopg is an extra
    except ImportError as error:
        raise _no_driver() from error
    return PostgresStore(place.required("writer"), hold=hold)


def open_reader(place: Place, *, connections_max: int = READER_CONNECTIONS) -> Reader:
    """Return a front end's way to read a place; connects at its first read.

    On PostgreSQL it sees the rows of the tenant and merchant that a read's values name, and no
    others.

    Args:
        place: Where the store is.
        connections_max: How many connections its threads share on PostgreSQL.

    Raises:
        StoreUnavailable: The driver is missing, or this process was not given the address.
    """
    return _reader(place, "reader", connections_max=connections_max)


def open_spanning_reader(place: Place) -> Reader:
    """Return a way to read a place over all tenants, for the worker and the command line.

    On PostgreSQL it reads in the writer's role, in transactions that cannot write: whoever may
    use it may send the writer commands for any tenant as well. A front end has no such address.

    Raises:
        StoreUnavailable: The driver is missing, or this process was not given the address.
    """
    return _reader(place, "writer")


def open_patient_reader(place: Place) -> Reader:
    """Return the same for looks through much, which nobody waits for: each may take a minute.

    Raises:
        StoreUnavailable: The driver is missing, or this process was not given the address.
    """
    return _reader(place, "writer", statement_timeout_ms=PATIENCE_MS)


def _reader(place: Place, role: str, **given: int) -> Reader:
    if isinstance(place, Path):
        return SQLiteReader(place)
    try:
        from service.db.postgres_reader import PostgresReader  # noqa: PLC0415  psycopg is an extra
    except ImportError as error:
        raise _no_driver() from error
    return PostgresReader(place.required(role), purpose=f"reads as {role}", **given)


def is_made(place: Place) -> bool:
    """Say whether there is anything to open; of a database on a server, opening it tells."""
    return not isinstance(place, Path) or place.exists()


def _no_driver() -> StoreUnavailable:
    return StoreUnavailable(
        "the PostgreSQL driver cannot be loaded: install payguard with its extra `postgres`"
    )
