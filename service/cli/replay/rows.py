"""Rows of a parquet or CSV file, a few thousand in memory at a time. Never writes."""

import contextlib
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

from service.cli.screen import Failure

ROWS_AT_ONCE: Final = 2_000
CSV_ENDINGS: Final = frozenset({".csv", ".txt"})


class Table(Protocol):
    """A file of rows."""

    @property
    def count(self) -> int:
        """About how many rows it has."""
        ...

    @property
    def has_more(self) -> bool:
        """Whether it has the columns that it need not have."""
        ...

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row's wanted columns."""
        ...

    def columns(self) -> dict[str, Any]:
        """Return every wanted column whole: a list, or a numpy array where nothing is missing."""
        ...


def open_table(path: Path, columns: Sequence[str], more: Sequence[str] = ()) -> Table:
    """Return a file's rows with these columns.

    Args:
        path: The file.
        columns: What it must have.
        more: What each row has besides where the file has all of it.

    Raises:
        Failure: It cannot be read, or lacks a column.
    """
    kind = CSVTable if path.suffix.lower() in CSV_ENDINGS else ParquetTable
    with _reading(path):
        return kind(path, columns, more)


@contextlib.contextmanager
def _reading(path: Path, damage: type[Exception] = csv.Error) -> Iterator[None]:
    """Say of a file that cannot be read what is wrong with it, and never what it holds.

    Args:
        path: The file.
        damage: What is raised besides where a file of its kind is damaged.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise Failure(
            "file_unreadable",
            f"{path} has text that is not UTF-8",
            then="save it as UTF-8; spreadsheets call that `CSV UTF-8`",
        ) from error
    except OSError as error:
        raise Failure(
            "file_unreadable",
            f"{path} cannot be read: {error.strerror or 'it is damaged, or cannot be reached'}",
            then="give the path of a parquet or CSV file that this user may read",
        ) from error
    except damage as error:
        raise Failure(
            "file_unreadable",
            f"{path} is damaged ({type(error).__name__})",
            then="write the file anew, and compare its size with the original's",
        ) from error


class CSVTable:
    """A CSV file whose first line names the columns."""

    def __init__(self, path: Path, columns: Sequence[str], more: Sequence[str] = ()) -> None:
        self._path = path
        with path.open(encoding="utf-8-sig", newline="") as file:
            found = next(csv.reader(file), [])
        _check(path, found, columns)
        self.has_more = set(more) <= set(found)
        self._columns = [*columns, *more] if self.has_more else list(columns)

    @property
    def count(self) -> int:
        """Lines after the first; a line break inside quotes counts as well."""
        with self._path.open("rb") as file:
            return max(sum(1 for _ in file) - 1, 0)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row's wanted columns as text; a short row has None."""
        with (
            _reading(self._path),
            self._path.open(encoding="utf-8-sig", newline="") as file,
        ):
            for row in csv.DictReader(file):
                yield {name: row[name] for name in self._columns}

    def columns(self) -> dict[str, Any]:
        """Return every wanted column whole, as lists of texts."""
        found: dict[str, Any] = {name: [] for name in self._columns}
        adds = [(name, found[name].append) for name in self._columns]
        for row in self.rows():
            for name, add in adds:
                add(row[name])
        return found


class ParquetTable:
    """A parquet file."""

    def __init__(self, path: Path, columns: Sequence[str], more: Sequence[str] = ()) -> None:
        # Here and nowhere above: it belongs to an extra, and takes long to load.
        try:
            import pyarrow as pa
            from pyarrow import parquet
        except ImportError as error:
            raise Failure(
                "parquet_not_installed",
                "reading parquet needs the extra `data`",
                then="install it (`uv sync --extra data`), or give a CSV file",
            ) from error
        self._arrow = pa
        self._path = path
        try:
            self._file = parquet.ParquetFile(path)
        except pa.ArrowInvalid as error:
            raise Failure(
                "file_unreadable", f"{path} is no parquet file", then="end CSV files in .csv"
            ) from error
        found = self._file.schema_arrow.names
        _check(path, found, columns)
        self.has_more = set(more) <= set(found)
        self._columns = [*columns, *more] if self.has_more else list(columns)

    @property
    def count(self) -> int:
        """The number of rows, from the file's own description."""
        return int(self._file.metadata.num_rows)

    def rows(self) -> Iterator[dict[str, Any]]:
        """Yield each row's wanted columns as Python values; times are cut to microseconds."""
        pa = self._arrow
        with self._reading():
            for batch in self._file.iter_batches(batch_size=ROWS_AT_ONCE, columns=self._columns):
                cut = {
                    name: column.cast(pa.timestamp("us", tz=column.type.tz), safe=False)
                    if pa.types.is_timestamp(column.type)
                    else column
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                yield from pa.RecordBatch.from_pydict(cut).to_pylist()

    def columns(self) -> dict[str, Any]:
        """Return every wanted column whole; numbers and times without gaps as numpy arrays."""
        kinds = self._arrow.types
        found: dict[str, Any] = {}
        with self._reading():
            table = self._file.read(columns=self._columns)
            for name, column in zip(table.column_names, table.columns, strict=True):
                is_plain = kinds.is_integer(column.type) or kinds.is_floating(column.type)
                if column.null_count == 0 and (is_plain or kinds.is_timestamp(column.type)):
                    found[name] = column.to_numpy()
                else:
                    found[name] = column.to_pylist()
        return found

    def _reading(self) -> contextlib.AbstractContextManager[None]:
        return _reading(self._path, self._arrow.ArrowException)


def _check(path: Path, found: Sequence[str], wanted: Sequence[str]) -> None:
    missing = [name for name in wanted if name not in found]
    if missing:
        raise Failure(
            "columns_missing",
            f"{path} has no column {', '.join(missing)}; it has {', '.join(found) or 'none'}",
            then="give a map of this file's columns with --map; docs/replay.md shows one",
        )
