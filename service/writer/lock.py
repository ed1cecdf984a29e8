"""The locks that say which writer and which worker work: one each for every store.

SQLite: flock on a file beside the database. PostgreSQL: an advisory lock held by a session.
"""

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from typing_extensions import override

from service.db.places import Database
from service.db.store import StoreUnavailable
from service.settings import Settings

HOLDER_LENGTH: Final = 200
# The exit status of a worker that found its lock taken by another.
REPLACED: Final = 3


class WriterRuns(Exception):  # noqa: N818  states what is so
    """Another process holds the lock."""


class Lock(Protocol):
    """Entered once; who is in it works alone."""

    def __enter__(self) -> Self:
        """Take the lock.

        Raises:
            WriterRuns: Another process holds it, running or stopped; the text says which.
            StoreUnavailable: The file or the database that keeps it cannot be used.
        """
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        ...

    def hold(self) -> None:
        """Make sure that it is held still, and take it again where only its session was lost.

        Raises:
            WriterRuns: Another process holds it by now.
            StoreUnavailable: The database that keeps it cannot be reached.
        """
        ...


class WriterLock(Lock):
    """Held as long as the process lives; the kernel frees it however the process ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    @override
    def __enter__(self) -> Self:
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            # Usually of another user: whoever ran a command as root made it root's.
            raise StoreUnavailable(
                f"the lock {self._path} cannot be opened: {error.strerror};"
                " run as the owner of the data folder, or give the file to this user"
            ) from error
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

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @override
    def hold(self) -> None:
        """Nothing to do: the kernel takes it from no process that lives."""


class AdvisoryLock(Lock):
    """Held as long as a session lives; the server frees it however the process ends."""

    def __init__(self, place: Database, name: str) -> None:
        from service.db.advisory import AdvisorySession  # noqa: PLC0415  psycopg is an extra

        self._name = name
        self._session = AdvisorySession(place, name)

    @override
    def __enter__(self) -> Self:
        self._try(self._session.take)
        return self

    @override
    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.leave()

    @override
    def hold(self) -> None:
        self._try(self._session.hold)

    def _try(self, take: Callable[[], None]) -> None:
        from service.db.advisory import LockHeld  # noqa: PLC0415  psycopg is an extra

        try:
            take()
        except LockHeld as error:
            raise WriterRuns(
                f"the {self._name}'s lock in the database is held by {error};"
                " stop that process first, then start this one again"
            ) from error


def writer_lock(settings: Settings) -> Lock:
    """Return the lock of whoever may change the store."""
    return _lock(settings, settings.lock_file, "writer")


def take_over(settings: Settings) -> None:
    """End the sessions of the writer and the worker that hold the locks, running or stopped.

    What they had begun is rolled back. The next writer raises the epoch, so that a stopped one
    commits nothing when it wakes.

    Raises:
        WriterRuns: The store is SQLite, where only the holder's end gives its lock back.
        StoreUnavailable: The database cannot be reached, or this role may not end them.
    """
    place = settings.database
    if isinstance(place, Path):
        raise WriterRuns("a SQLite store has no take-over: stop the process that holds its lock")
    from service.db.advisory import AdvisorySession  # noqa: PLC0415  psycopg is an extra

    for name in ("writer", "worker"):
        AdvisorySession(place, name).end_holder()


def worker_lock(settings: Settings) -> Lock:
    """Return the lock of whoever runs the store's timers and deliveries."""
    return _lock(settings, settings.worker_lock_file, "worker")


def _lock(settings: Settings, file: Path, name: str) -> Lock:
    place = settings.database
    if isinstance(place, Path):
        return WriterLock(file)
    return AdvisoryLock(place, name)
