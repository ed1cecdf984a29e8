"""Makes ranges of the logs ahead of time and drops those whose retention is over. PostgreSQL's.

The statements are calls of the owner's functions (migration 0009): the role that calls them can
change no table by itself, and they keep the law's minimum whatever they are asked.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

import psycopg

from service.db.places import Database
from service.db.postgres import LOCK_TIMEOUT_MS, Connection, cause, connect
from service.db.store import StoreUnavailable

LOGS: Final = ("entries", "events", "messages")
AHEAD: Final = 2
# Of one kind and log in one go: what is left is for the next.
DONE_AT_ONCE: Final = 16
# Whoever waits for the locks of one statement waits no longer than this: less than the writer's
# lock_timeout, so that its commit is late and not refused.
STATEMENT_TIMEOUT_MS: Final = LOCK_TIMEOUT_MS * 4 // 5
# What is detached is in nobody's way.
DROP_TIMEOUT_MS: Final = 60_000
_MAKE: Final = "SELECT public.payguard_make_partition(%s, %s, %s)"
_DETACH: Final = "SELECT public.payguard_detach_partition(%s, %s, %s)"
_DROP: Final = "SELECT public.payguard_drop_partition()"


def keep_partitions(
    place: Database,
    *,
    length: int,
    kept_days: Mapping[str, int],
    unread: Mapping[str, int | None] | None = None,
) -> list[str]:
    """Make what is lacking, detach and drop what is over; each in a transaction of its own.

    Args:
        place: The database, with the writer's role.
        length: Numbers in a range that is made now.
        kept_days: For each of LOGS, how long its rows are kept.
        unread: The lowest number of a log that somebody has yet to read: its range stays, and
            those after it, however old they are. A log that is not named waits for nobody.

    Returns:
        The ranges that were dropped.

    Raises:
        StoreUnavailable: The database cannot be reached, or others held a lock for too long.
    """
    options = (f"statement_timeout={STATEMENT_TIMEOUT_MS}",)
    url = place.required("writer")
    with closing(connect(url, purpose="partitions", options=options)) as connection:
        try:
            for log in LOGS:
                _repeat(connection, _MAKE, log, length, AHEAD)
                _repeat(connection, _DETACH, log, kept_days[log], (unread or {}).get(log))
            connection.execute(f"SET statement_timeout = {DROP_TIMEOUT_MS}".encode())
            return _repeat(connection, _DROP)
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error


def _repeat(connection: Connection, call: str, *values: object) -> list[str]:
    """Call a function until it has nothing left to do; return what it did it to."""
    done: list[str] = []
    for _ in range(DONE_AT_ONCE):
        row = connection.execute(call.encode(), values).fetchone()
        if row is None or row[0] is None:
            break
        done.append(row[0])
    return done
