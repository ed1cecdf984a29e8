"""When statistics are taken of tables that grew: looks every few seconds, which costs little."""

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from service.worker.due import Due

EVERY: Final = dt.timedelta(seconds=5)


class StatisticsKeeping:
    """The timer of statistics; it changes no row, so nothing is to be recorded.

    Args:
        take: Takes what is lacking.
    """

    def __init__(self, take: Callable[[], object]) -> None:
        self._take = take
        self._looks_at: dt.datetime | None = None

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Take what is lacking.

        Raises:
            StoreUnavailable: The database cannot be reached, or others held a lock for too long.
        """
        if self._looks_at is None or now >= self._looks_at:
            self._looks_at = now + EVERY
            self._take()
        return ()
