"""Both front ends over one writer: the same answers, byte for byte where nothing is drawn."""

import contextlib
import re
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

import pytest

from service.db.places import Database
from service.front.threads import SOCKET_S
from tests.support.checkout import a_payment
from tests.support.clients import Client, NoAnswer, a_key
from tests.support.servers import FRONT_END, FRONT_ENDS, Process, Service, Shop
from tests.support.slow_clients import EACH, KINDS, Kind, SlowClients
from tests.support.writer import until

pytestmark = pytest.mark.servers

WAIT_S: Final = 10
SILENCE_S: Final = 0.15
P99_S: Final = 0.2
# Of twenty of a kind; who was just ended is open again in the next quarter of a second.
HELD_MIN: Final = 15
# The server's limits, and what it and we take to see that they are over.
ENDED_AFTER_S: Final[dict[Kind, int]] = {"head": 12, "body": 12, "read": 24}
PAUSE_S: Final = 0.01
CLIENTS: Final = 6
# A connection may reach the kernel between the last look into the socket and its closing, some
# microseconds later; nobody has read from it then (docs/operations.md).
RESET_BY_THE_KERNEL_MAX: Final = 1
# What is drawn or counted anew for each answer.
DRAWN: Final = re.compile(
    rb"(?im)^(date|server|payguard-request-id|traceparent|ratelimit|content-length): .*\r\n"
)
IDS: Final = re.compile(rb"req_[0-9a-zA-Z]+")


class Both(NamedTuple):
    """One service, and a second front end over the same writer."""

    service: Service
    shop: Shop
    cooperative: int
    threads: int


@contextlib.contextmanager
def beside(service: Service, kind: str, *, workers: int = 1) -> Iterator[int]:
    """Run a further front end of a kind, and return its port."""
    with socket.create_server(("127.0.0.1", 0), backlog=1_024) as listener:
        port: int = listener.getsockname()[1]
        process = Process(
            FRONT_END,
            str(listener.fileno()),
            environment={
                **service.front_end.environment,
                "PAYGUARD_FRONT_END": kind,
                "PAYGUARD_WORKERS": str(workers),
            },
            log=service.folder / f"front_end-{kind}.log",
        )
        process.start(files=(listener.fileno(),))
        # A socket that is open here as well would take connections after the stop.
        listener.close()
        try:
            with Client(port, "nobody") as client:
                until(lambda: client.get("/readyz").status == 200, tries=3_000)
            yield port
        finally:
            assert process.stop() == 0, process.tail()


@pytest.fixture(scope="module")
def both(
    tmp_path_factory: pytest.TempPathFactory, module_database: Database | None
) -> Iterator[Both]:
    settings = {"FRONT_END": "cooperative", "WORKERS": 1}
    home = tmp_path_factory.mktemp("both") / "home"
    with (
        Service(home, settings=settings, database=module_database) as service,
        beside(service, "threads") as threads,
    ):
        yield Both(service, service.shop(), service.port, threads)


def asked(port: int, raw: bytes) -> bytes:
    """Return all that comes for some bytes, until the end or silence."""
    got = b""
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as one:
        with contextlib.suppress(OSError):
            one.sendall(raw)
        with contextlib.suppress(OSError):
            while piece := one.recv(65_536):
                got += piece
                one.settimeout(SILENCE_S)
    return got


def without_drawn(answer: bytes) -> bytes:
    return IDS.sub(b"req_", DRAWN.sub(b"", answer))


def a_head(shop: Shop, *lines: str, line: str = "POST /v1/payments HTTP/1.1") -> bytes:
    usual = [line, "Host: a", f"Authorization: Bearer {shop.keys['live']}"]
    if not any(one.startswith("Connection") for one in lines):
        usual.append("Connection: close")
    return "\r\n".join((*usual, *lines, "", "")).encode("latin-1")


