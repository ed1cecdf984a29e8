"""What a signal handler may safely do: ask another thread. Installs no handler itself."""

import threading
from collections.abc import Callable


def aside(act: Callable[[], None]) -> None:
    """Call a function in a thread of its own.

    A handler runs inside whatever the main thread was doing, which may hold the very lock that
    the function needs: an Event that is being waited for would deadlock.
    """
    threading.Thread(target=act, daemon=True).start()
