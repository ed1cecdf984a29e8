"""Makes ranges of the logs ahead of time and drops those whose retention is over. PostgreSQL's.

The statements are calls of the owner's functions (migration 0009): the role that calls them can
change no table by itself, and they keep the law's minimum whatever they are asked.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Final

import psycopg
from structlog.typing import FilteringBoundLogger

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
# Rows that lie in no range are moved into theirs by one statement, or they would be unseen
# meanwhile. With many it takes longer, so each try that is cut short is followed by one with twice
# the time: some minutes in which commits are late are better than a log without ranges for ever.
# Where the longest try is cut short as well, the next would be no other: those are short for good.
STATEMENT_TIMEOUT_MAX_MS: Final = 60_000
# What is detached is in nobody's way.
DROP_TIMEOUT_MS: Final = 60_000
_MAKE: Final = "SELECT public.payguard_make_partition(%s, %s, %s)"
_DETACH: Final = "SELECT public.payguard_detach_partition(%s, %s, %s)"
_DROP: Final = "SELECT public.payguard_drop_partition()"
# Beyond the last range there is but the default one, in which all rows are such.
_BESIDE: Final = """
    SELECT EXISTS (SELECT FROM public.{log} WHERE {column} >= (
        SELECT coalesce(max(p.upper), 0) FROM public.partitions AS p WHERE p.log = '{log}'))
"""


class PartitionKeeper:
    """Makes what is lacking, detaches and drops what is over; each in a transaction of its own.

    Args:
        place: The database, with the writer's role.
        length: Numbers in a range that is made now.
        kept_days: For each of LOGS, how long its rows are kept.
        log: Told what somebody should look at.
    """

    def __init__(
        self,
        place: Database,
        *,
        length: int,
        kept_days: Mapping[str, int],
        log: FilteringBoundLogger,
    ) -> None:
        self._url = place.required("writer")
        self._length = length
        self._kept_days = kept_days
        self._log = log
        self._timeouts_ms = dict.fromkeys(LOGS, STATEMENT_TIMEOUT_MS)
        self._stuck: set[str] = set()

    def keep(self, unread: Mapping[str, int | None] | None = None) -> list[str]:
        """Look after each log; what fails for one keeps no other from it.

        Args:
            unread: The lowest number of a log that somebody has yet to read: its range stays,
                and those after it, however old they are. A log that is not named waits for
                nobody.

        Returns:
            The ranges that were dropped.

        Raises:
            StoreUnavailable: The database cannot be reached, others held a lock for too long, or
                a statement took too long.
        """
        # However long a statement may take, it waits for each of its locks no longer than this.
        options = (f"lock_timeout={STATEMENT_TIMEOUT_MS}",)
        failed: psycopg.Error | None = None
        with closing(connect(self._url, purpose="partitions", options=options)) as connection:
            for log in LOGS:
                try:
                    self._keep_one(connection, log, (unread or {}).get(log))
                except psycopg.Error as error:
                    failed = error
                    self._put_off(log, error)
            try:
                _limit(connection, DROP_TIMEOUT_MS)
                dropped = _repeat(connection, _DROP)
            except psycopg.Error as error:
                raise StoreUnavailable(cause(error)) from error
        if failed is not None:
            raise StoreUnavailable(cause(failed)) from failed
        return dropped

    def _keep_one(self, connection: Connection, log: str, unread: int | None) -> None:
        _limit(connection, self._timeouts_ms[log])
        column = "position" if log == "entries" else "sequence"
        look = _BESIDE.format(log=log, column=column)
        if connection.execute(look.encode()).fetchone() == (True,):
            self._log.warning("default_partition_not_empty", table=log)
        _repeat(connection, _MAKE, log, self._length, AHEAD)
        _repeat(connection, _DETACH, log, self._kept_days[log], unread)
        self._timeouts_ms[log] = STATEMENT_TIMEOUT_MS

    def _put_off(self, log: str, error: psycopg.Error) -> None:
        if isinstance(error, psycopg.errors.QueryCanceled) and log not in self._stuck:
            if self._timeouts_ms[log] == STATEMENT_TIMEOUT_MAX_MS:
                self._give_up(log)
            else:
                doubled_ms = self._timeouts_ms[log] * 2
                self._timeouts_ms[log] = min(doubled_ms, STATEMENT_TIMEOUT_MAX_MS)
        self._log.warning(
            "partitions_postponed",
            table=log,
            reason=cause(error),
            next_timeout_ms=self._timeouts_ms[log],
        )

    def _give_up(self, log: str) -> None:
        self._stuck.add(log)
        self._timeouts_ms[log] = STATEMENT_TIMEOUT_MS
        call = f"SELECT public.payguard_make_partition('{log}', {self._length}, {AHEAD})"
        self._log.error(
            "partitions_stuck",
            table=log,
            then="stop the service, call this without a statement_timeout until it returns NULL",
            call=call,
        )


def _limit(connection: Connection, timeout_ms: int) -> None:
    connection.execute(f"SET statement_timeout = {timeout_ms}".encode())


def _repeat(connection: Connection, call: str, *values: object) -> list[str]:
    """Call a function until it has nothing left to do; return what it did it to."""
    done: list[str] = []
    for _ in range(DONE_AT_ONCE):
        row = connection.execute(call.encode(), values).fetchone()
        if row is None or row[0] is None:
            break
        done.append(row[0])
    return done
