"""When ranges of the logs are made and dropped: looks once an hour, and what went is recorded."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from service.db.reader import Reader
from service.db.store import StoreUnavailable
from service.kernel.clock import Clock
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
        clock: Says how long a try took.
    """

    def __init__(self, keep: Callable[[], object], reader: Reader, *, clock: Clock) -> None:
        self._keep = keep
        self._reader = reader
        self._clock = clock
        self._looks_at: dt.datetime | None = None

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Do what is to be done; return the command that records what was dropped, if any was.

        Raises:
            StoreUnavailable: The database cannot be reached, or others held a lock for too long.
        """
        if self._looks_at is not None and now < self._looks_at:
            return ()
        failed: StoreUnavailable | None = None
        # Others held a lock, or there was much to move: at the next poll it would be no other.
        self._looks_at = now + PAUSE
        began_ns = self._clock.monotonic_ns()
        try:
            self._keep()
        except StoreUnavailable as error:
            failed = error
            # A try may take as long as the pause: commits need the whole of it to catch up.
            took_ns = self._clock.monotonic_ns() - began_ns
            self._looks_at += dt.timedelta(microseconds=took_ns // 1_000)
        # A crash before the entry loses nothing: what is not recorded is found again. Nor does
        # one log that fails keep what others dropped from being recorded.
        if self._reader.fetch(unrecorded()):
            if failed is None:
                self._looks_at = None
            call = by_timer()
            return (Due(subject="partitions", command=RecordDropped(), call=call),)
        if failed is not None:
            raise failed
        self._looks_at = now + EVERY
        return ()
