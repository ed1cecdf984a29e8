"""How far apart what is sent side by side may be: nobody runs ahead of who was held up."""

import threading
from typing import Final

LOOK_EVERY_S: Final = 0.2


class Stretch:
    """Lets in numbered work, in its order, only so far beyond the oldest that is not done.

    Args:
        length: How far; None lets everything in.
        stopping: Set when nothing more is to be let in.
    """

    def __init__(self, length: int | None, stopping: threading.Event) -> None:
        self._length = length
        self._stopping = stopping
        self._moved = threading.Condition()
        # In the order of their numbers, so the oldest stands first.
        self._under_way: dict[int, None] = {}

    def enter(self, number: int) -> bool:
        """Wait until a number may go; False if everything stops."""
        with self._moved:
            while self._is_ahead(number):
                if self._stopping.is_set():
                    return False
                self._moved.wait(LOOK_EVERY_S)
            self._under_way[number] = None
            return True

    def leave(self, number: int) -> None:
        """Take note that a number is done."""
        with self._moved:
            del self._under_way[number]
            self._moved.notify()

    def settle(self) -> bool:
        """Wait until all that was let in is done; False if everything stops."""
        with self._moved:
            while self._under_way:
                if self._stopping.is_set():
                    return False
                self._moved.wait(LOOK_EVERY_S)
            return not self._stopping.is_set()

    def _is_ahead(self, number: int) -> bool:
        if self._length is None or not self._under_way:
            return False
        return number - next(iter(self._under_way)) >= self._length
