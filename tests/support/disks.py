"""A small disk of a test's own, and a way to fill it."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest


@contextlib.contextmanager
def small_disk(mib: int) -> Iterator[Path]:
    """Yield a file system of so many MiB, which whoever owns its folders may reach."""
    if os.geteuid() != 0:
        pytest.skip("root: needed to mount a small file system")
    # Not in a test's folder, which another user cannot enter.
    with tempfile.TemporaryDirectory(prefix="payguard-disk-") as place:
        mount = ["mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0755", "tmpfs", place]
        subprocess.run(mount, check=True)
        try:
            yield Path(place)
        finally:
            subprocess.run(["umount", "--lazy", place], check=True)


class Ballast:
    """A file that takes all the room that is left."""

    def __init__(self, disk: Path) -> None:
        self._file = disk / "ballast"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Make room whatever happened, so that clients who ask again come to an end."""
        self._file.unlink(missing_ok=True)

    def fill(self) -> None:
        with self._file.open("ab", buffering=0) as file:
            for size in (1 << 20, 4_096, 1):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    continue

    def drop(self) -> None:
        self._file.unlink()
