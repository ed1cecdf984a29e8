"""Turns on one machine: tests in several processes run side by side, but for those that measure."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def turn(folder: Path, *, alone: bool) -> Iterator[None]:
    """Wait for a turn, and hold it: beside others, or with nobody else at work.

    Args:
        folder: The same for all who take turns.
        alone: Whether nobody else may hold one at the same time.
    """
    with (folder / "waiting").open("w") as waiting, (folder / "working").open("w") as working:
        # Whoever waits to be alone keeps those behind it waiting, and is not passed for ever.
        fcntl.flock(waiting, fcntl.LOCK_EX)
        fcntl.flock(working, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        fcntl.flock(waiting, fcntl.LOCK_UN)
        yield
