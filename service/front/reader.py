"""Reads that go over a network, in a thread of the pool while their request is parked."""

from collections.abc import Callable
from typing import Final, TypeVar

from service.db.statements import Bound, Row
from service.db.store import StoreUnavailable
from service.front.hub import Hub, NotInTime
from service.http.ports import Reader

Made = TypeVar("Made")


class ParkingReader:
    """A reader whose calls hold up no other request.

    For SQLite it is not needed: its point reads take less time than handing them to a thread.

    Args:
        reader: Does the reads; safe to use by threads.
        hub: Where requests park.
        timeout_s: How long a request waits for a read; the read's own timeouts end it.
    """

    def __init__(self, reader: Reader, *, hub: Hub, timeout_s: float) -> None:
        self._reader: Final = reader
        self._hub: Final = hub
        self._timeout_s: Final = timeout_s

    def fetch(self, read: Bound) -> list[Row]:
        """Return a read's rows.

        Raises:
            StoreUnavailable: The store could not be read in time.
        """
        return self._away(lambda: self._reader.fetch(read))

    def maybe(self, read: Bound) -> Row | None:
        """Return the only row of a read, or None where there is none.

        Raises:
            StoreUnavailable: The store could not be read in time.
        """
        return self._away(lambda: self._reader.maybe(read))

    def _away(self, work: Callable[[], Made]) -> Made:
        if self._hub.is_home():
            # While the process starts; there is nobody to hold up.
            return work()
        try:
            return self._hub.offload(work, timeout_s=self._timeout_s)
        except NotInTime:
            raise StoreUnavailable("no read in time") from None
