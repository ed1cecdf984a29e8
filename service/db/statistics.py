"""Takes statistics of tables that grew manyfold, ahead of autovacuum. PostgreSQL's.

The statement is a call of the owner's function (migration 0016), which says what grew.
"""

from contextlib import closing
from typing import Final

import psycopg

from service.db.places import Database
from service.db.postgres import cause, connect
from service.db.store import StoreUnavailable

# ANALYZE stands in nobody's way; it reads a sample of each table.
STATEMENT_TIMEOUT_MS: Final = 10_000


def take_statistics(place: Database) -> int:
    """Take statistics where a table has several times the rows of when they were last taken.

    Args:
        place: The database, with the writer's role.

    Returns:
        How many tables it took them of.

    Raises:
        StoreUnavailable: The database cannot be reached, or others held a lock for too long.
    """
    options = (f"statement_timeout={STATEMENT_TIMEOUT_MS}",)
    url = place.required("writer")
    with closing(connect(url, purpose="statistics", options=options)) as connection:
        try:
            row = connection.execute(b"SELECT public.payguard_take_statistics()").fetchone()
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error
    assert row is not None
    taken: int = row[0]
    return taken
