"""When challengers are learnt: a child looks, so that nothing of it is in this process."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

from structlog.typing import FilteringBoundLogger

# Payments come first on the machine that both run on.
NICENESS: Final = 15
COMMAND: Final = (
    *(sys.executable, "-P", "-c"),
    f"import os; os.nice({NICENESS}); from service.cli import main; main()",
    *("challenger", "train", "--json"),
)
POLL_S: Final = 0.2
# Longer than any training that fits in memory takes.
LATE_S: Final = 3_600.0


class Challenging:
    """A loop of the worker: runs the command that learns challengers, and never waits to stop.

    Args:
        every_s: Between two looks; 0 for none.
        command: What is run; it inherits settings by the environment.
        log: Takes what came of it.
    """

    def __init__(
        self, every_s: float, log: FilteringBoundLogger, command: Sequence[str] = COMMAND
    ) -> None:
        self._every_s = every_s
        self._command = command
        self._log = log
        self._stopping = threading.Event()

    def run(self) -> None:
        """Look every so often until told to stop; the first time after one pause."""
        if not self._every_s:
            self._stopping.wait()
        while not self._stopping.wait(self._every_s):
            self._look()

    def stop(self) -> None:
        """Make `run` return soon, and end a training that is under way."""
        self._stopping.set()

    def _look(self) -> None:
        try:
            child = subprocess.Popen(  # noqa: S603  our own module
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._log.warning("challenger_not_started", reason=error.strerror)
            return
        waited = 0.0
        while child.poll() is None and waited < LATE_S:
            if self._stopping.wait(POLL_S):
                break
            waited += POLL_S
        if child.poll() is None:
            child.kill()
            child.wait()
        if child.returncode != 0 and not self._stopping.is_set():
            self._log.warning("challenger_failed", status=child.returncode)
