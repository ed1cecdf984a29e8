"""One connection over a real socket: what comes in, what goes out, and every wait that ends."""

import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from service.front.connection import Connection
from service.front.refusals import Refusals
from service.kernel.clock import SystemClock
from tests.service.front.conftest import BOUNDS, Running, rest
from tests.support.writer import until

pytestmark = pytest.mark.long

GET = b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


def post(*lines: str, path: str = "/x") -> bytes:
    return "\r\n".join((f"POST {path} HTTP/1.1", "Host: a", *lines, "", "")).encode()


def test_a_connection_is_kept_and_says_so(running: Running) -> None:
    with running.connect() as one:
        for _ in range(3):
            one.sendall(post("Content-Length: 2") + b"ab")
            got = one.recv(65_536)
            assert got.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nConnection: keep-alive\r\n" in got
            assert got.endswith(b"\r\n\r\nab")


def test_the_last_answer_says_close_and_the_connection_ends(running: Running) -> None:
    got = running.ask(LAST)

    assert got.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize("piece", [1, 3, 1_000])
def test_requests_behind_each_other_are_answered_in_order(running: Running, piece: int) -> None:
    raw = b"".join(
        post("Content-Length: 2", path=f"/n{number}") + f"{number:02}".encode()
        for number in range(10)
    )
    raw += post("Transfer-Encoding: chunked", "Connection: close") + b"2\r\n10\r\n0\r\n\r\n"

    got = running.ask(*[raw[at : at + piece] for at in range(0, len(raw), piece)])

    bodies = [one.partition(b"\r\n\r\n")[2] for one in got.split(b"HTTP/1.1 200 OK\r\n")[1:]]
    assert bodies == [f"{number:02}".encode() for number in range(11)]


class Deaf:
    """Takes what is written, and nothing else."""

    def __getattr__(self, name: str) -> Any:
        return lambda *_args, **_given: None


class Turns:
    """A server whose loop runs what was called soon when the test says so."""

    def __init__(self) -> None:
        self.bounds, self.workers, self.is_stopping = BOUNDS, 1, False
        self.soon: list[Callable[[], None]] = []
        self.begun: list[str] = []
        self.refusals = Refusals(SystemClock())
        self.loop: Any = self
        self.run: Callable[[Any], None] | None = None

    def time(self) -> float:
        return 0.0

    def call_soon(self, called: Callable[[], None]) -> None:
        self.soon.append(called)

    def begin(self, run: Callable[[Any], None], environ: dict[str, Any]) -> None:
        self.begun.append(environ["PATH_INFO"])
        self.run = run

    def answer(self) -> None:
        assert self.run is not None
        self.run(lambda _environ, start: start("200 OK", []) or [b""])

    def date(self) -> str:
        return "Date: now"

    def __getattr__(self, name: str) -> Any:
        return lambda *_args: None


def test_nothing_overtakes_what_came_while_a_request_was_answered() -> None:
    server = Turns()
    one = Connection(server)
    one.connection_made(Deaf())
    one.data_received(GET)
    half = post("Content-Length: 0", path="/second")
    one.data_received(half[:20])

    server.answer()
    # The loop has more from the socket before its turn to read what was kept.
    one.data_received(half[20:])
    for called in server.soon:
        called()

    assert server.begun == ["/x", "/second"]


def test_what_comes_while_a_request_waits_is_answered_behind_it(running: Running) -> None:
    with running.connect() as one:
        one.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: running.waiting == 1)
        one.sendall(LAST)
        running.released.set()

        got = rest(one)

    assert got.count(b"HTTP/1.1 200 ") == 2


def test_too_much_that_comes_while_a_request_waits_is_left_in_the_kernel(running: Running) -> None:
    with running.connect() as one:
        one.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: running.waiting == 1)
        one.setblocking(False)
        with pytest.raises(BlockingIOError):
            send_for_ever(one)

        (connection,) = running.server._connections
        assert len(connection._ahead) < 1_000_000


def test_head_has_a_length_and_no_body(running: Running) -> None:
    got = running.ask(b"HEAD /x?7 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")

    assert b"\r\nContent-Length: 7\r\n" in got
    assert got.endswith(b"\r\n\r\n")


