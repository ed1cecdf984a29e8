"""Files of list entries: JSON lines, or CSV by the file's name. Knows no store and no merchant."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from service.cli.screen import Failure
from service.rooms.lists.contract import AddEntryRequest

# What a file says of an entry, and in this order as CSV.
FIELDS: Final = tuple(field.name for field in msgspec.structs.fields(AddEntryRequest))
CSV_ENDING: Final = ".csv"
LINE_BYTES_MAX: Final = 8_192
# A cell that begins with one of these is a formula to a spreadsheet; a quote before it is not.
FORMULA: Final = ("=", "+", "-", "@", "'")


def entries_of(file: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Yield what each line of a file says, by its number, or what is wrong with the line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Failure(
            "file_unreadable",
            f"{file} cannot be read as UTF-8 text",
            then="give the path of a CSV file or of JSON lines that this user may read",
        ) from error
    if file.suffix.lower() == CSV_ENDING:
        yield from _csv_rows(text)
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, _object(line)


def _object(line: str) -> dict[str, Any] | str:
    if len(line) > LINE_BYTES_MAX:
        return "the line is too long"
    try:
        return msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return "the line is no JSON object"


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        names = reader.fieldnames or ()
    except csv.Error:
        names = ()
    if not names or set(names) - set(FIELDS):
        raise Failure(
            "file_unreadable",
            "the first line of the file does not name the fields of entries",
            then=f"name these columns: {', '.join(FIELDS)}",
        )
    for row in _until_damaged(reader):
        if row is None:
            yield reader.line_num + 1, "the file is damaged from here on"
            return
        if None in row or None in row.values():
            yield reader.line_num, "the line has not as many fields as the first one"
            continue
        told: dict[str, Any] = {name: _unquoted(cell) for name, cell in row.items() if cell}
        if told.get("prefix", "").isdecimal():
            told["prefix"] = int(told["prefix"])
        yield reader.line_num, told


def _until_damaged(reader: "csv.DictReader[str]") -> Iterator[dict[str, Any] | None]:
    """Yield rows; None, at the end, where what follows cannot be split into rows.

    A quote that is not closed swallows all lines after it.
    """
    try:
        yield from reader
    except csv.Error:
        yield None


def written(rows: list[dict[str, Any]], file: Path) -> str:
    """Return the text of a file of entries: CSV by the file's name, else JSON lines."""
    return _csv(rows) if file.suffix.lower() == CSV_ENDING else _json_lines(rows)


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, FIELDS)
    writer.writeheader()
    for row in rows:
        cells = msgspec.to_builtins(row)
        writer.writerow(
            {name: "" if one is None else _quoted(str(one)) for name, one in cells.items()}
        )
    return out.getvalue()


def _quoted(cell: str) -> str:
    return f"'{cell}" if cell.startswith(FORMULA) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(FORMULA) else cell


def _json_lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(msgspec.to_builtins(row), ensure_ascii=False) + "\n" for row in rows)
