"""A backup as a folder: its manifest, its files, and how it appears whole or not at all.

Knows no store: what each keeps in the folder is for backup_sqlite.py and its like.
"""

import contextlib
import datetime as dt
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, Protocol

import msgspec

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
MANIFEST_BYTES_MAX: Final = 1 << 20
CHUNK_BYTES: Final = 1 << 20
FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700

Kind = Literal["sqlite", "postgres"]
Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and how much there is of it in all."""


class BackupRefused(Exception):  # noqa: N818  a state of the world, not our mistake
    """A backup cannot be made or used; nothing was changed.

    Attributes:
        code: Stable snake_case word for programs.
        then: What to do next.
    """

    def __init__(self, code: str, what: str, *, then: str) -> None:
        super().__init__(what)
        self.code = code
        self.then = then


class LogHead(msgspec.Struct, frozen=True, kw_only=True):
    """How far one log of entries reached.

    Attributes:
        log: Its name.
        size: Entries in it.
        leaf: Leaf hash of its last entry, hexadecimal.
    """

    log: str
    size: int
    leaf: str


class StoreFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a store holds, in figures by which a copy of it can be told to be whole.

    Attributes:
        revision: Of its tables.
        sequence: Number of the last command that it holds; 0 where no writer ever worked.
        epoch: Of the last writer.
        at: The writer's clock at its last commit.
        logs: By name.
        tables: Rows by table, in the order of names.
    """

    revision: str
    sequence: int
    epoch: int
    at: dt.datetime | None
    logs: tuple[LogHead, ...]
    tables: dict[str, int]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it that anybody could miss."""
        return self.sequence == 0 and not any(self.tables.values())


class FileFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What one file of a backup must be.

    Attributes:
        bytes: Its length.
        sha256: Hexadecimal.
    """

    bytes: int
    sha256: str