def test_http_1_0_is_answered_and_closed(running: Running) -> None:
    got = running.ask(b"GET /x HTTP/1.0\r\n\r\n")

    assert got.startswith(b"HTTP/1.0 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in got


def test_an_expectation_is_met_before_the_body(running: Running) -> None:
    with running.connect() as one:
        one.sendall(post("Expect: 100-continue", "Content-Length: 2", "Connection: close"))
        assert one.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        one.sendall(b"ab")
        assert rest(one).endswith(b"ab")


def test_a_body_that_is_announced_too_long_is_not_asked_for(running: Running) -> None:
    got = running.ask(post("Expect: 100-continue", "Content-Length: 1001", path="/unread"))

    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize("size", [b"5", b"ffff"])
def test_chunks_beyond_the_limit_are_told_and_the_rest_is_thrown_away(
    running: Running, size: bytes
) -> None:
    chunk = size + b"\r\n" + b"x" * int(size, 16) + b"\r\n"
    with running.connect() as one:
        one.sendall(post("Transfer-Encoding: chunked") + chunk * 250)
        got = one.recv(65_536)
        # The answer is not lost to a reset although more is on its way.
        one.sendall(chunk * 20)

    assert got.startswith(b"HTTP/1.1 413 ")
    assert b"\r\nConnection: close\r\n" in got


@pytest.mark.parametrize(
    "body", [b"zz\r\n", b"2\r\nabX", b"5\r\nab"], ids=["size", "end", "client left"]
)
def test_a_broken_body_is_the_apps_to_tell_and_ends_the_connection(
    running: Running, body: bytes
) -> None:
    with running.connect() as one:
        one.sendall(post("Transfer-Encoding: chunked") + body)
        one.shutdown(socket.SHUT_WR)

        got = rest(one)

    assert got.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert got.endswith(b"broken")
    assert got.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET /" + b"a" * 300 + b" HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"a" * 300, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 17, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: zip\r\n\r\n", 400),
    ],
)
def test_what_is_no_request_is_answered_once(running: Running, head: bytes, status: int) -> None:
    got = running.ask(head, GET)

    assert got.startswith(f"HTTP/1.1 {status} ".encode())
    assert got.count(b"HTTP/1.1 ") == 1
    assert b"\r\nConnection: close\r\n" in got


def test_who_half_closes_behind_a_request_is_answered(running: Running) -> None:
    with running.connect() as one:
        one.sendall(GET)
        one.shutdown(socket.SHUT_WR)

        assert rest(one).startswith(b"HTTP/1.1 200 ")


def test_who_goes_away_while_its_request_waits_is_forgotten(running: Running) -> None:
    with running.connect() as one:
        one.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
        until(lambda: running.waiting == 1)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    until(lambda: running.count() == 0)
    running.released.set()

    until(lambda: running.waiting == 0)
    assert running.ask(LAST).startswith(b"HTTP/1.1 200 ")


def test_a_fault_of_the_app_is_a_500_that_ends_the_connection(running: Running) -> None:
    got = running.ask(b"GET /fails HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"mistake" not in got
    assert running.ask(LAST).startswith(b"HTTP/1.1 200 ")


def test_a_header_that_would_be_two_is_a_500_that_ends_the_connection(running: Running) -> None:
    got = running.ask(b"GET /splits HTTP/1.1\r\nHost: a\r\n\r\n")

    assert got.startswith(b"HTTP/1.1 500 ")
    assert b"Set-Cookie" not in got
    assert running.ask(LAST).startswith(b"HTTP/1.1 200 ")


def took(act: Callable[[], bytes]) -> tuple[bytes, float]:
    began = time.perf_counter()
    return act(), time.perf_counter() - began


def send_for_ever(connection: socket.socket) -> None:
    for _ in range(5_000):
        connection.send(GET * 1_000)


def drip(connection: socket.socket) -> bytes:
    """Send a byte now and then until the other side does not take it any more."""
    for _ in range(200):
        try:
            connection.sendall(b"G")
        except OSError:
            break
        time.sleep(0.05)
    return b""


@pytest.mark.parametrize(
    "pieces",
    [(b"GET /x HT",), (post("Content-Length: 5"), b"ab"), (post("Transfer-Encoding: chunked"),)],
    ids=["head", "body", "chunks"],
)
def test_who_begins_and_does_not_end_is_told_so_in_time(
    running: Running, pieces: tuple[bytes, ...]
) -> None:
    got, seconds = took(lambda: running.ask(*pieces))

    assert got.startswith(b"HTTP/1.1 408 ")
    assert 0.3 < seconds < 5


def test_a_byte_now_and_then_gives_no_more_time(running: Running) -> None:
    with running.connect() as one:
        _, seconds = took(lambda: drip(one))

        assert seconds < 5


@pytest.mark.parametrize("first", [b"", GET], ids=["never asked", "kept"])
def test_a_connection_that_rests_too_long_is_closed_without_a_word(
    running: Running, first: bytes
) -> None:
    got, seconds = took(lambda: running.ask(first))

    assert got.count(b"HTTP/1.1 ") == (1 if first else 0)
    assert seconds < 5


def test_who_does_not_take_its_answer_is_put_out(running: Running) -> None:
    with running.connect() as one:
        one.sendall(b"GET /x?50000000 HTTP/1.1\r\nHost: a\r\n\r\n")

        until(lambda: running.count() == 1)
        until(lambda: running.count() == 0)
