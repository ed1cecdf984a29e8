"""When ranges of the logs are made and dropped: looks once an hour, and what went is recorded."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.unit_of_work.partitions import RecordDropped, unrecorded
from service.worker.due import Due, by_timer

EVERY: Final = dt.timedelta(hours=1)
# Others held a lock: trying at every poll would hold the writer up again and again.
PAUSE: Final = dt.timedelta(minutes=1)


class PartitionKeeping:
    """The timer of partitions; that it looked is kept in memory, a restart looks again.

    Args:
        keep: Makes what is lacking and drops what is over.
        reader: Where it is read what was dropped.
    """

    def __init__(self, keep: Callable[[], object], reader: Reader) -> None:
        self._keep = keep
        self._reader = reader
        self._looks_at: dt.datetime | None = None

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Do what is to be done; return the command that records what was dropped, if any was.

        Raises:
            StoreUnavailable: The database cannot be reached, or others held a lock for too long.
        """
        if self._looks_at is not None and now < self._looks_at:
            return ()
        try:
            self._keep()
            # A crash before the entry loses nothing: what is not recorded is found again.
            is_lacking = bool(self._reader.fetch(unrecorded()))
        except StoreUnavailable:
            self._looks_at = now + PAUSE
            raise
        if not is_lacking:
            self._looks_at = now + EVERY
            return ()
        call = by_timer()
        return (Due(subject="partitions", command=RecordDropped(), call=call),)
