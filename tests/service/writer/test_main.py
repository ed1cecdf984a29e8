"""SIGKILL under load: nothing acknowledged is lost, nothing is done twice, no repair is needed."""

import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from service.carriers.client import SocketCarrier
from service.db.places import Place
from service.kernel.clock import SystemClock
from service.kernel.errors import SubmitFailed
from tests.service.carriers.conftest import writer_process
from tests.support.jars import JARS, Drop
from tests.support.writer import Bench, a_call

pytestmark = pytest.mark.long

CLIENTS = 6


class Client(threading.Thread):
    """Drops one coin at a time under a key of its own, again until it is answered."""

    def __init__(self, number: int, folder: Path, stopping: threading.Event) -> None:
        super().__init__()
        self._clock = SystemClock()
        self._submit = SocketCarrier(folder / "w.socket", clock=self._clock)
        self._stopping = stopping
        self.jar = f"jar{number}"
        self.answered = 0

    def run(self) -> None:
        while not self._stopping.is_set():
            call = a_call(key=f"{self.jar}.{self.answered}")
            deadline_ns = self._clock.monotonic_ns() + 10**9
            try:
                self._submit(Drop(jar=self.jar, coins=1), call=call, deadline_ns=deadline_ns)
            except SubmitFailed:
                self._stopping.wait(0.01)
            else:
                self.answered += 1


@pytest.mark.parametrize("seed", [1])
def test_a_killed_writer_loses_nothing_and_doubles_nothing(
    tmp_path: Path, place: Place, sized: Callable[..., int], seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311  seeded on purpose
    stopping = threading.Event()
    clients = [Client(number, tmp_path, stopping) for number in range(CLIENTS)]
    for client in clients:
        client.start()

    for _ in range(sized(quick=3, ci=3, full=50)):
        with writer_process(tmp_path, place):
            stopping.wait(chance.uniform(0.05, 0.4))
    stopping.set()
    for client in clients:
        client.join()

    bench = Bench(place)
    coins = {row["jar"]: row["coins"] for row in bench.rows(JARS)}
    answered = {client.jar: client.answered for client in clients}
    # At most the last one of each, whose answer was lost, is there beside.
    assert all(count <= coins[jar] <= count + 1 for jar, count in answered.items() if count)
    assert sum(answered.values()) > 0
    entries = bench.entries()
    # A jar that is full refuses, and a refusal is logged as well.
    assert len(entries) >= sum(coins.values())
    assert [one["index"] for one in entries] == list(range(len(entries)))
    assert [one["number"] for one in entries] == list(range(1, len(entries) + 1))
    assert bench.states() == bench.folded()
    bench.kill()
