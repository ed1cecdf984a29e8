"""Sends history first and then what is reported, and shows how far it is. Reads no file."""

import sys
import threading
from collections.abc import Callable, Iterator
from typing import Final

import click

from service.cli.replay.columns import Request
from service.cli.replay.crew import Crew
from service.cli.replay.labels import Label
from service.cli.replay.order import Order
from service.cli.replay.tally import Summary, Tally
from service.cli.replay.warmup import Warmup
from service.cli.screen import Screen
from service.kernel.clock import Clock

PROGRESS_TERMINAL_S: Final = 0.5
PROGRESS_FILE_S: Final = 10.0
_SECOND_NS: Final = 1_000_000_000


class Sending:
    """One replay: its tallies, its progress, and whether it was interrupted.

    Attributes:
        first: Where what is sent first is counted.
    """

    def __init__(self, screen: Screen, clock: Clock, *, has_history: bool) -> None:
        self._screen = screen
        self._clock = clock
        self._tally = Tally()
        self._has_history = has_history
        self.first = Tally() if has_history else self._tally
        self._current = self.first
        self._is_interrupted = False
        self._started_ns = clock.monotonic_ns()

    def refused(self, reference: str, code: str) -> None:
        """Count a row that is no payment."""
        # It has no time that is known, so it is never taken for history.
        self._tally.failed_row(reference, code)
        self._tally.row_done(is_rounded=False)

    def send(
        self,
        crew: Crew,
        requests: Iterator[Request | Label],
        warmup: Warmup,
        *,
        rows: int,
        limit: int | None,
    ) -> None:
        """Send everything; a second Ctrl-C ends it at once.

        Args:
            crew: Not yet begun.
            requests: In the order of sending.
            warmup: Which of them are history.
            rows: How many the file has.
            limit: How many are sent at most, beside history.
        """
        crew.start()
        if self._has_history:
            history = warmup.history(requests)
            is_whole = self._shown(crew, None, lambda: crew.send_history(history, then=self._tally))
            if not is_whole:
                crew.stop()
                crew.join()
                return
            self._current = self._tally
            requests = warmup.rest(requests)
        self._started_ns = self._clock.monotonic_ns()
        left = rows - (self.first.done if self._has_history else 0)

        def send() -> bool:
            crew.send_all(requests)
            crew.join()
            return True

        self._shown(crew, min(left, limit or sys.maxsize), send)

    def summary(self, order: Order) -> Summary:
        """Return what became of it.

        Args:
            order: Put the rows in their order.
        """
        self._tally.ordered(unknown_labels=order.unknown, out_of_order=order.out_of_order)
        if self._has_history:
            self._tally.followed(self.first)
        return self._tally.summary(
            duration_ns=self._clock.monotonic_ns() - self._started_ns,
            is_interrupted=self._is_interrupted,
        )

    def _shown(self, crew: Crew, total: int | None, send: Callable[[], bool]) -> bool:
        """Send with progress; return False where it was stopped."""
        progress = _Progress(self._screen, self._current, total=total, clock=self._clock)
        progress.start()
        try:
            return send()
        except KeyboardInterrupt:
            crew.stop()
            crew.join()
            self._is_interrupted = True
            return False
        finally:
            progress.stop()


class _Progress:
    """Says now and then how far it is, on standard error."""

    def __init__(self, screen: Screen, tally: Tally, *, total: int | None, clock: Clock) -> None:
        self._screen = screen
        self._tally = tally
        self._total = total
        self._clock = clock
        self._started_ns = clock.monotonic_ns()
        self._ended = threading.Event()
        self._is_terminal = sys.stderr.isatty()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        every_s = PROGRESS_TERMINAL_S if self._is_terminal else PROGRESS_FILE_S
        while not self._ended.wait(every_s):
            self._say(self._line())
        if self._is_terminal:
            self._say("")

    def _line(self) -> str:
        done = self._tally.done
        seconds = (self._clock.monotonic_ns() - self._started_ns) / _SECOND_NS
        rate = done / seconds
        failed = f", {self._tally.failed:,} failed" if self._tally.failed else ""
        if self._total is None:
            return f"{done:,} of history, {rate:,.0f} a second{failed}"
        left = f"{(self._total - done) / rate:,.0f} s left" if rate else "waiting"
        share = done * 100 // max(self._total, 1)
        return f"{done:,} of {self._total:,} ({share} %), {rate:,.0f} a second, {left}{failed}"

    def _say(self, line: str) -> None:
        if self._is_terminal:
            # One line that is written over; the sequence clears what was longer before.
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
        else:
            self._screen.note(line)
