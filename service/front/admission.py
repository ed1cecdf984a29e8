"""How many requests one process lets in: as many as it answers well within their deadline.

With a fixed number, a queue grows under too much load until everything in it is answered too
late, and the work on it is lost. Here the number grows by one for each round of answers in time
(as TCP grows its window), and falls when an answer took too long: to as many as would have been
answered in time, since a request that found so many under way and took so long tells how many are
answered in a second (Little's law). No round lowers it by less than a fifth, nor at once to less
than a quarter or a few dozen: a machine that stood still for once is no flood.
"""

from typing import Final

LEAST: Final = 16
FALL_LEAST: Final = 0.8
FALL_MOST: Final = 0.25
# To fewer it falls by a fifth each round.
FEW: Final = 64


class Admission:
    """Counts requests under way, and learns how many there may be.

    Args:
        most: Never more than these.
        target_s: An answer that takes longer says that there are too many.
    """

    def __init__(self, *, most: int, target_s: float) -> None:
        self._most: Final = float(most)
        self._least: Final = float(min(LEAST, most))
        self._target_s: Final = target_s
        self._limit = self._most
        self._under_way = 0
        self._shrunk_at = 0.0

    @property
    def limit(self) -> int:
        """How many there may be now."""
        return int(self._limit)

    def enter(self) -> int:
        """Count a request in, if it may come in; return how many there are with it, or 0."""
        if self._under_way >= int(self._limit):
            return 0
        self._under_way += 1
        return self._under_way

    def leave(self, place: int, *, begun_at: float, now: float) -> None:
        """Count a request out.

        Args:
            place: What `enter` returned.
            begun_at: When it came in, in seconds of a monotonic clock.
            now: The same clock's seconds.
        """
        self._under_way -= 1
        took_s, limit = now - begun_at, self._limit
        if took_s <= self._target_s:
            self._limit = min(self._most, limit + 1 / limit)
        elif begun_at >= self._shrunk_at and place >= limit * FALL_MOST:
            # Those that were let in before the last fall say nothing about the number since; and
            # those that found hardly anybody there were late for another reason.
            in_time = place * self._target_s / took_s
            fallen = min(max(in_time, limit * FALL_MOST, FEW), limit * FALL_LEAST)
            self._limit = max(self._least, fallen)
            self._shrunk_at = now
