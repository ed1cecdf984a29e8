"""Puts payments and labels in the order of their times, a bounded number of rows ahead. Pure."""

import datetime as dt
import heapq
import itertools
from collections.abc import Iterable, Iterator
from typing import Final

from risk.windows import second_of
from service.cli.replay.columns import Request
from service.cli.replay.labels import Label

# So many rows are looked ahead: a file that is out of order by no more comes out in order.
AHEAD_MAX: Final = 20_000


class Order:
    """A file's payments and labels by time.

    Attributes:
        out_of_order: Payments that stood further from their place than was looked ahead; they are
            sent where they were found.
        unknown: Labels that are known only after the end of the replay, and not sent.
    """

    def __init__(self, *, ahead: int = AHEAD_MAX) -> None:
        self.out_of_order = 0
        self.unknown = 0
        self._ahead = ahead
        self._last: dt.datetime | None = None

    def by_time(
        self, requests: Iterable[Request], *, now: dt.datetime
    ) -> Iterator[Request | Label]:
        """Yield payments, and each label where it became known.

        Args:
            requests: In the order of the file.
            now: No label may be known later.
        """
        numbers = itertools.count()
        # Times may be equal; a number then keeps the order of the file, and compares before more.
        rows: list[tuple[dt.datetime, int, Request]] = []
        labels: list[tuple[dt.datetime, int, Label]] = []
        for request in requests:
            heapq.heappush(rows, (request.occurred_at, next(numbers), request))
            if len(rows) > self._ahead:
                yield from self._next(rows, labels, numbers)
        while rows:
            yield from self._next(rows, labels, numbers)
        while labels:
            known_at, _, label = heapq.heappop(labels)
            if known_at > now:
                self.unknown += len(labels) + 1
                return
            yield label

    def _next(
        self,
        rows: list[tuple[dt.datetime, int, Request]],
        labels: list[tuple[dt.datetime, int, Label]],
        numbers: Iterator[int],
    ) -> Iterator[Request | Label]:
        at, _, request = heapq.heappop(rows)
        if self._last is not None and at < self._last:
            self.out_of_order += 1
        self._last = at if self._last is None else max(at, self._last)
        # What became known in the same second was not known before it: features go by whole
        # seconds, offline as well (`risk.offline.outcomes`).
        while labels and second_of(labels[0][0]) < second_of(at):
            yield heapq.heappop(labels)[2]
        yield request
        if request.label is not None:
            heapq.heappush(labels, (request.label.known_at, next(numbers), request.label))
