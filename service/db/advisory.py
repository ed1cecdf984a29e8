"""Advisory locks of a PostgreSQL database, each held by a session of its own. Changes no row."""

import os
from typing import Final

import psycopg

from service.db.places import Database
from service.db.postgres import SESSIONS
from service.db.postgres_wire import Connection, cause, connect
from service.db.store import StoreUnavailable

# The first half of every lock's number; the second is the lock's own.
CLASS: Final = SESSIONS[0]
NUMBERS: Final = {"writer": 1, "worker": 2}
# What taking a lock over ends beside its holder: every session that may commit.
ENDED_WITH: Final = {"writer": (1, SESSIONS[1]), "worker": (2,)}
ENDING_MS: Final = 5_000
_TAKE: Final = "SELECT pg_try_advisory_lock(%s, %s)"
_OWN: Final = """
    SELECT pid, backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()
"""
_HELD: Final = """
    FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND l.classid = %s AND l.objid = ANY(%s)
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
_HOLDER: Final = f"SELECT a.application_name, a.pid, a.backend_start::text {_HELD}"
_END: Final = f"SELECT pg_terminate_backend(a.pid, {ENDING_MS}) {_HELD}"
_END_ONE: Final = f"""
    SELECT pg_terminate_backend(pid, {ENDING_MS}) FROM pg_stat_activity
    WHERE pid = %s AND backend_start::text = %s
"""  # noqa: S608  our own text


class LockHeld(Exception):  # noqa: N818  states what is so
    """Another session holds the lock; the text says whose."""

    def __init__(self, text: str, session: tuple[object, ...] = ()) -> None:
        super().__init__(text)
        self.session = session


class AdvisorySession:
    """A session that holds a lock as long as it lives."""

    def __init__(self, place: Database, name: str) -> None:
        self._url = place.writer or place.any
        self._name = name
        self._connection: Connection | None = None
        self._own: tuple[object, ...] = ()

    def take(self) -> None:
        """Take the lock.

        Raises:
            LockHeld: Another session holds it.
            StoreUnavailable: The database cannot be reached.
        """
        connection = self._connect()
        try:
            number = NUMBERS[self._name]
            if connection.execute(_TAKE, (CLASS, number)).fetchone() == (True,):
                self._own = connection.execute(_OWN).fetchone() or ()
                self._connection = connection
                return
            row = connection.execute(_HOLDER, (CLASS, [number])).fetchone()
        except psycopg.Error as error:
            connection.close()
            raise StoreUnavailable(cause(error)) from error
        connection.close()
        raise _held(row)

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
            self._retake()

    def end_holder(self) -> None:
        """End the sessions of whoever holds the lock, running or stopped, and what they began.

        Raises:
            StoreUnavailable: The database cannot be reached, or this role may not end them.
        """
        try:
            with self._connect() as connection:
                ended = connection.execute(_END, (CLASS, list(ENDED_WITH[self._name]))).fetchall()
        except psycopg.Error as error:
            raise StoreUnavailable(cause(error)) from error
        if (False,) in ended:
            raise StoreUnavailable("the holder's session did not end in time")

    def leave(self) -> None:
        """Give the lock back."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _retake(self) -> None:
        before = self._own
        try:
            self.take()
        except LockHeld as error:
            # The server has not noticed yet that our own session is gone.
            if error.session != before:
                raise
            try:
                with self._connect() as connection:
                    connection.execute(_END_ONE, before)
            except psycopg.Error as failed:
                raise StoreUnavailable(cause(failed)) from failed
            self.take()

    def _connect(self) -> Connection:
        return connect(self._url, purpose=f"{self._name}'s lock, process {os.getpid()},")


def _held(row: tuple[object, ...] | None) -> LockHeld:
    if row is None:
        return LockHeld("a session that just ended")
    name, *session = row
    process, since = session
    return LockHeld(f"{name} (session {process} since {since})", tuple(session))
