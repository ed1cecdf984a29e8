"""The socket carrier among bad neighbours: writers that go, front ends that do not read."""

import contextlib
import os
import signal
import socket
import stat
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.carriers.client import SocketCarrier
from service.carriers.frames import FRAME_BYTES_MAX, LENGTH, Answered, Asked, frame, receive
from service.db.places import Place
from service.kernel.clock import SystemClock
from service.kernel.errors import Overloaded, ResultUnknown
from tests.service.carriers.conftest import Running, writer_process
from tests.support.jars import JARS, Drop
from tests.support.writer import a_call, until

pytestmark = pytest.mark.long

Soon = Callable[[], int]
FOREVER_NS = 1 << 62


def asked(number: int, jar: str = "a", name: str = "Drop") -> bytes:
    command = msgspec.msgpack.encode(Drop(jar=jar, coins=1))
    return frame(
        Asked(
            id=number,
            name=name,
            command=command,
            call=a_call(),
            deadline_ns=FOREVER_NS,
            lane="now",
        )
    )


@pytest.fixture
def raw(running: Running) -> Iterator[socket.socket]:
    """A front end that speaks the wire itself."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        connection.connect(str(running.socket))
        yield connection


@pytest.fixture
def other_process(tmp_path: Path, place: Place) -> Iterator[subprocess.Popen[str]]:
    """A writer in a process that can be stopped and killed."""
    with writer_process(tmp_path, place) as process:
        yield process


def answered(connection: socket.socket) -> Answered:
    body = receive(connection)
    assert body is not None
    return msgspec.msgpack.decode(body, type=Answered)


def test_only_its_owner_may_open_the_socket(running: Running) -> None:
    assert stat.S_IMODE(running.socket.stat().st_mode) == 0o600


def test_a_socket_left_behind_is_replaced(running: Running, soon: Soon) -> None:
    submit = running.submit("socket")
    running.stop()
    running.socket.touch()

    running.start()

    assert submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon()).kind == "accepted"


def test_a_front_end_connects_anew_when_the_writer_came_back(running: Running, soon: Soon) -> None:
    submit = running.submit("socket")
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())
    running.stop()
    # Sent before the end of the connection was seen, it is unknown; after it, it was not taken.
    with pytest.raises((Overloaded, ResultUnknown)):
        submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())
    running.start()

    reply = submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())

    assert reply.receipts[0].index == 1


def test_a_writer_that_is_not_there_is_a_no(tmp_path: Path, soon: Soon) -> None:
    submit = SocketCarrier(tmp_path / "w.socket", clock=SystemClock())

    assert not submit.reaches()
    with pytest.raises(Overloaded):
        submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())


def test_what_was_sent_to_a_killed_writer_is_unknown_to_all_who_wait(
    other_process: subprocess.Popen[str], tmp_path: Path, soon: Soon
) -> None:
    submit = SocketCarrier(tmp_path / "w.socket", clock=SystemClock())
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())
    os.kill(other_process.pid, signal.SIGSTOP)
    results: list[Any] = []
    threads = [threading.Thread(target=_try, args=(submit, soon(), results)) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(submit._link._slots) == 8)  # type: ignore[union-attr]  # it is open by now

    other_process.kill()
    other_process.wait()
    for thread in threads:
        thread.join(5)

    assert [type(one) for one in results] == [ResultUnknown] * 8
    assert not submit.reaches()


def _try(submit: SocketCarrier, deadline_ns: int, results: list[Any], jar: str = "a") -> None:
    try:
        results.append(submit(Drop(jar=jar, coins=1), call=a_call(), deadline_ns=deadline_ns))
    except (Overloaded, ResultUnknown) as error:
        results.append(error)


def test_a_writer_that_is_stopped_holds_nobody_beyond_the_deadline(
    other_process: subprocess.Popen[str], tmp_path: Path
) -> None:
    clock = SystemClock()
    submit = SocketCarrier(tmp_path / "w.socket", clock=clock)
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=clock.monotonic_ns() + 10**10)
    os.kill(other_process.pid, signal.SIGSTOP)
    results: list[Any] = []
    start = clock.monotonic_ns()
    # More than the socket's buffer takes, so that the later ones cannot even be sent.
    threads = [
        threading.Thread(target=_try, args=(submit, start + 5 * 10**8, results, "x" * 200_000))
        for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 20
    assert clock.monotonic_ns() - start < 3 * 10**9
    os.kill(other_process.pid, signal.SIGCONT)
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=clock.monotonic_ns() + 10**10)


@pytest.mark.parametrize(
    "garbage",
    [
        LENGTH.pack(FRAME_BYTES_MAX + 1),
        LENGTH.pack(3) + b"\xc1\xc1\xc1",
        LENGTH.pack(0),
        LENGTH.pack(100) + b"short",
        b"GET / HTTP/1.1\r\n\r\n",
    ],
    ids=["too large", "no msgpack", "empty", "cut", "http"],
)
def test_garbage_ends_its_own_connection_alone(
    running: Running, raw: socket.socket, soon: Soon, garbage: bytes
) -> None:
    submit = running.submit("socket")
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())

    raw.sendall(garbage)
    raw.shutdown(socket.SHUT_WR)

    with contextlib.suppress(ConnectionResetError):
        assert raw.recv(1) == b""
    assert submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon()).kind == "accepted"
    assert len(running.bench.rows(JARS)) == 1


def test_a_frame_that_is_too_large_ends_the_connection_before_it_is_read(
    raw: socket.socket,
) -> None:
    raw.sendall(LENGTH.pack(FRAME_BYTES_MAX + 1))

    assert raw.recv(1) == b""


def test_a_command_of_another_version_is_a_no_and_the_connection_lives(
    raw: socket.socket,
) -> None:
    bad = Asked(
        id=2, name="Drop", command=b"\xc1", call=a_call(), deadline_ns=FOREVER_NS, lane="now"
    )
    raw.sendall(asked(1, name="Unheard") + frame(bad) + asked(3))

    answers = {one.id: one for one in (answered(raw) for _ in range(3))}

    assert (answers[1].failed, answers[2].failed) == ("Overloaded", "Overloaded")
    assert answers[3].reply is not None


def test_a_front_end_that_never_reads_holds_up_nobody(
    running: Running, raw: socket.socket, soon: Soon
) -> None:
    for number in range(3_000):
        raw.sendall(asked(number, jar=f"j{number}"))

    reply = running.submit("socket")(Drop(jar="other", coins=1), call=a_call(), deadline_ns=soon())

    assert reply.kind == "accepted"
    until(lambda: len(running.bench.rows(JARS)) > 2_000)


def test_a_front_end_that_never_reads_is_put_out_in_the_end(raw: socket.socket) -> None:
    unheard = asked(1, name="Unheard") * 100_000

    with pytest.raises(OSError, match=r"[Bb]roken pipe|reset"):
        raw.sendall(unheard)


def test_a_front_end_that_goes_away_while_its_command_runs_is_forgotten(
    running: Running, raw: socket.socket
) -> None:
    raw.sendall(asked(1))
    raw.close()

    until(lambda: len(running.bench.rows(JARS)) == 1)
    until(lambda: not running.server._peers)


def test_a_forked_front_end_has_its_own_connection(running: Running, soon: Soon) -> None:
    submit = running.submit("socket")
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())

    child = os.fork()
    if child == 0:
        reply = submit(Drop(jar="b", coins=1), call=a_call(), deadline_ns=soon())
        os._exit(0 if reply.kind == "accepted" else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    # And the parent's own still works.
    assert submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon()).kind == "accepted"


def test_the_last_answers_are_sent_when_the_writer_stops(running: Running, soon: Soon) -> None:
    submit = running.submit("socket")
    submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())
    results: list[Any] = []
    threads = [
        threading.Thread(target=_try, args=(submit, soon(), results, f"j{n}")) for n in range(20)
    ]
    for thread in threads:
        thread.start()

    running.stop()
    for thread in threads:
        thread.join()

    done = [one for one in results if not isinstance(one, Exception)]
    assert len(running.bench.rows(JARS)) == 1 + len(done)


def test_many_connections_leave_no_thread_behind(running: Running, soon: Soon) -> None:
    before = threading.active_count()
    for _ in range(10):
        submit = running.submit("socket")
        submit(Drop(jar="a", coins=1), call=a_call(), deadline_ns=soon())
        assert isinstance(submit, SocketCarrier)
        assert submit._link is not None
        submit._link._end()

    until(lambda: threading.active_count() <= before)
