"""When challengers are learnt: a child looks, so that nothing of it is in this process."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Final

import msgspec
from structlog.typing import FilteringBoundLogger

COMMAND: Final = (sys.executable, "-P", "-m", "service.cli.challenger.child")
POLL_S: Final = 0.2
# Longer than any training that fits in memory takes.
LATE_S: Final = 3_600.0


class _Error(msgspec.Struct):
    code: str


class _Said(msgspec.Struct):
    error: _Error


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
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            self._log.warning("challenger_not_started", reason=error.strerror)
            return
        said = self._wait(child)
        if child.returncode != 0 and not self._stopping.is_set():
            self._log.warning("challenger_failed", status=child.returncode, code=_code(said))

    def _wait(self, child: "subprocess.Popen[bytes]") -> bytes:
        """Return what a child said; it is killed at a stop, and when it is late."""
        waits = 0
        while True:
            try:
                return child.communicate(timeout=POLL_S)[0]
            except subprocess.TimeoutExpired:
                waits += 1
                if self._stopping.is_set() or waits * POLL_S >= LATE_S:
                    child.kill()


def _code(said: bytes) -> str | None:
    """Return the code of a failure that a command printed as JSON; nothing else of it."""
    try:
        return msgspec.json.decode(said, type=_Said).error.code
    except msgspec.DecodeError:
        return None
