"""How many requests one process lets in: as many as it answers well within their deadline.

With a fixed number, a queue grows under too much load until everything in it is answered too
late, and the work on it is lost. Here the number falls by a fifth when an answer took too long,
and grows by one for each round of answers that did not (AIMD, as TCP keeps its window).
"""

from typing import Final

LEAST: Final = 16
SHRINK: Final = 0.8


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

    def enter(self) -> bool:
        """Count a request in, if it may come in."""
        if self._under_way >= int(self._limit):
            return False
        self._under_way += 1
        return True

    def leave(self, *, begun_at: float, now: float) -> None:
        """Count a request out.

        Args:
            begun_at: When it came in, in seconds of a monotonic clock.
            now: The same clock's seconds.
        """
        self._under_way -= 1
        if now - begun_at <= self._target_s:
            self._limit = min(self._most, self._limit + 1 / self._limit)
        elif begun_at >= self._shrunk_at:
            # Those that were let in before the last fall say nothing about the number since.
            self._limit = max(self._least, self._limit * SHRINK)
            self._shrunk_at = now