class SealedKey(msgspec.Struct, frozen=True, kw_only=True):
    """The active signing key as the store has it: a root key fits that opens it.

    Attributes:
        kid: Its name.
        sealed: Its sealed private half.
    """

    kid: str
    sealed: bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a backup says of itself.

    Attributes:
        format: Of this manifest.
        software: Version that made the backup.
        kind: Which store it is of.
        engine: The database's name and version.
        made_at: When it was begun.
        store: What it holds.
        files: By name.
        key: By which a root key can be told to fit; None where nothing is sealed yet.
        left_out: What is not in it and has to be kept elsewhere.
    """

    format: int
    software: str
    kind: Kind
    engine: str
    made_at: dt.datetime
    store: StoreFacts
    files: dict[str, FileFacts]
    key: SealedKey | None = None
    left_out: tuple[str, ...] = ("root key",)


class Staged(Protocol):
    """A backup that was found whole, beside the place where it belongs."""

    def put_in_place(self, *, is_kept: bool, now: dt.datetime) -> str | None:
        """Let it be the store from now on, in one step.

        Args:
            is_kept: Whether the store that is there is kept aside.
            now: Names what is kept.

        Returns:
            Where the old store is kept, if it is.

        Raises:
            BackupRefused: Somebody uses the store, or the database refused.
            OSError: The disk refused.
        """
        ...


class Keeper(Protocol):
    """What backup, restore and upgrade ask of a store, whichever database is behind it."""

    kind: Kind

    def engine(self) -> str:
        """Return the database's name and version.

        Raises:
            StoreUnavailable: It cannot be reached.
        """
        ...

    def exists(self) -> bool:
        """Say whether there is anything to look at."""
        ...

    def facts(self) -> StoreFacts | None:
        """Return what the store holds, at one instant; None where it has no tables.

        Raises:
            StoreUnavailable: It cannot be read.
        """
        ...

    def complaints(self) -> list[str]:
        """Return what is broken in a store that nobody works on; at best nothing.

        Raises:
            StoreUnavailable: It cannot be read at all.
        """
        ...

    def copy(self, folder: Path, progress: Progress) -> tuple[Path, StoreFacts | None]:
        """Copy the store, as it is at one instant, into one file in a folder.

        Returns:
            The file, and what the copy holds.

        Raises:
            BackupRefused: It cannot be copied, or the copy is broken.
            StoreUnavailable: The store cannot be read.
        """
        ...

    def staged(
        self, folder: Path, manifest: Manifest, progress: Progress
    ) -> contextlib.AbstractContextManager[Staged]:
        """Yield a backup, once everything about it was looked at that can be without a change.

        Raises:
            BackupRefused: It is not what its manifest says, or there is no room for it.
            OSError: The disk refused.
        """
        ...


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """Yield a folder that becomes the target once everything in it is on the disk.

    What fails or is killed on the way leaves a folder with the suffix `.partial`, which the next
    backup of this name begins anew.

    Raises:
        BackupRefused: The target exists, another backup to it runs, or it cannot be made.
    """
    target = target.absolute()
    if os.path.lexists(target):
        raise BackupRefused(
            "backup_exists",
            f"{target} exists already",
            then="give a name that is not there yet; a backup never replaces anything",
        )
    partial = target.with_name(f"{target.name}.partial")
    try:
        partial.mkdir(mode=FOLDER_MODE, exist_ok=True)
        held = os.open(partial, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise BackupRefused(
            "backup_folder_unusable",
            f"{partial} cannot be made: {error.strerror}",
            then="give a place in a folder that exists and that this user may write in",
        ) from error
    try:
        _hold(held, partial)
        yield partial
        for one in partial.iterdir():
            sync(one)
        os.fsync(held)
        partial.rename(target)
        sync(target.parent)
    finally:
        os.close(held)


def _hold(folder: int, partial: Path) -> None:
    """Keep other backups out of a folder, and empty it of what one that died left there."""
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise BackupRefused(
            "backup_runs",
            f"another backup writes to {partial} right now",
            then="wait for it, or give another name",
        ) from error
    for left in partial.iterdir():
        left.unlink()


def sync(path: Path) -> None:
    """Return once a file, or the names in a folder, are on the disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def file_facts(path: Path, progress: Progress) -> FileFacts:
    """Return a file's length and hash."""
    digest = hashlib.sha256()
    total, done = path.stat().st_size, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            progress("hashed", done, total)
    return FileFacts(bytes=done, sha256=digest.hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a backup's manifest; the last file that is written."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    file = os.open(
        folder / MANIFEST, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE
    )
    with os.fdopen(file, "wb") as opened:
        opened.write(text + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """Return a backup's manifest.

    Raises:
        BackupRefused: There is none, it cannot be read, or a newer software wrote it.
    """
    try:
        with (folder / MANIFEST).open("rb") as file:
            text = file.read(MANIFEST_BYTES_MAX)
    except OSError as error:
        raise BackupRefused(
            "backup_missing",
            f"there is no backup at {folder}: {MANIFEST} cannot be read ({error.strerror})",
            then="name the folder that `payguard backup` made; it holds a manifest.json",
        ) from error
    try:
        given: dict[str, Any] = msgspec.json.decode(text, type=dict[str, Any])
        if isinstance(given.get("format"), int) and given["format"] > FORMAT:
            raise BackupRefused(
                "backup_newer",
                f"{folder} was made by Payguard {given.get('software')}, in a form that this"
                " version does not know",
                then="use that version, or a newer one",
            )
        return msgspec.convert(given, Manifest, strict=False)
    except (msgspec.ValidationError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _damaged(folder, f"its {MANIFEST} is damaged") from error


def check_files(folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Hold that a backup's files are those that its manifest names, byte for byte.

    Raises:
        BackupRefused: One is missing, or is another.
    """
    for name, wanted in manifest.files.items():
        if Path(name).name != name:
            raise _damaged(folder, f"its {MANIFEST} names a file outside it")
        try:
            found = file_facts(folder / name, progress)
        except OSError as error:
            raise _damaged(folder, f"{name} cannot be read ({error.strerror})") from error
        if found != wanted:
            raise _damaged(folder, f"{name} is not the file that was backed up")


def _damaged(folder: Path, what: str) -> BackupRefused:
    return BackupRefused(
        "backup_damaged",
        f"the backup {folder} is damaged: {what}",
        then="use another copy of it, or an older backup; nothing was changed",
    )


def check_facts(folder: Path, manifest: Manifest, found: StoreFacts | None) -> None:
    """Hold that what was read back from a backup is what its manifest says was put into it.

    Raises:
        BackupRefused: A figure differs; the text names the first.
    """
    if found is None:
        raise _damaged(folder, "it has no tables")
    for name in StoreFacts.__struct_fields__:
        if getattr(found, name) != getattr(manifest.store, name):
            raise _damaged(folder, f"its {name} differs from what the manifest says")


def require_whole(complaints: list[str], named: str) -> None:
    """Refuse a store in which something is broken.

    Args:
        complaints: What was found.
        named: How people know the store.

    Raises:
        BackupRefused: Something is; the text says what.
    """
    if complaints:
        raise BackupRefused(
            "database_damaged",
            f"{named} is damaged: {complaints[0]}",
            then="keep it as it is, and `payguard restore` the newest backup that is whole",
        )


def room_for(folder: Path, size: int) -> None:
    """Refuse to begin what the disk has no room for.

    Args:
        folder: Where it is to be written.
        size: Bytes.

    Raises:
        BackupRefused: There is less room.
    """
    free = shutil.disk_usage(folder).free
    if free < size:
        raise BackupRefused(
            "disk_full",
            f"{folder} has {free:,} bytes left, and {size:,} are needed",
            then="make room, or give a place on another disk",
        )
