"""Finds the addresses of hosts in a bounded number of threads. Judges and caches none of them."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Final

# The C library's lookup cannot be ended: one that hangs keeps its thread, as long as it takes.
LOOKUPS_MAX: Final = 64

Resolve = Callable[[str, int], Sequence[str]]


def system_addresses(host: str, port: int) -> Sequence[str]:
    """Return all addresses that the system's resolver knows of a host, each once, in its order.

    Raises:
        OSError: It knows none.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(where[0]) for *_, where in found))


class Lookups:
    """Lookups of one event loop; those of one host at one time are one."""

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._running: dict[tuple[str, int], asyncio.Future[Sequence[str]]] = {}
        self._free = asyncio.Semaphore(LOOKUPS_MAX)

    async def find(self, host: str, port: int) -> Sequence[str]:
        """Return a host's addresses; whoever waits gives up by being cancelled.

        Raises:
            OSError: There are none.
        """
        running = self._running.get((host, port))
        if running is None:
            await self._free.acquire()
            # Another may have begun while this one waited.
            running = self._running.get((host, port))
            if running is None:
                running = self._begin(host, port)
            else:
                self._free.release()
        return await asyncio.shield(running)

    def _begin(self, host: str, port: int) -> asyncio.Future[Sequence[str]]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[str]] = loop.create_future()
        # Nobody may be left who asks for the result.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())

        def finish(found: Sequence[str] | OSError) -> None:
            self._free.release()
            del self._running[host, port]
            if isinstance(found, OSError):
                future.set_exception(found)
            else:
                future.set_result(found)

        def look() -> None:
            try:
                found: Sequence[str] | OSError = self._resolve(host, port)
            except OSError as error:
                found = error
            except UnicodeError:
                found = OSError("no host has such a name")
            # The loop ends without waiting for what hangs.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(finish, found)

        try:
            threading.Thread(target=look, name="lookup", daemon=True).start()
        except RuntimeError as error:
            self._free.release()
            raise OSError("no thread to look it up") from error
        self._running[host, port] = future
        return future