JSON: Final = ("Content-Type: application/json", "Idempotency-Key: 0123456789abcdef")
KEPT: Final = "Connection: keep-alive"
GET: Final = "GET /v1/payments HTTP/1.1"
# Lines beside the usual, body, and the first line where it is another.
ASKED: Final[dict[str, tuple[tuple[str, ...], bytes, str]]] = {
    "a list": ((), b"", GET),
    "a list in Chinese": (("Accept-Language: zh",), b"", GET),
    "head": ((), b"", "HEAD /v1/payments HTTP/1.1"),
    "unknown id": ((), b"", "GET /v1/payments/pay_01234567890123456789012345 HTTP/1.1"),
    "no id": ((), b"", "GET /v1/payments/x%20y HTTP/1.1"),
    "unknown path": ((), b"", "GET /nothing HTTP/1.1"),
    "two slashes": ((), b"", "GET //v1/payments HTTP/1.1"),
    "wrong method": ((), b"", "PUT /v1/payments HTTP/1.1"),
    "unknown method": ((), b"", "BREW /v1/payments HTTP/1.1"),
    "options": ((), b"", "OPTIONS * HTTP/1.1"),
    "connect": ((), b"", "CONNECT a:80 HTTP/1.1"),
    "trace": ((), b"", "TRACE / HTTP/1.1"),
    "absolute form": ((), b"", "GET http://a/v1/payments HTTP/1.1"),
    "a query": ((), b"", "GET /v1/payments?limit=x&limit=y HTTP/1.1"),
    "openapi": ((), b"", "GET /openapi.json HTTP/1.1"),
    "livez": ((), b"", "GET /livez HTTP/1.1"),
    "http 1.0": ((), b"", "GET /livez HTTP/1.0"),
    "http 1.0 kept": (("Connection: keep-alive",), b"", "GET /livez HTTP/1.0"),
    "http 0.9": ((), b"", "GET /livez"),
    "http 1.2": ((), b"", "GET /livez HTTP/1.2"),
    "http 2": ((), b"", "PRI * HTTP/2.0"),
    "kept": ((KEPT,), b"", GET),
    "upgrade": (("Connection: upgrade", "Upgrade: websocket"), b"", GET),
    "h2c": (
        ("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAM"),
        b"",
        GET,
    ),
    "no body": (JSON, b"", ""),
    "empty body": ((*JSON, "Content-Length: 0"), b"", ""),
    "malformed": ((*JSON, KEPT, "Content-Length: 2"), b"{]", ""),
    "invalid": ((*JSON, KEPT, "Content-Length: 2"), b"{}", ""),
    "chunked": ((*JSON, KEPT, "Transfer-Encoding: chunked"), b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", ""),
    "extension": ((*JSON, "Transfer-Encoding: chunked"), b"2;a=b\r\n{}\r\n0\r\n\r\n", ""),
    "trailer": ((*JSON, "Transfer-Encoding: chunked"), b"2\r\n{}\r\n0\r\nA: b\r\n\r\n", ""),
    "other type": (("Content-Type: text/plain", "Content-Length: 2"), b"{}", ""),
    "no key": (("Content-Type: application/json", "Content-Length: 2"), b"{}", ""),
    "too large": ((*JSON, KEPT, "Content-Length: 65537"), b"", ""),
    "far too large": ((*JSON, KEPT, "Content-Length: 99999999999999999999"), b"", ""),
    "two lengths": ((*JSON, "Content-Length: 2", "Content-Length: 2"), b"{}", ""),
    "both": ((*JSON, "Content-Length: 2", "Transfer-Encoding: chunked"), b"0\r\n\r\n", ""),
    "coding": ((*JSON, "Transfer-Encoding: gzip, chunked"), b"0\r\n\r\n", ""),
    "identity": ((*JSON, "Transfer-Encoding: identity"), b"", ""),
    "unknown coding": ((*JSON, "Transfer-Encoding: zip"), b"", ""),
    "coded twice": ((*JSON, *["Transfer-Encoding: chunked"] * 2), b"0\r\n\r\n", ""),
    "chunk size": ((*JSON, KEPT, "Transfer-Encoding: chunked"), b"0x2\r\n{}\r\n0\r\n\r\n", ""),
    "chunk end": ((*JSON, KEPT, "Transfer-Encoding: chunked"), b"2\r\n{}0\r\n\r\n", ""),
    "bare line end behind a size": (
        (*JSON, KEPT, "Transfer-Encoding: chunked"),
        b"2\n{}\r\n0\r\n\r\n",
        "",
    ),
    "bare line end behind a chunk": (
        (*JSON, KEPT, "Transfer-Encoding: chunked"),
        b"2\r\n{}\n0\r\n\r\n",
        "",
    ),
    "bad trailer": (
        (*JSON, KEPT, "Transfer-Encoding: chunked"),
        b"2\r\n{}\r\n0\r\nHost: b\r\n\r\n",
        "",
    ),
    "folded": (("A: b", " c: d"), b"", GET),
    "two hosts": (("Host: b",), b"", GET),
    "blank": (("A : b",), b"", GET),
    "no colon": (("A",), b"", GET),
    "nul": (("A: \0",), b"", GET),
    "latin": (("A: \xe9",), b"", GET),
    "underscore": (("Content_Length: 5",), b"", GET),
    "expectation": (("Expect: x",), b"", GET),
    "long line": ((), b"", f"GET /{'a' * 5_000} HTTP/1.1"),
    "long header": ((f"A: {'a' * 9_000}",), b"", GET),
    "many headers": (("A: b",) * 100, b"", GET),
    "two keys": (("Authorization: Bearer x",), b"", GET),
    "pipelined": ((KEPT,), b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", GET),
}


@pytest.mark.parametrize("name", ASKED)
def test_both_give_the_same_answer(both: Both, name: str) -> None:
    lines, body, line = ASKED[name]
    raw = a_head(both.shop, *lines, **({"line": line} if line else {})) + body

    ours, theirs = (asked(port, raw) for port in (both.cooperative, both.threads))

    assert without_drawn(ours) == without_drawn(theirs)
    assert ours.startswith((b"HTTP/1.1 ", b"HTTP/1.0 "))
    assert ours.count(b"HTTP/1.1 ") <= (2 if name == "pipelined" else 1)
    assert not ours.startswith(b"HTTP/1.1 5")


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /livez HTTP/1.1\r\n\r\n",
        b"GET /livez HTTP/1.1\nHost: a\n\n",
        b"GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"get /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\r\nGET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        b"\r\n\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\nGET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_both_answer_what_is_hardly_http_alike(both: Both, raw: bytes) -> None:
    ours, theirs = (asked(port, raw) for port in (both.cooperative, both.threads))

    assert without_drawn(ours) == without_drawn(theirs)
    assert ours.count(b"HTTP/1.1 ") == 1
    assert not ours.startswith(b"HTTP/1.1 5")


def test_what_one_front_end_took_the_other_replays(both: Both) -> None:
    once, body = a_key(), a_payment(a_key())
    with Client(both.cooperative, both.shop.keys["live"]) as ours:
        first = ours.post("/v1/payments", body, once=once)
    with Client(both.threads, both.shop.keys["live"]) as theirs:
        second = theirs.post("/v1/payments", body, once=once)

    assert (first.status, second.status) == (201, 201)
    assert second.is_replayed
    assert first.body["id"] == second.body["id"]


def test_both_end_a_head_that_comes_byte_by_byte(both: Both) -> None:
    with contextlib.ExitStack() as stack:
        slow = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port), WAIT_S))
            for port in (both.cooperative, both.threads)
        ]
        waiting = slow
        for byte in b"GET /livez?" + b"a" * int(SOCKET_S):
            for one in waiting:
                one.sendall(bytes([byte]))
            time.sleep(1)
            waiting = [one for one in waiting if not select.select([one], [], [], 0)[0]]
            if not waiting:
                break
        answers = [one.recv(65_536) for one in slow]

    assert without_drawn(answers[0]) == without_drawn(answers[1])
    assert answers[0].startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("kind", FRONT_ENDS)
