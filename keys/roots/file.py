"""The root key in a file that only its owner reads. Never overwrites or repairs one."""

import os
import stat
from pathlib import Path
from typing import Final

from keys.derive import ROOT_BYTES
from keys.entropy import Entropy

_MODE: Final = 0o600
_OTHERS: Final = 0o077
_NAME_BYTES: Final = 8


class RootRefused(Exception):  # noqa: N818  it is what happened to the file
    """The root key cannot be used as it is. The sentence says what to do next."""


def load_or_create(path: Path, entropy: Entropy) -> bytes:
    """Return the root key, making it first if there is no file.

    The file appears whole or not at all, and is on disk before this returns. Of several
    processes that start at once, one makes the key and all return it.

    Args:
        path: The file; its folder exists.
        entropy: Where a new key comes from.

    Raises:
        RootRefused: The file cannot be used, see `load`, or its folder cannot.
    """
    try:
        if not os.path.lexists(path):
            _create(path, entropy)
    except OSError as failed:
        raise RootRefused(
            f"cannot make the root key {path} ({failed.strerror}): "
            f"make sure that the folder {path.parent} exists and that this user may write there"
        ) from failed
    return load(path)


def load(path: Path) -> bytes:
    """Return the root key from its file; for when there is data that a new key cannot open.

    Raises:
        RootRefused: The file is missing, no plain file, of another owner, open to others, or
            of another length than ROOT_BYTES.
    """
    try:
        # O_NONBLOCK: a pipe in the file's place would make the start wait for ever.
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise RootRefused(
            f"the root key {path} is missing: restore it from its backup; "
            "without it nothing that was sealed can be opened"
        ) from None
    except OSError as failed:
        raise RootRefused(
            f"cannot read the root key {path} ({failed.strerror}): "
            "it must be a plain file, no link, that this user may read"
        ) from failed
    try:
        _check(path, os.fstat(file))
        root = os.read(file, ROOT_BYTES + 1)
    finally:
        os.close(file)
    if len(root) != ROOT_BYTES:
        raise RootRefused(
            f"the root key {path} has not {ROOT_BYTES} bytes: restore it from its backup"
        )
    # Whoever made the file may not have come to this yet, and we are about to seal under it.
    _sync_folder(path)
    return root


def _check(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise RootRefused(f"the root key {path} is no plain file: move it away or name another")
    if status.st_uid != os.geteuid():
        raise RootRefused(
            f"the root key {path} belongs to another user: run as its owner, or `chown` it"
        )
    if status.st_mode & _OTHERS:
        raise RootRefused(
            f"others may read or change the root key {path}: `chmod 600 {path}`, "
            "and think about who had access until now"
        )


def _create(path: Path, entropy: Entropy) -> None:
    scratch = path.with_name(f".{path.name}.{entropy(_NAME_BYTES).hex()}.new")
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE)
    try:
        try:
            # A umask takes bits away, never adds them; say it again for the owner's own.
            os.fchmod(file, _MODE)
            _write(file, entropy(ROOT_BYTES))
            os.fsync(file)
        finally:
            os.close(file)
        # A link never replaces: of two processes one fails here and takes the other's key.
        try:
            path.hardlink_to(scratch)
        except FileExistsError:
            return
    finally:
        scratch.unlink()


def _write(file: int, content: bytes) -> None:
    written = os.write(file, content)
    if written != len(content):
        raise OSError(f"{written} of {len(content)} bytes were written")


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
