"""The cooperative carrier: what greenlets ask in one turn, and neighbours that go or stop."""

import asyncio
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.carriers.cooperative import CooperativeCarrier
from service.carriers.frames import FRAME_BYTES_MAX, LENGTH, Answered, Asked, frame
from service.front.hub import Hub
from service.kernel.clock import SystemClock
from service.kernel.errors import Overloaded, ResultUnknown
from tests.service.carriers.conftest import Running, writer_process
from tests.support.jars import JARS, Drop
from tests.support.writer import a_call

SECOND_NS = 10**9


class Loop:
    """A loop, its hub, and requests that submit."""

    def __init__(self, path: Path, **bounds: int) -> None:
        self.loop = asyncio.new_event_loop()
        self.hub = Hub(self.loop, threads=1)
        self.clock = SystemClock()
        self.submit = CooperativeCarrier(path, clock=self.clock, hub=self.hub, **bounds)
        self.results: list[Any] = []
        self.mistakes: list[BaseException] = []
        self.loop.set_exception_handler(lambda _, what: self.mistakes.append(what["exception"]))

    def ask(self, *, jar: str = "a", within_ns: int = 20 * SECOND_NS) -> None:
        """Begin a request that submits one command and keeps what came."""

        def request() -> None:
            deadline_ns = self.clock.monotonic_ns() + within_ns
            try:
                came: Any = self.submit(
                    Drop(jar=jar, coins=1), call=a_call(), deadline_ns=deadline_ns
                )
            except (Overloaded, ResultUnknown) as error:
                came = error
            self.results.append(came)

        self.hub.spawn(request)

    def ask_and_fail(self) -> None:
        """Begin a request that makes a mistake behind its answer."""

        def request() -> None:
            deadline_ns = self.clock.monotonic_ns() + SECOND_NS * 20
            try:
                self.submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=deadline_ns)
            finally:
                raise KeyError("a mistake of the app")

        self.hub.spawn(request)

    def until(self, count: int, *, seconds: float = 20) -> list[Any]:
        """Run the loop until so many results are there."""
        end = self.loop.time() + seconds
        while len(self.results) < count and self.loop.time() < end:
            self.loop.run_until_complete(asyncio.sleep(0.005))
        return self.results

    def close(self) -> None:
        if self.submit._link is not None:
            self.submit._link._end()
        self.hub.stop()
        self.loop.close()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Loop]:
    made = Loop(tmp_path / "w.socket")
    yield made
    made.close()


class Scribe:
    """A writer that answers nothing by itself, and counts what comes in one piece."""

    def __init__(self, path: Path) -> None:
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.connection: socket.socket | None = None

    def pieces(self) -> bytes:
        if self.connection is None:
            self.connection, _ = self.listener.accept()
        return self.connection.recv(1_000_000)

    def close(self) -> None:
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def scribe(tmp_path: Path) -> Iterator[Scribe]:
    made = Scribe(tmp_path / "w.socket")
    yield made
    made.close()


def asked_in(data: bytes) -> list[Asked]:
    found = []
    while data:
        (length,) = LENGTH.unpack_from(data)
        found.append(msgspec.msgpack.decode(data[4 : 4 + length], type=Asked))
        data = data[4 + length :]
    return found


def test_a_real_writer_answers_each_greenlet(running: Running, opened: Loop) -> None:
    for number in range(30):
        opened.ask(jar=f"j{number}")

    results = opened.until(30)

    assert [one.kind for one in results] == ["accepted"] * 30
    assert len(running.bench.rows(JARS)) == 30


def test_all_commands_of_one_turn_go_out_in_one_piece(opened: Loop, scribe: Scribe) -> None:
    for number in range(20):
        opened.ask(jar=f"j{number}")

    opened.until(1, seconds=0.05)

    assert len(asked_in(scribe.pieces())) == 20


