"""A bounded number of connections for the threads of one process. Knows no statement."""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from service.db.places import READER_CONNECTIONS
from service.db.postgres_wire import Wire
from service.db.store import StoreUnavailable

CHECKOUT_TIMEOUT_S: Final = 0.5


class Pool:
    """Lends connections; opens them when they are asked for, the one used last first.

    Args:
        connect: Opens one.
        connections_max: How many there may be.
        timeout_s: How long a thread waits while all are lent.
    """

    def __init__(
        self,
        connect: Callable[[], Wire],
        *,
        connections_max: int = READER_CONNECTIONS,
        timeout_s: float = CHECKOUT_TIMEOUT_S,
    ) -> None:
        self._connect = connect
        self._timeout_s = timeout_s
        self._free = threading.BoundedSemaphore(connections_max)
        self._idle: list[Wire] = []
        # With the pool its connections end, but not a parent's in a child that was forked.
        weakref.finalize(self, _close, self._idle, os.getpid())

    @contextmanager
    def connection(self) -> Iterator[Wire]:
        """Lend a connection; one that comes back in the middle of anything is closed.

        Raises:
            StoreUnavailable: All are lent and none came back in time, or none can be opened.
        """
        if not self._free.acquire(timeout=self._timeout_s):
            raise StoreUnavailable("every connection to the database is in use")
        try:
            connection = self._idle.pop() if self._idle else self._connect()
            try:
                yield connection
            finally:
                self._give_back(connection)
        finally:
            self._free.release()

    def close(self) -> None:
        """Close the connections that nobody uses."""
        _close(self._idle, os.getpid())

    def _give_back(self, connection: Wire) -> None:
        if not connection.is_open:
            # Where one was lost the others were: a server that comes back costs one error, not
            # one for each.
            self.close()
        elif connection.is_idle:
            self._idle.append(connection)
        else:
            connection.close()


def _close(idle: list[Wire], process: int) -> None:
    while idle and os.getpid() == process:
        idle.pop().close()
