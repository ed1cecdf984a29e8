"""The lock that says which writer works: flock on a file beside the database."""

import fcntl
import os
import socket
from pathlib import Path
from types import TracebackType
from typing import Final, Self

HOLDER_LENGTH: Final = 200


class WriterRuns(Exception):  # noqa: N818  states what is so
    """Another process holds the lock."""


class WriterLock:
    """Held as long as the process lives; the kernel frees it however the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            WriterRuns: Another process holds it, running or stopped; the text says which.
        """
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(file, HOLDER_LENGTH, 0).decode(errors="replace").strip("\0\n ")
            os.close(file)
            raise WriterRuns(
                f"the lock {self._path.name} is held by {holder or 'an unknown process'};"
                " stop that process first, then start this one again"
            ) from error
        os.ftruncate(file, 0)
        os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        self._file = file
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
