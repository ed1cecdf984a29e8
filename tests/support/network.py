"""A network between a service and PostgreSQL that is slow, silent or torn, as a test tells it."""

import asyncio
import contextlib
import dataclasses
import socket
import struct
import threading
from collections.abc import Coroutine
from typing import Any, Final, Self

import sqlalchemy as sa

from service.db.places import Database
from tests.support.postgres import Cluster

CHUNK: Final = 1 << 16
# Closing with this sends a reset and drops what was not sent yet.
RESET: Final = struct.pack("ii", 1, 0)


class Network:
    """Carries bytes between whoever connects to its port and a cluster.

    What is sent while it is silent is kept and goes on afterwards, as TCP sends again what was
    not acknowledged; a connection opened meanwhile is taken and hears nothing.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._to = cluster.port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._speaking = asyncio.Event()
        self._speaking.set()
        self._delay_s = 0.0
        self._tasks: set[asyncio.Task[None]] = set()
        self._ends: set[asyncio.StreamWriter] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._do(asyncio.start_server(self._taken, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._do(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def address(self, database: Database) -> Database:
        """Return a database's addresses by way of this network."""
        return dataclasses.replace(
            database,
            **{
                role: self._by_way(getattr(database, role))
                for role in ("writer", "reader", "owner")
            },
        )

    def delay(self, round_trip_s: float) -> None:
        """Let every byte take half of this from now on."""
        self._delay_s = round_trip_s / 2

    def silence(self) -> None:
        """Carry nothing more, and tell nobody."""
        self._loop.call_soon_threadsafe(self._speaking.clear)

    def speak(self) -> None:
        """Carry again what comes, and what was kept."""
        self._loop.call_soon_threadsafe(self._speaking.set)

    def reset(self) -> int:
        """Tear every connection; return how many there were."""
        return self._do(self._torn())

    def _by_way(self, url: str) -> str:
        given = sa.make_url(url)
        return f"postgresql://{given.username}@127.0.0.1:{self.port}/{given.database}"

    def _do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _torn(self) -> int:
        torn = len(self._ends) // 2
        for one in list(self._ends):
            one.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            one.transport.abort()
        return torn

    async def _end(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _taken(self, near: asyncio.StreamReader, to_near: asyncio.StreamWriter) -> None:
        await self._speaking.wait()
        try:
            far, to_far = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            to_near.transport.abort()
            return
        self._ends |= {to_near, to_far}
        ways = [self._carry(near, to_far), self._carry(far, to_near)]
        tasks = {self._loop.create_task(one) for one in ways}
        self._tasks |= tasks
        # Where one side has ended, the other hears of it.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks -= tasks
        self._ends -= {to_near, to_far}
        to_near.close()
        to_far.close()

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        under_way: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        arriving = self._loop.create_task(self._arrive(under_way, sink))
        with contextlib.suppress(OSError):
            try:
                while data := await source.read(CHUNK):
                    under_way.put_nowait((self._loop.time() + self._delay_s, data))
                under_way.put_nowait((self._loop.time() + self._delay_s, b""))
                await arriving
            finally:
                arriving.cancel()

    async def _arrive(
        self, under_way: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter
    ) -> None:
        while True:
            due, data = await under_way.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._speaking.wait()
            if not data:
                return
            with contextlib.suppress(OSError):
                sink.write(data)
                await sink.drain()
