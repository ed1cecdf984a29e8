"""When stored replies are to be trimmed: looks once an hour, and on while there is more to do."""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from service.db.reader import Reader
from service.unit_of_work.trimming import TrimIdempotency, over
from service.worker.due import Due, by_timer

EVERY: Final = dt.timedelta(hours=1)


class Housekeeping:
    """The timer of TrimIdempotency; that it looked is kept in memory, a restart looks again."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._looks_at: dt.datetime | None = None

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Return the command if anything is over; with nothing to do, nothing is logged either."""
        if self._looks_at is not None and now < self._looks_at:
            return ()
        if not any(self._reader.fetch(read)[0]["rows"] for read in over(now)):
            self._looks_at = now + EVERY
            return ()
        call = by_timer()
        return (Due(subject="idempotency", command=TrimIdempotency(), call=call),)
