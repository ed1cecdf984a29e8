"""Checkpoints outside of the database: the latest, and all of them. The worker alone writes.

Whoever sets the database back leaves these behind, and so is seen. Each log has three files:
the latest signed note, one JSON object a line for each there ever was, and the key.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
LATEST_BYTES_MAX: Final = 65_536


class Aside(NamedTuple):
    """Where checkpoints were moved to, and how many files."""

    folder: Path
    files: int


class CheckpointFolder:
    """The files of one log in one folder.

    Args:
        folder: Made at the first write, for its owner only.
        log: The log's name.
    """

    def __init__(self, folder: Path, log: str) -> None:
        self.folder = folder
        self.latest_file = folder / f"log-{log}.checkpoint"
        self.history_file = folder / f"log-{log}.history.jsonl"
        self.key_file = folder / f"log-{log}.key"
        self._added: str | None = None

    def latest(self) -> str | None:
        """Return the latest note; None where there is none.

        Raises:
            OSError: It cannot be read.
        """
        text = _read(self.latest_file)
        if text is not None:
            return text
        last = None
        for last in self.history():  # noqa: B007  the last one counts
            pass
        return last

    def history(self) -> Iterator[str]:
        """Yield every note there ever was, the oldest first; a line cut by a crash is none.

        Raises:
            OSError: They cannot be read.
        """
        try:
            lines = self.history_file.open("rb")
        except FileNotFoundError:
            return
        with lines:
            for line in lines:
                try:
                    note = json.loads(line)["note"]
                except (ValueError, KeyError, TypeError):
                    note = ""
                if isinstance(note, str) and line.endswith(b"\n"):
                    yield note

    def key(self) -> str | None:
        """Return the key that was written with the first note, or None.

        Raises:
            OSError: It cannot be read.
        """
        text = _read(self.key_file)
        return None if text is None else text.strip()

    def write(self, note: str, *, key: str) -> None:
        """Add a note and make it the latest; on the disk when this returns.

        Args:
            note: A signed checkpoint that the database holds.
            key: The verifier key that signed it; what stands there already stays.

        Raises:
            OSError: The folder or the disk refuses.
        """
        self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        # Once, though what comes after it may fail and the worker try again and again.
        if note != self._added or not self.history_file.exists():
            self._append(json.dumps({"type": "checkpoint", "note": note}).encode() + b"\n")
            self._added = note
        if not self.key_file.exists():
            self._replace(self.key_file, f"{key}\n")
        self._replace(self.latest_file, note)
        _sync(self.folder)

    def move_aside(self, name: str) -> Aside:
        """Move what is there into a folder of that name inside, where nobody looks any more.

        Raises:
            OSError: The folder or the disk refuses.
        """
        aside = self.folder / name
        aside.mkdir(mode=FOLDER_MODE)
        moved = 0
        # The latest goes last: a crash before leaves the divergence to be seen.
        for file in (self.history_file, self.key_file, self.latest_file):
            if file.exists():
                file.rename(aside / file.name)
                moved += 1
        _sync(aside)
        _sync(self.folder)
        return Aside(aside, moved)

    def _append(self, line: bytes) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        descriptor = os.open(self.history_file, flags, FILE_MODE)
        with os.fdopen(descriptor, "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                # A crash cut the line before; it must not swallow this one.
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            os.fsync(file.fileno())

    def _replace(self, path: Path, text: str) -> None:
        fresh = path.with_name(f"{path.name}.new")
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        descriptor = os.open(fresh, flags, FILE_MODE)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)


def _read(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(LATEST_BYTES_MAX).decode("utf-8", "replace")
    except FileNotFoundError:
        return None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