def test_a_stop_under_load_answers_all_whose_connection_was_taken(both: Both, kind: str) -> None:
    begun, lost, statuses = threading.Event(), list[str](), set[int]()

    def client() -> None:
        while True:
            with Client(port, both.shop.keys["live"]) as one:
                try:
                    statuses.add(one.get("/v1/payments").status)
                    begun.set()
                except NoAnswer as error:
                    if error.args[0] == "ConnectionRefusedError":
                        return
                    lost.append(error.args[0])

    with beside(both.service, kind) as port:
        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for one in clients:
            one.start()
        assert begun.wait(WAIT_S)
    for one in clients:
        one.join(WAIT_S)

    assert statuses == {200}
    assert len(lost) <= RESET_BY_THE_KERNEL_MAX, lost


@pytest.mark.alone
@pytest.mark.parametrize("workers", [1, 2])
def test_slow_clients_hold_up_nobody(both: Both, workers: int, sized: Callable[..., int]) -> None:
    lasts_s, spread_s = sized(quick=4, ci=4, full=60), sized(quick=1, ci=1, full=10)

    with (
        beside(both.service, "cooperative", workers=workers) as port,
        SlowClients(port, both.shop, spread_s=spread_s) as slow,
    ):
        took = asking(port, both.shop, lasts_s)

    assert sorted(took)[int(len(took) * 0.99)] < P99_S
    assert len(slow.looks) >= lasts_s / 2
    assert min(look[kind] for look in slow.looks for kind in KINDS) >= HELD_MIN, slow.looks
    for kind in KINDS:
        assert slow.ends(kind).keys() <= {"" if kind == "read" else "408"}
        assert slow.ends(kind).total() >= EACH * (lasts_s // ENDED_AFTER_S[kind] - 1)


def asking(port: int, shop: Shop, lasts_s: int) -> list[float]:
    """Return how long each request took, of one after the other for so many seconds."""
    took = []
    ends = time.perf_counter() + lasts_s
    with Client(port, shop.keys["live"]) as client:
        while (began := time.perf_counter()) < ends:
            if len(took) % 2:
                assert client.get("/v1/payments").status == 200
            else:
                assert client.post("/v1/payments", a_payment(a_key())).status == 201
            took.append(time.perf_counter() - began)
            time.sleep(PAUSE_S)
    return took
