"""Advisory locks of a PostgreSQL database, each held by a session of its own. Changes no row."""

import os
from typing import Final

import psycopg

from service.db.places import Database
from service.db.postgres_wire import Connection, cause, connect
from service.db.store import StoreUnavailable

# The first half of every lock's number; the second is the lock's own.
CLASS: Final = 0x50_47
NUMBERS: Final = {"writer": 1, "worker": 2}
_TAKE: Final = "SELECT pg_try_advisory_lock(%s, %s)"
_HOLDER: Final = """
    SELECT a.application_name, a.pid, a.backend_start::text
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = %s
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


class LockHeld(Exception):  # noqa: N818  states what is so
    """Another session holds the lock; the text says whose."""


class AdvisorySession:
    """A session that holds a lock as long as it lives."""

    def __init__(self, place: Database, name: str) -> None:
        self._place = place
        self._name = name
        self._connection: Connection | None = None

    def take(self) -> None:
        """Take the lock.

        Raises:
            LockHeld: Another session holds it.
            StoreUnavailable: The database cannot be reached.
        """
        key = (CLASS, NUMBERS[self._name])
        purpose = f"{self._name}'s lock, process {os.getpid()}"
        connection = connect(self._place.writer or self._place.any, purpose=purpose)
        try:
            if connection.execute(_TAKE, key).fetchone() == (True,):
                self._connection = connection
                return
            row = connection.execute(_HOLDER, key).fetchone()
        except psycopg.Error as error:
            connection.close()
            raise StoreUnavailable(cause(error)) from error
        connection.close()
        raise LockHeld(_named(row))

    def hold(self) -> None:
        """Take the lock again if its session was lost.

        Raises:
            LockHeld: Another session holds it by now.
            StoreUnavailable: The database cannot be reached.
        """
        connection = self._connection
        if connection is not None:
            try:
                connection.execute("SELECT 1")
            except psycopg.Error:
                connection.close()
                self._connection = None
        if self._connection is None:
            self.take()

    def leave(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _named(row: tuple[object, ...] | None) -> str:
    if row is None:
        return "a session that just ended"
    name, process, since = row
    return f"{name} (session {process} since {since})"
