"""The server over real sockets: how many it takes, and how it stops without losing one."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from service.front.connection import State
from service.front.server import RESTED_S, SWEEP_S
from tests.service.front.conftest import BOUNDS, Running, rest
from tests.support.writer import until

pytestmark = pytest.mark.long

LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
KEPT = b"GET /kept HTTP/1.1\r\nHost: a\r\n\r\n"
WAITS = b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n"


def test_one_request_too_many_is_told_at_once_and_the_others_go_on(running: Running) -> None:
    waiting = [running.connect() for _ in range(8)]
    for one in waiting:
        one.sendall(WAITS)
    until(lambda: running.waiting == 8)

    refused = running.ask(LAST)
    probe = running.ask(b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    running.released.set()
    answers = [one.recv(12) for one in waiting]

    for one in waiting:
        one.close()
    assert refused.startswith(b"HTTP/1.1 503 ")
    assert probe.startswith(b"HTTP/1.1 200 ")
    assert answers == [b"HTTP/1.1 200"] * 8
    assert running.ask(LAST).startswith(b"HTTP/1.1 200 ")


def test_beyond_the_bound_the_one_that_rests_longest_makes_room(
    serve: Callable[..., Running],
) -> None:
    running = serve(connections=3, idle_s=60.0)
    kept = [running.connect() for _ in range(3)]
    for one in kept:
        one.sendall(KEPT)
        assert one.recv(65_536)
    until(lambda: len(running.server._resting) == 3)

    assert running.ask(LAST).startswith(b"HTTP/1.1 200 ")

    assert kept[0].recv(1) == b""
    kept[2].sendall(KEPT)
    assert kept[2].recv(12) == b"HTTP/1.1 200"
    for one in kept:
        one.close()


def test_where_none_rests_new_ones_wait_in_the_kernel_and_are_served_when_there_is_room(
    serve: Callable[..., Running],
) -> None:
    running = serve(connections=2)
    waiting = [running.connect() for _ in range(2)]
    for one in waiting:
        one.sendall(WAITS)
    until(lambda: running.waiting == 2)
    with running.connect() as third:
        third.sendall(LAST)
        third.settimeout(0.2)
        with pytest.raises(TimeoutError):
            third.recv(1)
        third.settimeout(10)
        running.released.set()
        for one in waiting:
            assert one.recv(12) == b"HTTP/1.1 200"
            one.close()

        assert rest(third).startswith(b"HTTP/1.1 200 ")


def test_slow_clients_of_every_kind_hold_up_nobody(serve: Callable[..., Running]) -> None:
    running = serve(connections=80, idle_s=60.0, head_s=30.0, body_s=30.0, write_s=30.0)
    slow = [running.connect() for _ in range(60)]
    for number, one in enumerate(slow):
        one.sendall(
            (
                b"GET /x HTT",
                b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab",
                b"GET /x?9000000 HTTP/1.1\r\nHost: a\r\n\r\n",
            )[number % 3]
        )

    answers = [running.ask(LAST) for _ in range(50)]

    for one in slow:
        one.close()
    assert {answer[:12] for answer in answers} == {b"HTTP/1.1 200"}


def test_who_never_takes_an_answer_leaves_nothing_with_the_kernel(running: Running) -> None:
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.connect(("127.0.0.1", running.port))
        one.sendall(b"GET /x?9000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: running.count() == 1)
        until(lambda: running.count() == 0)

        with pytest.raises(ConnectionResetError):
            rest(one)


def test_a_stop_answers_what_waits_in_the_socket_and_what_is_under_way(running: Running) -> None:
    under_way = running.connect()
    under_way.sendall(WAITS)
    kept = running.connect()
    kept.sendall(KEPT)
    assert kept.recv(65_536)
    until(lambda: running.waiting == 1)
    # The loop is held, so that connections stay in the kernel's queue.
    held, go = threading.Event(), threading.Event()
    running.loop.call_soon_threadsafe(lambda: (held.set(), go.wait(10)))
    assert held.wait(10)
    queued = [running.connect() for _ in range(5)]
    for one in queued[:4]:
        one.sendall(KEPT)
    running.stop()
    go.set()

    answers = [rest(one) for one in queued[:4]]
    # Taken, but its bytes come only now.
    queued[4].sendall(KEPT)
    answers.append(rest(queued[4]))
    assert kept.recv(1) == b""
    assert not running.is_stopped.wait(0.2)
    running.released.set()
    answers.append(rest(under_way))

    assert running.is_stopped.wait(10)
    assert [one[:12] for one in answers] == [b"HTTP/1.1 200"] * 6
    assert all(b"\r\nConnection: close\r\n" in one for one in answers)
    with pytest.raises(ConnectionRefusedError):
        running.connect()
    for one in (*queued, kept, under_way):
        one.close()


def test_a_stop_waits_no_longer_than_it_may(running: Running) -> None:
    with running.connect() as one:
        one.sendall(WAITS)
        until(lambda: running.waiting == 1)

        running.stop(within_s=0.3)

        assert running.is_stopped.wait(5)


class Failing:
    """A connection whose end cannot be brought about."""

    until = 0.0

    def expire(self) -> None:
        raise ValueError("a mistake of ours")

    abort = close = expire


def test_a_wait_that_fails_to_end_keeps_no_other_from_its_end(running: Running) -> None:
    failing = [Failing() for _ in range(8)]
    running.loop.set_exception_handler(lambda *_: None)
    running.server._connections.update(failing)  # type: ignore[arg-type]  # of its kind enough
    answers = []
    try:
        for _ in range(2):
            slow = [running.connect() for _ in range(8)]
            for one in slow:
                one.sendall(b"GET /x HTT")
            for one in slow:
                with one:
                    answers.append(rest(one)[:12])
    finally:
        running.server._connections.difference_update(failing)  # type: ignore[arg-type]  # as above

    assert answers == [b"HTTP/1.1 408"] * 16


def test_waits_still_end_behind_a_client_that_went_away_while_its_wait_ended(
    running: Running,
) -> None:
    mistakes: list[Any] = []
    running.loop.set_exception_handler(lambda _, what: mistakes.append(what))
    gone = running.connect()
    gone.sendall(b"GET /x HTT")
    until(lambda: [one.state for one in running.server._connections] == [State.HEAD])

    def go() -> None:
        # In the turn in which the wait ends, behind the loop's look at the sockets and before
        # the sweep: the answer is still taken by the kernel, and resets the socket.
        running.loop.call_at(0.0, gone.close)
        time.sleep(BOUNDS.head_s + SWEEP_S)

    running.loop.call_soon_threadsafe(go)

    assert running.ask(b"GET /x HTT").startswith(b"HTTP/1.1 408 ")
    until(lambda: running.count() == 0)
    assert mistakes == []


def test_connections_that_come_and_go_leave_nothing_behind(running: Running) -> None:
    for _ in range(100):
        with running.connect() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            one.sendall(KEPT)

    until(lambda: running.count() == 0)
    assert not running.server._resting
    assert running.server._admission._under_way == 0


def test_a_stop_answers_the_next_request_of_a_client_that_has_just_been_answered(
    running: Running,
) -> None:
    with running.connect() as resting:
        resting.sendall(KEPT)
        assert resting.recv(65_536)
        time.sleep(RESTED_S)
        with running.connect() as one:
            one.sendall(KEPT)
            assert one.recv(65_536)
            running.stop()
            # What rests is closed at once; the other's next request may be on its way.
            assert resting.recv(1) == b""
            one.sendall(KEPT)
            answer = rest(one)

    assert b"200" in answer.splitlines()[0]
    assert b"connection: close" in answer.lower()
