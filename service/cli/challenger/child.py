"""`payguard challenger train` as the worker runs it: with low priority, bounded, ended with it."""

import ctypes
import os
import resource
import signal
import sys
from typing import Final

from service.cli import main

# Payments come first on the machine that both run on.
NICENESS: Final = 15
MEMORY_BYTES_MAX: Final = 8 << 30
_PR_SET_PDEATHSIG: Final = 1


def bound() -> None:
    """Take second place on this machine, and end when the worker does."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))


if __name__ == "__main__":
    bound()
    main(["challenger", "train", "--json"])
