"""SQLite's part of a backup: a copy of one instant, its figures, and its way into place.

Copying holds up nobody: it reads one snapshot, in steps, and the writer goes on in the
write-ahead log. Putting in place is for whoever holds the locks.
"""

import contextlib
import datetime as dt
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from typing_extensions import override

from service.db.backup import (
    CHUNK_BYTES,
    FILE_MODE,
    BackupRefused,
    Keeper,
    Kind,
    LogHead,
    Manifest,
    Progress,
    Staged,
    StoreFacts,
    check_facts,
    require_whole,
    room_for,
    sync,
)
from service.db.sqlite import connect
from service.db.store import StoreUnavailable

COPY: Final = "payguard.sqlite"
# 1 MiB of pages of the default size: a step takes a millisecond or two.
STEP_PAGES: Final = 256
# What is written is sent to the disk in portions: one large flush would stand in front of the
# writer's own.
SYNC_BYTES: Final = 8 << 20
COMPLAINTS_MAX: Final = 5
_SIDE_FILES: Final = ("-wal", "-shm", "-journal")
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# What Alembic calls its own table.
_REVISIONS: Final = "alembic_version"
_NAMES: Final = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite~_%' ESCAPE '~'"
    " ORDER BY name"
)
_LOGS: Final = (
    "SELECT e.log, h.size, lower(hex(e.leaf)) FROM entries e JOIN (SELECT log, count(*) AS size,"
    " max(position) AS last FROM entries GROUP BY log) h ON e.log = h.log AND e.position = h.last"
    " ORDER BY e.log"
)


def copy(database: Path, target: Path, progress: Progress) -> None:
    """Copy a store that may be in use, as it is at one instant, into one file.

    Args:
        database: The store.
        target: A file that is not there yet.
        progress: Told the bytes that were copied.

    Raises:
        BackupRefused: The store cannot be read, or the copy not be written.
        StoreUnavailable: The store cannot be opened.
    """
    room_for(target.parent, _bytes(database))
    file = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        with _reading(database) as source, contextlib.closing(_fresh(target)) as copied:
            [size] = source.execute("PRAGMA page_size").fetchone()
            unsynced = SYNC_BYTES

            def step(_status: int, remaining: int, total: int) -> None:
                nonlocal unsynced
                unsynced -= STEP_PAGES * size
                if unsynced <= 0:
                    os.fdatasync(file)
                    unsynced = SYNC_BYTES
                progress("copied", (total - remaining) * size, total * size)

            source.backup(copied, pages=STEP_PAGES, progress=step)
            # A backup is one file: nothing beside it that could be forgotten.
            assert copied.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    except sqlite3.Error as error:
        raise BackupRefused(
            "backup_failed",
            f"the database could not be copied: {error}",
            then="look for room on the disk; `payguard doctor` looks at the database",
        ) from error
    finally:
        os.close(file)


