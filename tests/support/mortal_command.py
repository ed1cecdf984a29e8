"""A command of the command line that is killed at a point of its way, as by a power cut.

Run as `python -m tests.support.mortal_command upgrade ...`. A point is each statement of a
migration, before it runs, each step on the file system (what is opened to be written, linked,
renamed, removed, made) and each program that is started. PAYGUARD_TEST_DIES_AFTER says at which
point SIGKILL comes; 0 never. The points that were passed are written to the file that
PAYGUARD_TEST_POINTS names.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from service.cli import main
from tests.support.composed_writer import seam

STEPS: Final = frozenset(
    {"os.link", "os.mkdir", "os.remove", "os.rename", "sqlite3.connect", "subprocess.Popen"}
)
WRITES: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT
# Running Python writes files of its own.
NOT_OURS: Final = ("__pycache__", "/dev/")


class Way:
    """Counts points, and ends the process at one of them."""

    def __init__(self, *, dies_after: int, points: Path) -> None:
        self._dies_after = dies_after
        self._file = os.open(points, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._passed = 0

    def point(self, name: str) -> None:
        self._passed += 1
        os.write(self._file, f"{name}\n".encode())
        if self._passed == self._dies_after:
            os.kill(os.getpid(), signal.SIGKILL)

    def statement(self, *given: Any) -> None:
        """Hear of a statement that SQLAlchemy is about to run."""
        self.point(f"statement {str(given[2]).split(None, 1)[0]}")

    def audit(self, event: str, given: tuple[Any, ...]) -> None:
        """Hear of what the interpreter is about to do."""
        is_write = event == "open" and isinstance(given[2], int) and bool(given[2] & WRITES)
        if event in STEPS or (is_write and not any(one in str(given[0]) for one in NOT_OURS)):
            self.point(f"{event} {Path(str(given[0])).suffix}")


if __name__ == "__main__":
    way = Way(dies_after=int(seam("DIES_AFTER", "0")), points=Path(seam("POINTS")))
    sa.event.listen(sa.Engine, "before_cursor_execute", way.statement)
    sys.addaudithook(way.audit)
    main(sys.argv[1:])
