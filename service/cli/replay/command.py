"""`payguard replay`: reads its options, starts the crew, shows progress and the summary."""

import datetime as dt
import itertools
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from keys.api_keys import ApiKeyRefused, ApiKeyText
from service.cli.replay.columns import ColumnMap, Request, RowRefused, load_map
from service.cli.replay.crew import Crew, How
from service.cli.replay.labels import Label
from service.cli.replay.order import Order
from service.cli.replay.rows import Table, open_table
from service.cli.replay.sender import Answer, read_target
from service.cli.replay.tally import Tally, text_of
from service.cli.screen import (
    DONE,
    INTERRUPTED,
    REFUSED,
    SOMETHING_FAILED,
    Failure,
    Screen,
    reporting,
)
from service.kernel.clock import Clock, SystemClock

CONCURRENCY_MAX: Final = 64
CONCURRENCY_USUAL: Final = 8
PROGRESS_TERMINAL_S: Final = 0.5
PROGRESS_FILE_S: Final = 10.0
_SECOND_NS: Final = 1_000_000_000


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    file: Path
    url: str
    key_file: Path
    map_name: str
    is_now: bool
    limit: int | None
    concurrency: int
    does_execute: bool


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--url", required=True, help="Address of the service: http://127.0.0.1:8080")
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path),
    help="File that holds the API key, and nothing else.",
)
@click.option(
    "--map",
    "map_name",
    default="handbook",
    show_default=True,
    help="Column map: a TOML file, or the name of one that comes with Payguard.",
)
@click.option("--now", "is_now", is_flag=True, help="Send each row as a payment of this moment.")
@click.option("--limit", type=click.IntRange(min=1), help="Send the first so many rows only.")
@click.option(
    "--concurrency",
    type=click.IntRange(min=1, max=CONCURRENCY_MAX),
    default=CONCURRENCY_USUAL,
    show_default=True,
    help="Requests under way at a time; one payer's rows stay in order.",
)
@click.option("--execute", "does_execute", is_flag=True, help="Execute what is approved.")
@reporting
def replay(screen: Screen, **given: Any) -> int:
    """Send the rows of FILE (parquet or CSV) as payments to a running service.

    A column map says which column is what; docs/replay.md shows one. Each row's reference makes
    its idempotency key, so sending a file again changes nothing. Without --now payments and
    labels go with the times of the file, in their order: the key needs the scope replay (and
    labels:write for labels), and nothing yields a token.

    Ends with 0 when every row was judged (and executed, where asked and approved), with 1 when
    a row failed, with 3 when no row can succeed, with 130 after Ctrl-C.
    """
    options = _Options(**given)
    clock = SystemClock()
    tally = Tally()
    columns = load_map(options.map_name)
    more = () if options.is_now else columns.label_columns
    rows = open_table(options.file, columns.columns, more)
    crew = Crew(
        read_target(options.url),
        key=_key(options.key_file),
        how=How(
            size=options.concurrency,
            does_execute=options.does_execute,
            is_in_order=not options.is_now,
        ),
        tally=tally,
        clock=clock,
    )
    total = min(rows.count, options.limit or sys.maxsize)
    screen.note(
        f"{total:,} rows of {options.file.name} to {options.url}, {options.concurrency} at a time"
    )
    order = Order()
    requests: Iterator[Request | Label]
    if options.is_now:
        requests = _requests(rows, columns, tally, clock=clock, limit=options.limit)
    else:
        if columns.has_labels and not rows.has_more:
            screen.note(f"no labels: the file lacks {', '.join(columns.label_columns)}")
        found = _requests(rows, columns, tally, clock=None, limit=options.limit)
        requests = order.by_time(found, now=clock.now())
    started_ns = clock.monotonic_ns()
    is_interrupted = _run(crew, requests, _Progress(screen, tally, total=total, clock=clock))
    tally.ordered(unknown_labels=order.unknown, out_of_order=order.out_of_order)
    summary = tally.summary(
        duration_ns=clock.monotonic_ns() - started_ns, is_interrupted=is_interrupted
    )
    screen.show(summary, text_of(summary))
    if crew.useless is not None:
        screen.note(_advice(crew.useless))
        return REFUSED
    if is_interrupted:
        return INTERRUPTED
    return SOMETHING_FAILED if summary.failed else DONE


def _requests(
    rows: Table, columns: ColumnMap, tally: Tally, *, clock: Clock | None, limit: int | None
) -> Iterator[Request]:
    """Yield the payments of a file; a row that is none counts as failed."""
    for place, row in enumerate(itertools.islice(rows.rows(), limit), start=1):
        now: dt.datetime | None = clock.now() if clock is not None else None
        try:
            request = columns.request(row, now=now)
            yield columns.labelled(request, row) if clock is None and rows.has_more else request
        except RowRefused as refused:
            tally.failed_row(f"row {place}", f"row_refused ({refused})")
            tally.row_done(is_rounded=False)


def _run(crew: Crew, requests: Iterator[Request | Label], progress: "_Progress") -> bool:
    """Send everything; return whether it was interrupted. A second Ctrl-C ends it at once."""
    crew.start()
    progress.start()
    try:
        crew.send_all(requests)
        crew.join()
    except KeyboardInterrupt:
        crew.stop()
        crew.join()
        return True
    finally:
        progress.stop()
    return False


def _key(path: Path) -> str:
    """Return the API key of a file; no message repeats what the file holds."""
    try:
        return ApiKeyText(path.read_text("ascii").strip()).reveal()
    except (OSError, UnicodeDecodeError, ApiKeyRefused) as error:
        raise Failure(
            "key_file_unusable",
            f"{path} holds no API key ({type(error).__name__})",
            then="write one there: `payguard key create --merchant ID --key-file FILE`",
        ) from error


def _advice(answer: Answer) -> str:
    """Return what to do about an answer that every row would get."""
    known = {
        "occurred_at_out_of_range": (
            "the rows are older than the service takes from this key: give a sandbox key with the"
            " scope replay, or add --now, which sends them as payments of this moment."
        ),
        "no_answer": "nobody answers at that address: is `payguard serve` running?",
        "not_authenticated": "the key is unknown, revoked or ended: create another one.",
        "scope_missing": "the key may not do this: create one with the scopes payments:write and"
        " payments:execute, or payments:write, labels:write and replay for the times of a file.",
    }
    said = f"stopped: the service answers {answer.code}"
    return f"{said}; {known.get(answer.code, answer.body.get('next', 'see docs/errors.md'))}"


class _Progress:
    """Says now and then how far it is, on standard error."""

    def __init__(self, screen: Screen, tally: Tally, *, total: int, clock: Clock) -> None:
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
        left = f"{(self._total - done) / rate:,.0f} s left" if rate else "waiting"
        share = done * 100 // max(self._total, 1)
        failed = f", {self._tally.failed:,} failed" if self._tally.failed else ""
        return f"{done:,} of {self._total:,} ({share} %), {rate:,.0f} a second, {left}{failed}"

    def _say(self, line: str) -> None:
        if self._is_terminal:
            # One line that is written over; the sequence clears what was longer before.
            click.echo(f"\r\x1b[K{line}", err=True, nl=False)
        else:
            self._screen.note(line)
