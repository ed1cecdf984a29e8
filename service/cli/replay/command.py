"""`payguard replay`: reads its options, starts the crew, shows progress and the summary."""

import datetime as dt
import itertools
import sys
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
from service.cli.replay.sending import Sending
from service.cli.replay.tally import text_of
from service.cli.replay.warmup import Warmup
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
HISTORY_DAYS_MAX: Final = 3_660


class _Options(msgspec.Struct, frozen=True, kw_only=True):
    file: Path
    url: str
    key_file: Path
    map_name: str
    is_now: bool
    limit: int | None
    history: int
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
@click.option(
    "--limit", type=click.IntRange(min=1), help="Send the first so many rows only, after --history."
)
@click.option(
    "--history",
    metavar="DAYS",
    type=click.IntRange(min=0, max=HISTORY_DAYS_MAX),
    default=0,
    help="Send the first so many days before, as history that is not reported.",
)
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
    if options.is_now and options.history:
        raise click.UsageError("--history needs the times of the file: leave --now out")
    clock = SystemClock()
    columns = load_map(options.map_name)
    more = () if options.is_now else columns.label_columns
    rows = open_table(options.file, columns.columns, more)
    sending = Sending(screen, clock, has_history=options.history > 0)
    crew = Crew(
        read_target(options.url),
        key=_key(options.key_file),
        how=How(
            size=options.concurrency,
            does_execute=options.does_execute,
            is_in_order=not options.is_now,
        ),
        tally=sending.first,
        clock=clock,
    )
    _announce(screen, options, columns, rows)
    order, warmup = Order(), Warmup(options.history)
    found = _requests(rows, columns, sending, clock=clock if options.is_now else None)
    requests: Iterator[Request | Label] = itertools.islice(found, options.limit)
    if not options.is_now:
        requests = order.by_time(warmup.limited(found, options.limit), now=clock.now())
    sending.send(crew, requests, warmup, rows=rows.count, limit=options.limit)
    summary = sending.summary(order)
    screen.show(summary, text_of(summary))
    if crew.useless is not None:
        screen.note(_advice(crew.useless))
        return REFUSED
    if summary.is_interrupted:
        return INTERRUPTED
    return SOMETHING_FAILED if summary.failed or summary.history_failed else DONE


def _announce(screen: Screen, options: _Options, columns: ColumnMap, rows: Table) -> None:
    total = min(rows.count, options.limit or sys.maxsize)
    many = (
        f"{options.history} days of history and the rest" if options.history else f"{total:,} rows"
    )
    screen.note(f"{many} of {options.file.name} to {options.url}, {options.concurrency} at a time")
    if not options.is_now and columns.has_labels and not rows.has_more:
        screen.note(f"no labels: the file lacks {', '.join(columns.label_columns)}")


def _requests(
    rows: Table, columns: ColumnMap, sending: Sending, *, clock: Clock | None
) -> Iterator[Request]:
    """Yield the payments of a file; a row that is none counts as failed."""
    for place, row in enumerate(rows.rows(), start=1):
        now: dt.datetime | None = clock.now() if clock is not None else None
        try:
            request = columns.request(row, now=now)
            yield columns.labelled(request, row) if clock is None and rows.has_more else request
        except RowRefused as refused:
            sending.refused(f"row {place}", f"row_refused ({refused})")


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
