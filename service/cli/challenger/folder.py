"""Where challengers lie: a model's file and what is said of it, for each merchant and mode.

They are proposals: made again from the store at any time, signed and added by an operator.
"""

import contextlib
import datetime as dt
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from service.unit_of_work.commands import Mode

FOLDER: Final = "challengers"
# The next one is learnt when labels of so many times the frauds have come.
GROWTH: Final = 1.25
# What was refused may only have wanted time: labels still to come, or payments of new features.
AGAIN: Final = dt.timedelta(days=1)
FOLDER_MODE: Final = 0o700
LOCK: Final = ".lock"
# Begins the name of a file that is being written. Others may keep folders of theirs here, with
# names that begin with a dot.
UNFINISHED: Final = ".tmp_"


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a merchant's last training, and the last model that there is.

    Attributes:
        feature_set: Id of the features that it was tried with.
        frauds: Labelled payments by kind when it was tried, known or not by then.
        model: Id of the last model that was learnt; None where there is none. It is an older one
            where the last training was refused.
        file: Where the model lies; None where there is none.
        payments: How many it learnt from.
        validated: By head: average precision on later payments than it learnt from there.
        in_force: Average precision, on the same later payments, of the scores that they got when
            they were judged, for any fraud; None where few were scored.
        why_not: Code of why the last training made no model; None where it made one.
    """

    tenant_id: str
    merchant_id: str
    mode: Mode
    trained_at: dt.datetime
    feature_set: str
    frauds: dict[str, int]
    model: str | None = None
    file: str | None = None
    payments: int = 0
    validated: dict[str, float] = {}
    in_force: float | None = None
    why_not: str | None = None

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.merchant_id}-{self.mode}"


def is_due(last: Challenger | None, now: Challenger, *, least: int) -> bool:
    """Say whether labels carry a model that the last one is not yet.

    Args:
        last: What was learnt last; None for nothing.
        now: What is to be learnt: its time, features, and labelled payments by kind.
        least: So many of one kind carry a head.
    """
    if max(now.frauds.values(), default=0) < least:
        return False
    if last is None or last.feature_set != now.feature_set:
        return True
    if last.why_not is not None and not last.trained_at <= now.trained_at < last.trained_at + AGAIN:
        return True
    return sum(now.frauds.values()) >= GROWTH * sum(last.frauds.values())


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Make the folder, and say whether nobody else learns here until this is left.

    What a training left that was killed while it wrote goes.

    Raises:
        OSError: It cannot be made, or not written.
    """
    # Its parent may be made here first, and nobody else may write where models lie.
    for one in (folder.parent, folder):
        one.mkdir(mode=FOLDER_MODE, exist_ok=True)
    opened = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            for left in folder.glob(f"{UNFINISHED}*"):
                if left.is_file():
                    left.unlink(missing_ok=True)
            yield True
    finally:
        os.close(opened)


def write(folder: Path, said: Challenger, model: bytes | None) -> Challenger:
    """Keep what came of a training, the model before what names it; return it with its file.

    Raises:
        OSError: The folder cannot be written.
    """
    if model is not None:
        file = folder / f"{said.name}.pgmodel"
        _put(file, model)
        said = msgspec.structs.replace(said, file=str(file))
    _put(folder / f"{said.name}.json", msgspec.json.encode(said))
    return said


def read_all(folder: Path) -> list[Challenger]:
    """Return what came of each merchant's last training; what cannot be read is left out."""
    found = []
    for file in sorted(folder.glob("*.json")):
        try:
            found.append(msgspec.json.decode(file.read_bytes(), type=Challenger))
        except (OSError, msgspec.DecodeError):
            continue
    return found


def _put(file: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    opened, made = tempfile.mkstemp(prefix=UNFINISHED, dir=file.parent)
    try:
        with os.fdopen(opened, "wb") as written:
            written.write(content)
        Path(made).replace(file)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise
