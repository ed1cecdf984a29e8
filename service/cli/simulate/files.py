"""Rows of a made-up world as a new file; all its payments are held until the last label."""

import csv
import datetime as dt
import importlib.util
import itertools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from risk.simulation.shapes import Paid, Told
from service.cli.screen import Failure
from service.cli.simulate.rows import COLUMNS, rows

ROWS_AT_ONCE: Final = 10_000
Row = dict[str, str]
Write = Callable[[Path, Iterator[Row]], None]
# The only column that parquet readers look at as a time; the others come as they are written.
TIME: Final = "occurred_at"


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written.

    Attributes:
        file: Where.
        payments: How many rows it has.
        by_scenario: Those, by why they happened.
        labelled: Labels, by what they say.
    """

    file: str
    payments: int
    by_scenario: dict[str, int]
    labelled: dict[str, int]


def writer_for(out: Path) -> Write:
    """Return what writes a file of this ending.

    Raises:
        Failure: The ending is none of ours, or what writes it is not installed.
    """
    if out.suffix == ".csv":
        return _write_csv
    if out.suffix != ".parquet":
        raise Failure(
            "format_unknown",
            f"{out} ends in neither .csv nor .parquet",
            then="name the file world.csv or world.parquet",
        )
    if importlib.util.find_spec("pyarrow") is None:
        raise Failure(
            "parquet_not_installed",
            "writing parquet needs the extra `data`",
            then="install it (`uv sync --extra data`), or name a .csv file",
        )
    return _write_parquet


def write_world(events: Iterable[Paid | Told], out: Path) -> Written:
    """Write events to a new file; none is left where that fails or is interrupted.

    Raises:
        Failure: The file is there, cannot be written, or its format is none of ours.
    """
    write = writer_for(out)
    scenarios: dict[str, int] = {}
    labelled: dict[str, int] = {}

    def counted() -> Iterator[Row]:
        for row in rows(events):
            scenarios[row["scenario"]] = scenarios.get(row["scenario"], 0) + 1
            if row["intent"]:
                labelled[row["intent"]] = labelled.get(row["intent"], 0) + 1
            yield row

    try:
        # Fails where one is there: what is taken back below is our own.
        out.open("xb").close()
        try:
            write(out, counted())
        except BaseException:
            # Half a world reads like a whole one.
            out.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Failure(
            "file_unusable",
            f"{out} cannot be written: {error.strerror or error}",
            then="name a new file in a folder where this user may write",
        ) from error
    return Written(
        file=str(out),
        payments=sum(scenarios.values()),
        by_scenario=dict(sorted(scenarios.items())),
        labelled=dict(sorted(labelled.items())),
    )


def _write_csv(out: Path, found: Iterator[Row]) -> None:
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)


def _write_parquet(out: Path, found: Iterator[Row]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    time = pa.timestamp("us", tz="UTC")
    schema = pa.schema([(name, time if name == TIME else pa.string()) for name in COLUMNS])
    with out.open("wb") as file, parquet.ParquetWriter(file, schema) as writer:
        while some := list(itertools.islice(found, ROWS_AT_ONCE)):
            columns = {name: [_cell(name, row[name]) for row in some] for name in COLUMNS}
            writer.write_batch(pa.RecordBatch.from_pydict(columns, schema=schema))


def _cell(name: str, value: str) -> Any:
    if name == TIME:
        return dt.datetime.fromisoformat(value)
    return value or None
