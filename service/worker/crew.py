"""Loops of one process beside each other: none waits for another, and one that breaks ends all."""

import threading
from collections.abc import Sequence
from typing import Protocol


class Loop(Protocol):
    """Something that runs until it is told to stop."""

    def run(self) -> None:
        """Run until told to stop."""
        ...

    def stop(self) -> None:
        """Make `run` return soon; may come before it, from any thread."""
        ...


class Crew:
    """Runs loops, the first in the calling thread and each other in its own.

    Attributes:
        loops: All of them.
    """

    def __init__(self, loops: Sequence[Loop]) -> None:
        self.loops = loops
        self._is_broken = False

    def run(self) -> None:
        """Run until told to stop, or until one of them breaks.

        Raises:
            RuntimeError: One of the others broke; all have ended, and so should the process.
        """
        first, *others = self.loops
        threads = [threading.Thread(target=self._run, args=(one,)) for one in others]
        for thread in threads:
            thread.start()
        try:
            self._run(first)
        finally:
            for thread in threads:
                thread.join()
        if self._is_broken:
            raise RuntimeError("a loop of the worker broke")

    def stop(self) -> None:
        """Stop all of them."""
        for loop in self.loops:
            loop.stop()

    def _run(self, loop: Loop) -> None:
        ended = False
        try:
            loop.run()
            ended = True
        finally:
            if not ended:
                self._is_broken = True
                self.stop()
