"""Which file system holds a path, and what it makes of a program's wish for durability."""

from pathlib import Path
from typing import Final, NamedTuple

# In memory: everything is gone with the power. Elsewhere: SQLite's shared memory does not reach.
IN_MEMORY: Final = frozenset({"tmpfs", "ramfs"})
OVER_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"})
# With these an fsync returns before the disk has it: no barrier, or no fsync at all.
_IDLE_FSYNC: Final = frozenset({"nobarrier", "barrier=0", "volatile"})
_LIST: Final = Path("/proc/self/mountinfo")


class Mount(NamedTuple):
    """A file system, as it is mounted.

    Attributes:
        kind: Its name, as the kernel has it; empty where nobody says.
        idle_fsync: The option by which an fsync promises nothing; empty where there is none.
    """

    kind: str
    idle_fsync: str


def mount_of(path: Path) -> Mount:
    """Return what holds a path, which need not be there yet."""
    try:
        mounts = _LIST.read_text("utf-8", "replace")
    except OSError:
        return Mount("", "")
    return holder(path.resolve(), mounts)


def holder(place: Path, mounts: str) -> Mount:
    """Return what holds a place.

    Args:
        place: Absolute, without links.
        mounts: Lines of Linux' `mountinfo`; of two on one point the later covers the other.
    """
    found, depth = Mount("", ""), 0
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        point = Path(before.split(" ")[4].replace("\\040", " "))
        if place.is_relative_to(point) and len(point.parts) >= depth:
            kind, _source, own = after.split(" ")[:3]
            options = {*before.split(" ")[5].split(","), *own.split(",")}
            found, depth = Mount(kind, "".join(sorted(options & _IDLE_FSYNC)[:1])), len(point.parts)
    return found
