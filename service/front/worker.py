"""gunicorn's worker of the cooperative front end: its asgi worker's loop, signals and heartbeat.

gunicorn's own protocol is not used: it takes any number of connections, waits without end for a
head and for an answer to be taken, and makes two tasks of each request.
"""

import asyncio
import contextlib
import os
from collections.abc import Callable
from typing import Final

from gunicorn.workers.gasgi import ASGIWorker
from typing_extensions import override

from service.front.hub import Hub
from service.front.server import Server

HEARTBEAT_S: Final = 1.0


class CooperativeWorker(ASGIWorker):  # type: ignore[misc]  # gunicorn has no types
    """Runs a server on the loop. The app of gunicorn makes the server: `serve(hub)`."""

    @override
    def load_wsgi(self) -> None:
        self._stopped = asyncio.Event()
        # gunicorn's app is ours: it knows how to make a server of a hub.
        make: Callable[[asyncio.AbstractEventLoop], tuple[Hub, Server]] = self.app.cooperative
        self._hub, self._server = make(self.loop)

    @override
    def handle_exit_signal(self) -> None:
        self.alive = False
        self._stopped.set()

    @override
    def handle_quit_signal(self) -> None:
        self._quick_shutdown = True
        self.alive = False
        self._stopped.set()

    @override
    async def _serve(self) -> None:
        self._server.start(one.sock for one in self.sockets)
        while self.alive and self.ppid == os.getppid():
            self.notify()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), HEARTBEAT_S)
        beating = self.loop.create_task(self._beat())
        if not self._quick_shutdown:
            await self._server.stop(within_s=self.cfg.graceful_timeout)
        self._server.drop()
        beating.cancel()
        self._hub.stop()

    async def _beat(self) -> None:
        """Show the arbiter that this lives while it finishes what is under way."""
        while True:
            self.notify()
            await asyncio.sleep(HEARTBEAT_S)
