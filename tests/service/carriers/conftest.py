"""A writer that runs in a thread of its own, and both ways to reach it."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from keys import entropy
from service.carriers.client import SocketCarrier
from service.carriers.queue import QueueCarrier
from service.carriers.server import SocketServer
from service.db.places import Place
from service.db.stores import open_store
from service.kernel.clock import SystemClock
from service.unit_of_work.commands import Submit
from service.writer.assemble import assemble
from tests.support.places import written_place
from tests.support.writer import Bench

CARRIERS = ("queue", "socket")
WRITER = """
import pathlib, sys
from tests.service.carriers.conftest import Running
from tests.support.places import read_place
running = Running(pathlib.Path(sys.argv[1]), read_place(sys.argv[2:]))
print("ready", flush=True)
sys.stdin.read()
running.stop()
"""


@contextlib.contextmanager
def writer_process(folder: Path, place: Place) -> Iterator[subprocess.Popen[str]]:
    """Run a writer in a process that can be stopped and killed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), *written_place(place)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


class Running:
    """A writer's process, as far as it can be had in a thread."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.clock = SystemClock()
        self.bench = Bench(place)
        self.bench.kill()
        self.socket = folder / "w.socket"
        self.start()

    def start(self) -> None:
        bench = self.bench
        bench.store = open_store(bench.place)
        self.writer = assemble(bench.parts(self.clock))
        self.server = SocketServer(
            self.socket, handlers=bench.handlers, put=self.writer.inbox.put, entropy=entropy.system
        )
        ready = threading.Event()

        def run() -> None:
            self.writer.loop.run(ready=lambda: (self.server.start(), ready.set()))

        self.thread = threading.Thread(target=run)
        self.thread.start()
        assert ready.wait(10)

    def stop(self) -> None:
        self.writer.loop.stop()
        self.thread.join()
        self.server.stop()
        self.bench.store.close()

    def submit(self, kind: str) -> Submit:
        if kind == "queue":
            return QueueCarrier(self.writer.inbox.put, clock=self.clock, entropy=entropy.system)
        return SocketCarrier(self.socket, clock=self.clock)


@pytest.fixture
def running(tmp_path: Path, place: Place) -> Iterator[Running]:
    running = Running(tmp_path, place)
    yield running
    if running.thread.is_alive():
        running.stop()


@pytest.fixture(params=CARRIERS)
def submit(running: Running, request: pytest.FixtureRequest) -> Submit:
    return running.submit(request.param)


@pytest.fixture
def soon() -> Callable[[], int]:
    """Return a deadline some seconds from now."""
    clock = SystemClock()
    return lambda: clock.monotonic_ns() + 20_000_000_000
