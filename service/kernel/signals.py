"""What a signal handler may safely do, and how a process ends with another. Installs no handler."""

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Final

_PR_SET_PDEATHSIG: Final = 1


def aside(act: Callable[[], None]) -> None:
    """Call a function in a thread of its own.

    A handler runs inside whatever the main thread was doing, which may hold the very lock that
    the function needs: an Event that is being waited for would deadlock.
    """
    threading.Thread(target=act, daemon=True).start()


def ends_with(parent: int, *, by: signal.Signals) -> Callable[[], None]:
    """Return what has the kernel end the calling process when its parent dies; Linux only.

    Elsewhere it does nothing. All that has to be loaded is loaded here, so that what comes back
    may be called between fork and exec.

    Args:
        parent: The parent's process; whoever has another one by then ends at once.
        by: With what it ends.
    """
    if sys.platform != "linux":
        return lambda: None
    library = ctypes.CDLL(None)

    def bind() -> None:
        library.prctl(_PR_SET_PDEATHSIG, int(by))
        if os.getppid() != parent:
            os._exit(1)

    return bind
