"""The first days of a file, which only make history: which rows they are. Pure."""

import datetime as dt
from collections.abc import Iterable, Iterator

from service.cli.replay.columns import Request
from service.cli.replay.labels import Label


class Warmup:
    """Parts a file into history and the rest.

    Attributes:
        end: The first moment after history; None until the first row is seen, and for no history.
    """

    def __init__(self, days: int) -> None:
        self.end: dt.datetime | None = None
        self._days = days
        self._first: Request | None = None

    def limited(self, requests: Iterable[Request], limit: int | None) -> Iterator[Request]:
        """Yield rows, of which at most so many are no history.

        Args:
            requests: In the order of the file; the day of the first one begins its history.
            limit: None for all.
        """
        left = limit
        for request in requests:
            if self.end is None:
                midnight = dt.time(tzinfo=dt.UTC)
                first_day = dt.datetime.combine(request.occurred_at.astimezone(dt.UTC), midnight)
                self.end = first_day + dt.timedelta(days=self._days)
            if left is not None and request.occurred_at >= self.end:
                if not left:
                    return
                left -= 1
            yield request

    def history(self, sent: Iterator[Request | Label]) -> Iterator[Request | Label]:
        """Yield what is sent before the first payment that is no history; that one is kept."""
        for one in sent:
            if isinstance(one, Request) and self.end is not None and one.occurred_at >= self.end:
                self._first = one
                return
            yield one

    def rest(self, sent: Iterator[Request | Label]) -> Iterator[Request | Label]:
        """Yield what is left behind `history`."""
        if self._first is not None:
            yield self._first
        yield from sent
