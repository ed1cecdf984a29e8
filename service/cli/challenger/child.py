"""`payguard challenger train` as the worker runs it: with low priority, bounded, ended with it."""

import os
import resource
import signal
from typing import Final

from service.cli import main
from service.kernel.signals import ends_with

# Payments come first on the machine that both run on.
NICENESS: Final = 15
MEMORY_BYTES_MAX: Final = 8 << 30


def bound() -> None:
    """Take second place on this machine, and end when the worker does."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    ends_with(os.getppid(), by=signal.SIGKILL)()


if __name__ == "__main__":
    bound()
    main(["challenger", "train", "--json"])
