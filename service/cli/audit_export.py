"""Writes the log as JSON lines (docs/audit-export.md). Repairs and judges nothing."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, Final

from service.cli.audit_log import DROPPED, is_retiring
from service.cli.screen import Failure
from service.db.reader import Reader
from service.db.statements import Row
from service.rooms.audit import queries
from service.rooms.audit.contract import LOG

FORMAT: Final = "payguard-audit-export/1"
AT_ONCE: Final = 2_000
# The stand-alone verifier takes milliseconds for a signature: more are thinned out.
CHECKPOINTS_MAX: Final = 400
FILE_MODE: Final = 0o600

Progress = Callable[[int, int], None]


def hold_told(reader: Reader, latest: Row) -> None:
    """Hold that a checkpoint covers the entry that tells of what retention took.

    Raises:
        Failure: It is still to come, or stands behind the checkpoint.
        StoreUnavailable: The database cannot be read.
    """
    last = reader.maybe(queries.LAST_POSITION(log=LOG))
    behind = _rows(reader, latest["size"], last["position"] + 1 if last else 0)
    if is_retiring(reader) or any(row["kind"] == DROPPED for row in behind):
        raise Failure(
            "retention_at_work",
            "the entry that tells which entries retention took is not signed yet",
            then="export again in a minute; `payguard doctor` says where nothing is signed",
        )


def export(reader: Reader, file: IO[bytes], latest: Row, progress: Progress) -> tuple[int, int]:
    """Write the log up to a checkpoint; return how many entries and checkpoints.

    Args:
        reader: Reads over all tenants.
        file: Where it goes.
        latest: The checkpoint, with its key.
        progress: Told how many entries are done, of how many.

    Raises:
        Failure: Older entries were dropped, and the tree's tiles over them are not there.
        StoreUnavailable: The database cannot be read.
    """
    size, first = latest["size"], queries.first_kept(reader)
    try:
        left = queries.Tree(reader, LOG, size).hashes_of(first)
    except queries.TileMissing as error:
        raise Failure(
            "tree_broken", f"{error}", then="`payguard audit verify` names the bad place"
        ) from error
    header = {
        "type": "header",
        "format": FORMAT,
        "scope": "log",
        "log": LOG,
        "origin": latest["origin"],
        "first": first,
        "left": [one.hex() for one in left],
        "size": size,
    }
    _line(file, header)
    checkpoints = entries = 0
    for note in _thinned(reader, first, latest):
        _line(file, {"type": "checkpoint", "note": note})
        checkpoints += 1
    for row in _rows(reader, first, size):
        _line(file, _entry(row))
        entries += 1
        if entries % AT_ONCE == 0:
            progress(row["position"] + 1, size)
    return entries, checkpoints


def _thinned(reader: Reader, first: int, latest: Row) -> Iterator[str]:
    stride = (latest["size"] - first) // CHECKPOINTS_MAX
    due = first
    for row in queries.checkpoints_after(reader, LOG, first):
        if row["size"] >= latest["size"]:
            break
        if row["size"] >= due:
            yield row["note"]
            due = row["size"] + stride
    yield latest["note"]


def _rows(reader: Reader, first: int, size: int) -> Iterator[Row]:
    position = first
    while position < size:
        read = queries.ENTRIES_FROM(log=LOG, position=position, limit=AT_ONCE)
        rows = [row for row in reader.fetch(read) if row["position"] < size]
        if not rows:
            return
        yield from rows
        position = rows[-1]["position"] + 1


def _entry(row: Row) -> dict[str, Any]:
    return {
        "type": "entry",
        "position": row["position"],
        "number": row["number"],
        "leaf": row["leaf"].hex(),
        # What is no UTF-8 was changed: the verifier is to see that, not this to hide it.
        "body": row["body"].decode("utf-8", "surrogateescape"),
    }


def _line(file: IO[bytes], value: dict[str, Any]) -> None:
    file.write(json.dumps(value, separators=(",", ":")).encode() + b"\n")


def new_file(path: Path) -> IO[bytes]:
    """Return a new file to write, for its owner only.

    Raises:
        Failure: There is one, or it cannot be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise Failure(
            "file_unusable",
            f"{path} cannot be made: {error.strerror}",
            then="name a file that is not there yet, in a folder that this user may write in",
        ) from error
    return os.fdopen(descriptor, "wb")