@pytest.mark.usefixtures("scribe")
def test_a_reply_that_never_comes_is_unknown_at_its_deadline(opened: Loop) -> None:
    began = opened.clock.monotonic_ns()
    opened.ask(within_ns=SECOND_NS // 10)

    results = opened.until(1)

    assert [type(one) for one in results] == [ResultUnknown]
    assert opened.clock.monotonic_ns() - began < 2 * SECOND_NS
    assert not opened.submit._link._waits  # type: ignore[union-attr]  # it is open


def test_replies_resume_whom_they_belong_to_whatever_their_order_and_pieces(
    opened: Loop, scribe: Scribe
) -> None:
    for number in range(3):
        opened.ask(jar=f"j{number}")
    opened.until(1, seconds=0.05)
    ids = [one.id for one in asked_in(scribe.pieces())]
    answers = b"".join(
        frame(Answered(id=one, failed=name))
        for one, name in zip(
            reversed(ids), ("Overloaded", "ResultUnknown", "Overloaded"), strict=True
        )
    )
    assert scribe.connection is not None
    scribe.connection.sendall(answers[:7])
    opened.until(1, seconds=0.02)
    assert opened.results == []
    scribe.connection.sendall(answers[7:])

    results = opened.until(3)

    assert [type(one) for one in results] == [Overloaded, ResultUnknown, Overloaded]


def test_a_mistake_behind_one_reply_takes_no_reply_from_another(
    opened: Loop, scribe: Scribe
) -> None:
    opened.ask()
    opened.ask_and_fail()
    opened.ask()
    opened.until(1, seconds=0.05)
    ids = [one.id for one in asked_in(scribe.pieces())]
    assert scribe.connection is not None
    scribe.connection.sendall(b"".join(frame(Answered(id=one, failed="Overloaded")) for one in ids))

    results = opened.until(2, seconds=2)

    assert [type(one) for one in results] == [Overloaded] * 2
    assert [type(one) for one in opened.mistakes] == [KeyError]


def test_a_mistake_behind_a_lost_connection_keeps_no_other_waiting(
    opened: Loop, scribe: Scribe
) -> None:
    opened.ask()
    opened.ask_and_fail()
    opened.ask()
    opened.until(1, seconds=0.05)
    scribe.pieces()
    scribe.close()

    results = opened.until(2, seconds=2)

    assert [type(one) for one in results] == [ResultUnknown] * 2
    assert [type(one) for one in opened.mistakes] == [KeyError]


def test_a_writer_that_is_not_there_is_a_no(opened: Loop) -> None:
    opened.ask()

    assert [type(one) for one in opened.until(1)] == [Overloaded]
    assert not opened.submit.reaches()


def test_it_connects_anew_when_the_writer_came_back(running: Running, opened: Loop) -> None:
    opened.ask()
    opened.until(1)
    running.stop()
    opened.until(2, seconds=0.05)
    opened.ask()
    opened.until(2)
    running.start()
    opened.ask()

    results = opened.until(3)

    assert isinstance(results[1], Overloaded)
    assert results[2].receipts[0].index == 1


@pytest.mark.parametrize("garbage", [LENGTH.pack(FRAME_BYTES_MAX + 1), LENGTH.pack(1) + b"\xc1"])
def test_garbage_ends_the_connection_and_all_who_wait_hear_it(
    opened: Loop, scribe: Scribe, garbage: bytes
) -> None:
    opened.ask()
    opened.ask()
    opened.until(1, seconds=0.05)
    scribe.pieces()
    assert scribe.connection is not None
    scribe.connection.sendall(garbage)

    results = opened.until(2)

    assert [type(one) for one in results] == [ResultUnknown] * 2


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with writer_process(tmp_path, tmp_path / "payguard.sqlite") as process:
        yield process


def test_a_stopped_writer_holds_nobody_beyond_the_deadline_and_serves_when_it_goes_on(
    other_process: subprocess.Popen[str], opened: Loop
) -> None:
    opened.ask()
    opened.until(1)
    os.kill(other_process.pid, signal.SIGSTOP)
    began = opened.clock.monotonic_ns()
    # More than the socket's buffer takes, so that the later ones cannot even be sent.
    for _ in range(20):
        opened.ask(jar="x" * 200_000, within_ns=SECOND_NS // 2)

    results = opened.until(21)[1:]

    assert {type(one) for one in results} <= {ResultUnknown, Overloaded}
    assert opened.clock.monotonic_ns() - began < 3 * SECOND_NS
    os.kill(other_process.pid, signal.SIGCONT)
    opened.ask()
    assert opened.until(22)[-1].kind == "accepted"


def test_what_was_sent_to_a_killed_writer_is_unknown_to_all_who_wait(
    other_process: subprocess.Popen[str], opened: Loop
) -> None:
    opened.ask()
    opened.until(1)
    os.kill(other_process.pid, signal.SIGSTOP)
    for number in range(8):
        opened.ask(jar=f"j{number}")
    opened.until(2, seconds=0.05)

    other_process.kill()
    other_process.wait()

    assert [type(one) for one in opened.until(9)[1:]] == [ResultUnknown] * 8
    assert not opened.submit.reaches()


@pytest.mark.usefixtures("scribe")
def test_what_cannot_be_sent_is_bounded(tmp_path: Path) -> None:
    opened = Loop(tmp_path / "w.socket", unsent_bytes_max=500_000)
    for _ in range(8):
        opened.ask(jar="x" * 200_000, within_ns=SECOND_NS // 5)

    results = opened.until(8)

    opened.close()
    assert {type(one) for one in results} == {Overloaded, ResultUnknown}