def _fresh(target: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(target, isolation_level=None)
    # Nothing of it counts before all of it is on the disk, which the folder sees to.
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = OFF").fetchone()
    return connection


@contextlib.contextmanager
def _reading(database: Path) -> Iterator[sqlite3.Connection]:
    """Yield a connection that reads one snapshot, whatever is committed meanwhile."""
    with contextlib.closing(connect(database, readonly=True)) as connection:
        connection.execute("BEGIN")
        # The snapshot is taken by the first read. Without it the copy would begin anew with each
        # commit that happens meanwhile.
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield connection


def facts(database: Path) -> StoreFacts | None:
    """Return what a store holds, at one instant; None where it has no tables.

    Raises:
        StoreUnavailable: It cannot be read.
    """
    try:
        with _reading(database) as connection:
            return _facts(connection)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error


def _facts(connection: sqlite3.Connection) -> StoreFacts | None:
    names = [name for (name,) in connection.execute(_NAMES) if name != _REVISIONS]
    if not names:
        return None
    tables = {
        # The names are the store's own, and the one place where a table has to be named.
        name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608  see above
        for name in names
    }
    [revision] = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    writer = connection.execute("SELECT sum(sequence), max(epoch), max(now) FROM writer").fetchone()
    sequence, epoch, now = writer
    return StoreFacts(
        revision=revision,
        sequence=sequence or 0,
        epoch=epoch or 0,
        at=None if now is None else _EPOCH + dt.timedelta(microseconds=now),
        logs=tuple(
            LogHead(log=log, size=size, leaf=leaf) for log, size, leaf in connection.execute(_LOGS)
        ),
        tables=tables,
    )


def complaints(database: Path) -> list[str]:
    """Return what is broken in a store: pages, indexes, CHECKs, foreign keys; at best nothing.

    For a store that nobody works on.

    Raises:
        StoreUnavailable: It cannot be read at all.
    """
    try:
        # Over a file that was opened to be read only, SQLite 3.40 looks at no CHECK.
        with contextlib.closing(
            sqlite3.connect(f"file:{quote(str(database))}?mode=rw", uri=True, isolation_level=None)
        ) as connection:
            connection.execute("PRAGMA query_only = ON")
            pages = connection.execute(f"PRAGMA integrity_check({COMPLAINTS_MAX})").fetchall()
            keys = connection.execute("PRAGMA foreign_key_check").fetchmany(COMPLAINTS_MAX)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error
    found = [text for (text,) in pages if text != "ok"]
    return found + [f"a row of {table} refers to none in {to}" for table, _, to, _ in keys]


def stage(folder: Path, database: Path, progress: Progress) -> Path:
    """Copy a backup's database beside the place where it belongs, and return the copy.

    Raises:
        BackupRefused: There is no room for it.
        OSError: It could not be copied.
    """
    staged = database.with_name(f"{database.name}.restoring")
    _remove(staged)
    source = folder / COPY
    total, done = source.stat().st_size, 0
    room_for(database.parent, total)
    target = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    with source.open("rb") as read, os.fdopen(target, "wb") as written:
        while chunk := read.read(CHUNK_BYTES):
            written.write(chunk)
            done += len(chunk)
            progress("restored", done, total)
        written.flush()
        os.fsync(written.fileno())
    return staged


def close_off(database: Path) -> None:
    """Make a store a single file that nobody has open, as far as it can be read.

    Raises:
        BackupRefused: A process has it open.
    """
    try:
        # Whoever opens a broken file to write may lose its log, which is to be kept as well.
        facts(database)
        with contextlib.closing(connect(database, readonly=False)) as connection:
            # Only the last connection can leave the write-ahead log; what is in it moves into
            # the file. One process that reads is enough to be refused.
            connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            raise BackupRefused(
                "database_in_use",
                f"a process has {database} open",
                then="stop the front ends too (`payguard serve`), then do this again",
            ) from error
    except (sqlite3.DatabaseError, StoreUnavailable):
        # It is broken, which may be why another is put in its place: it is kept as it is.
        return


def put_in_place(staged: Path, database: Path, aside: Path | None) -> None:
    """Let a copy be the store from now on.

    A kill at any moment leaves the old store in place or aside, whole, and the new one in place
    or beside it; doing it again finishes.

    Args:
        staged: The copy, on the same file system.
        database: Its place; what is there was closed off.
        aside: Where the store that is there is kept; None where there is none to keep.

    Raises:
        OSError: The disk refused.
    """
    # Sets the write-ahead log before it counts; nothing is left beside it.
    connect(staged, readonly=False).close()
    sync(staged)
    if aside is not None and database.exists():
        _keep(database, aside)
    # A log of another store beside the new file would be played into it.
    for suffix in _SIDE_FILES:
        database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)
    staged.replace(database)
    sync(database.parent)


def _keep(database: Path, aside: Path) -> None:
    """Give the old store a second name; its place stays taken until the new one has it."""
    for suffix in _SIDE_FILES:
        beside = database.with_name(f"{database.name}{suffix}")
        if beside.exists():
            os.link(beside, aside.with_name(f"{aside.name}{suffix}"))
    os.link(database, aside)
    sync(database.parent)


def _remove(database: Path) -> None:
    for suffix in ("", *_SIDE_FILES):
        database.with_name(f"{database.name}{suffix}").unlink(missing_ok=True)


def _bytes(database: Path) -> int:
    """Return how large a copy may become: what the file has, and what its log may add."""
    log = database.with_name(f"{database.name}-wal")
    return database.stat().st_size + (log.stat().st_size if log.exists() else 0)


class SQLiteStaged(Staged):
    """A copy of a backup's database beside its place."""

    def __init__(self, copied: Path, database: Path) -> None:
        self._copied = copied
        self._database = database

    @override
    def put_in_place(self, *, is_kept: bool, now: dt.datetime) -> str | None:
        database = self._database
        aside = None
        if is_kept:
            aside = database.with_name(f"{database.name}.replaced-{now:%Y%m%dT%H%M%S%fZ}")
        if database.exists():
            close_off(database)
        put_in_place(self._copied, database, aside)
        return None if aside is None else str(aside)


class SQLiteKeeper(Keeper):
    """A SQLite file as backup, restore and upgrade see it."""

    kind: Kind = "sqlite"

    def __init__(self, database: Path) -> None:
        self._database = database

    @override
    def engine(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @override
    def exists(self) -> bool:
        return self._database.exists()

    @override
    def facts(self) -> StoreFacts | None:
        return facts(self._database)

    @override
    def complaints(self) -> list[str]:
        return complaints(self._database)

    @override
    def copy(self, folder: Path, progress: Progress) -> tuple[Path, StoreFacts | None]:
        copied = folder / COPY
        copy(self._database, copied, progress)
        require_whole(complaints(copied), f"the database {self._database}")
        return copied, facts(copied)

    @override
    @contextlib.contextmanager
    def staged(self, folder: Path, manifest: Manifest, progress: Progress) -> Iterator[Staged]:
        copied = stage(folder, self._database, progress)
        try:
            require_whole(complaints(copied), f"the backup {folder}")
            check_facts(folder, manifest, facts(copied))
            yield SQLiteStaged(copied, self._database)
        finally:
            _remove(copied)
