"""Where challengers lie: a model's file and what is said of it, for each merchant and mode.

They are proposals: made again from the store at any time, signed and added by an operator.
"""

import datetime as dt
from pathlib import Path
from typing import Final

import msgspec

from service.unit_of_work.commands import Mode

FOLDER: Final = "challengers"
# The next one is learnt when labels of so many times the frauds have come.
GROWTH: Final = 1.25


class Challenger(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was learnt, or why none was.

    Attributes:
        frauds: Labelled payments by kind when it was tried, known or not by then.
        model: Id of the model; None where there is none.
        file: Where the model lies; None where there is none.
        payments: How many it learnt from.
        validated: By head: average precision on later payments than it learnt from there.
        in_force: Average precision, on the same later payments, of the scores that they got when
            they were judged, for any fraud; None where few were scored.
        why_not: Code of what is wrong with the data; None where there is a model.
    """

    tenant_id: str
    merchant_id: str
    mode: Mode
    trained_at: dt.datetime
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


def is_due(last: Challenger | None, frauds: dict[str, int], *, least: int) -> bool:
    """Say whether labels carry a model that the last one is not yet.

    Args:
        last: What was learnt last; None for nothing.
        frauds: Labelled payments by kind.
        least: So many of one kind carry a head.
    """
    if max(frauds.values(), default=0) < least:
        return False
    return last is None or sum(frauds.values()) >= GROWTH * sum(last.frauds.values())


def write(folder: Path, said: Challenger, model: bytes | None) -> Challenger:
    """Keep what came of a training, the model before what names it; return it with its file.

    Raises:
        OSError: The folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
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
    made = file.with_name(f".{file.name}.new")
    made.write_bytes(content)
    made.replace(file)
