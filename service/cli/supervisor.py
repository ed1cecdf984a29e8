"""Keeps child processes running and stops them in order. Knows no database and no web."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from service.kernel.clock import Clock
from service.kernel.signals import ends_with

LOOK_EVERY_S: Final = 0.05
READY_TIMEOUT_S: Final = 120.0
# One that takes long to become ready is named so often.
STARTING_EVERY_S: Final = 10.0
PAUSE_FIRST_S: Final = 0.2
PAUSE_MAX_S: Final = 30.0
# A child that ran this long is taken to be sound: its next end starts the pauses anew.
SOUND_S: Final = 60.0
# One that could do its work, for this long at least, has no fault of its own that a long pause
# would wait for: the writer ends by design where only a restart is safe, as often as that is.
SERVED_S: Final = 1.0
PAUSE_SERVED_MAX_S: Final = 1.0
_SECOND_NS: Final = 1_000_000_000
# What Popen raises.
CANNOT_START: Final = (OSError, subprocess.SubprocessError)


class Log(Protocol):
    """Writes one event a line; a structlog logger is one."""

    def info(self, event: str, **fields: Any) -> Any:
        """Write what happened."""
        ...

    def warning(self, event: str, **fields: Any) -> Any:
        """Write what should not happen often."""
        ...


def _always() -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run, and how.

    Attributes:
        name: As the log calls it.
        command: Its arguments, the interpreter first.
        environment: All of its environment.
        is_ready: Says whether it can do its work now; asked until it says yes.
        stop_s: How long it may take to stop before it is killed.
        files: Descriptors that it inherits.
        ready_s: How long it may take to become ready at the service's start; None for as long as
            it lives.
        may_start: Asked before each start, which waits until it says yes.
        replaced: The exit status that says that another took its place: it is started again after
            the longest pause, so that the other one can settle.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    is_ready: Callable[[], bool]
    stop_s: float
    files: tuple[int, ...] = ()
    ready_s: float | None = READY_TIMEOUT_S
    may_start: Callable[[], bool] = _always
    replaced: int | None = None


class CannotRun(Exception):  # noqa: N818  says what was found
    """A child ended, or never became ready, before the service was up.

    Attributes:
        status: The exit status that the child gave; None where it gave none.
    """

    def __init__(self, sentence: str, *, status: int | None) -> None:
        super().__init__(sentence)
        self.status = status


class _Child:
    """One program and the process that runs it now."""

    def __init__(self, program: Program, *, clock: Clock, log: Log) -> None:
        self.program = program
        self._clock = clock
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self._started_ns = 0
        self._due_ns = 0
        self._pause_s = PAUSE_FIRST_S
        self._has_been_ready = False

    def start(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603  our own interpreter and modules
            self.program.command,
            env=dict(self.program.environment),
            pass_fds=self.program.files,
            stdin=subprocess.DEVNULL,
            # A Ctrl-C goes to the whole foreground group; here only the supervisor is to get
            # it, since the order in which the children stop is what loses no request.
            process_group=0,
            # A writer that lived on would hold the lock, and somebody would have to look for it.
            preexec_fn=ends_with(os.getpid(), by=signal.SIGTERM),  # noqa: PLW1509  it has one thread
        )
        self._started_ns = self._clock.monotonic_ns()
        self._has_been_ready = False
        self._log.info("child_started", child=self.program.name, pid=self._process.pid)

    def ended(self) -> int | None:
        """Return the status with which it ended, None while it runs or waits for its start."""
        return None if self._process is None else self._process.poll()

    def is_ready(self) -> bool:
        """Say whether it can do its work, or could once since it was started."""
        self._has_been_ready = self._has_been_ready or self.program.is_ready()
        return self._has_been_ready

    def look(self) -> None:
        """Start it again, after a pause, when it has ended."""
        now_ns = self._clock.monotonic_ns()
        status = self.ended()
        if status is not None:
            ran_s = (now_ns - self._started_ns) / _SECOND_NS
            if status == self.program.replaced:
                self._pause_s = PAUSE_MAX_S
            elif ran_s >= SOUND_S:
                self._pause_s = PAUSE_FIRST_S
            elif self._has_been_ready and ran_s >= SERVED_S:
                self._pause_s = min(self._pause_s, PAUSE_SERVED_MAX_S)
            self._process = None
            self._log.warning(
                "child_ended",
                child=self.program.name,
                status=status,
                restart_in_s=self._pause_s,
            )
            self._pause(now_ns)
        elif self._process is not None:
            self.is_ready()
        elif now_ns >= self._due_ns and self.program.may_start():
            self._try_start(now_ns)

    def _try_start(self, now_ns: int) -> None:
        try:
            self.start()
        except CANNOT_START as error:
            # No process or no memory to be had: the others go on, and it may pass.
            self._log.warning(
                "child_not_started",
                child=self.program.name,
                reason=type(error).__name__,
                restart_in_s=self._pause_s,
            )
            self._pause(now_ns)

    def _pause(self, now_ns: int) -> None:
        self._due_ns = now_ns + int(self._pause_s * _SECOND_NS)
        self._pause_s = min(self._pause_s * 2, PAUSE_MAX_S)

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def gone(self) -> bool:
        return self._process is None or self._process.poll() is not None


class Supervisor:
    """Runs programs: starts them in order, restarts what ends, stops them in reverse order."""

    def __init__(self, programs: Sequence[Program], *, clock: Clock, log: Log) -> None:
        self._children = [_Child(program, clock=clock, log=log) for program in programs]
        self._clock = clock
        self._log = log
        self._asked = 0

    def stop(self) -> None:
        """Ask for the stop; a second time, for one without waiting. Safe in a signal handler."""
        self._asked += 1

    def run(self, *, ready: Callable[[], None], stopping: Callable[[], None]) -> bool:
        """Run until asked to stop.

        Args:
            ready: Called once, when every program can do its work.
            stopping: Called once, before the first program is told to stop.

        Returns:
            Whether every program stopped by itself and said that all was well.

        Raises:
            CannotRun: A program ended before all were ready; the others were stopped.
        """
        try:
            for child in self._children:
                self._bring_up(child)
            if not self._asked:
                ready()
            while not self._asked:
                for child in self._children:
                    child.look()
                time.sleep(LOOK_EVERY_S)
        finally:
            stopping()
            # Those who ask come first, the one who answers them last.
            stopped = [self._take_down(child) for child in reversed(self._children)]
        return all(stopped)

    def _bring_up(self, child: _Child) -> None:
        if self._asked:
            return
        name, limit_s = child.program.name, child.program.ready_s
        while not child.program.may_start() and not self._asked:
            time.sleep(LOOK_EVERY_S)
        try:
            child.start()
        except CANNOT_START as error:
            raise CannotRun(f"the {name} could not be started: {error}", status=None) from error
        started_ns = self._clock.monotonic_ns()
        told_s = STARTING_EVERY_S
        while not child.is_ready() and not self._asked:
            status = child.ended()
            if status is not None:
                raise CannotRun(f"the {name} ended at its start", status=status)
            passed_s = (self._clock.monotonic_ns() - started_ns) / _SECOND_NS
            if limit_s is not None and passed_s > limit_s:
                raise CannotRun(f"the {name} was not ready after {limit_s:.0f} s", status=None)
            if passed_s > told_s:
                self._log.info("child_starting", child=name, since_s=round(passed_s))
                told_s = passed_s + STARTING_EVERY_S
            time.sleep(LOOK_EVERY_S)

    def _take_down(self, child: _Child) -> bool:
        child.signal(signal.SIGTERM)
        limit_ns = self._clock.monotonic_ns() + int(child.program.stop_s * _SECOND_NS)
        while not child.gone():
            if self._asked > 1 or self._clock.monotonic_ns() > limit_ns:
                # Nothing acknowledged is lost by this: the writer answers after its commits.
                self._log.warning("child_killed", child=child.program.name)
                child.signal(signal.SIGKILL)
            time.sleep(LOOK_EVERY_S)
        status = child.ended()
        self._log.info("child_stopped", child=child.program.name, status=status)
        return status == 0
