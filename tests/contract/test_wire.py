"""Hostile bytes over real sockets, at two gunicorn workers: one request, one answer, no fault."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from tests.contract.conftest import new_database
from tests.support.checkout import a_payment
from tests.support.clients import Client, a_key
from tests.support.servers import FRONT_ENDS, Service, Shop

pytestmark = pytest.mark.servers

# Good JSON that no reader of ours may take: two readers of it could differ (one name twice), or
# what stands in it cannot be stored (NUL).
STRICTLY_REFUSED: Final = {
    *("y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"),
    *("y_object_escaped_null_in_key.json", "y_string_null_escape.json"),
}
WAIT_S: Final = 10
SILENCE_S: Final = 0.3
FAULTS: Final = ("request_failed", "command_faulted", "Traceback")
READ: Final = 65_536


@pytest.fixture(scope="module", params=FRONT_ENDS)
def service(
    tmp_path_factory: pytest.TempPathFactory,
    store_kind: str,
    request: pytest.FixtureRequest,
) -> Iterator[Service]:
    home = tmp_path_factory.mktemp("wire") / "home"
    settings = {"FRONT_END": request.param}
    database = new_database(store_kind, request)
    with Service(home, settings=settings, database=database) as made:
        yield made
        # Whatever order the tests came in: none of them made a fault.
        for process in (made.front_end, made.writer, made.worker):
            text = process.log.read_text()
            assert not [one for one in FAULTS if one in text], process.tail()


@pytest.fixture(scope="module")
def shop(service: Service) -> Shop:
    return service.shop()


@contextmanager
def connected(service: Service) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=WAIT_S) as connection:
        yield connection


def head(shop: Shop, *lines: str, path: str = "/v1/payments") -> bytes:
    """Return the first lines of a POST; further ones come behind those that it needs."""
    usual = (
        f"POST {path} HTTP/1.1",
        "Host: pay.example",
        f"Authorization: Bearer {shop.keys['live']}",
        "Content-Type: application/json",
        f"Idempotency-Key: {a_key()}",
    )
    return "\r\n".join([*usual, *lines, "", ""]).encode()


def answer_to(service: Service, *pieces: bytes) -> tuple[int, bytes]:
    """Send bytes as they are; return status and everything that came until the end or silence."""
    with connected(service) as connection:
        for piece in pieces:
            try:
                connection.sendall(piece)
            except OSError:
                break
        got = b""
        try:
            while piece := connection.recv(READ):
                got += piece
                # A kept connection stays silent behind its answer.
                connection.settimeout(SILENCE_S)
        except OSError:
            pass
    assert got, "no answer at all"
    return int(got.split(b" ", 2)[1]), got


def codes_of(service: Service, shop: Shop, folder: Path, kind: str) -> dict[str, Any]:
    """Return status and code of each body of a kind of the suite."""
    found = {}
    for path in sorted(folder.glob(f"{kind}_*.json")):
        # One connection each: gunicorn closes one whose body was refused unread.
        with service.client(shop) as client:
            got = client._ask("POST", "/v1/payments", path.read_bytes(), _once())
        found[path.name] = (got.status, got.body["code"])
    return found


def _once() -> dict[str, str]:
    return {"Content-Type": "application/json", "Idempotency-Key": a_key()}


@pytest.fixture(scope="module")
def suite(material: Path) -> Path:
    return material / "attack" / "JSONTestSuite" / "test_parsing"


def test_malformed_json_of_the_suite_is_told_as_such(
    service: Service, shop: Shop, suite: Path
) -> None:
    answers = codes_of(service, shop, suite, "n")

    assert len(answers) == 188
    large = {name for name, (status, _) in answers.items() if status == 413}
    assert {one for name, one in answers.items() if name not in large} == {(400, "body_malformed")}
    # These two are larger than any body may be; the reader refuses them as well.
    assert large <= {"n_structure_100000_opening_arrays.json", "n_structure_open_array_object.json"}


def test_good_json_of_the_suite_is_never_told_malformed(
    service: Service, shop: Shop, suite: Path
) -> None:
    answers = codes_of(service, shop, suite, "y")

    assert len(answers) == 95
    malformed = {name for name, (_, code) in answers.items() if code == "body_malformed"}
    assert malformed == STRICTLY_REFUSED
    assert {status for status, _ in answers.values()} == {400, 422}


def test_undefined_json_of_the_suite_makes_no_fault(
    service: Service, shop: Shop, suite: Path
) -> None:
    answers = codes_of(service, shop, suite, "i")

    assert len(answers) == 35
    assert {status for status, _ in answers.values()} <= {400, 422}


@pytest.mark.parametrize("length", [65_537, 10_000_000, 10**17])
def test_a_body_too_large_is_refused_before_it_is_sent(
    service: Service, shop: Shop, length: int
) -> None:
    answer_to(service, head(shop, "Content-Length: 2", "Connection: close"), b"{}")

    began = time.perf_counter()
    with connected(service) as connection:
        connection.sendall(head(shop, f"Content-Length: {length}"))
        got = connection.recv(READ)
        took_s = time.perf_counter() - began

    assert got.startswith(b"HTTP/1.1 413 ")
    assert took_s < 0.25


def test_ten_megabytes_in_chunks_are_refused_and_the_worker_goes_on(
    service: Service, shop: Shop
) -> None:
    piece = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    status, got = answer_to(service, head(shop, "Transfer-Encoding: chunked"), *[piece] * 150)

    assert status == 413
    assert got.count(b"HTTP/1.1 ") == 1
    with service.client(shop) as client:
        assert client.post("/v1/payments", a_payment(a_key())).status == 201


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        pytest.param(["Transfer-Encoding: chunked"], b"zz\r\n{}\r\n0\r\n\r\n", id="bad size"),
        pytest.param(["Transfer-Encoding: chunked"], b"2\r\n{}zz\r\n0\r\n\r\n", id="bad end"),
        pytest.param(["Transfer-Encoding: chunked"], b"-2\r\n{}\r\n0\r\n\r\n", id="minus"),
        pytest.param(["Transfer-Encoding: chunked"], b"2\n{}\r\n0\r\n\r\n", id="bare LF: size"),
        pytest.param(["Transfer-Encoding: chunked"], b"2\r\n{}\n0\r\n\r\n", id="bare LF: chunk"),
        pytest.param(["Content-Length: 2", "Content-Length: 3"], b"{} ", id="two lengths"),
        pytest.param(["Content-Length: +2"], b"{}", id="signed length"),
        pytest.param(["Content-Length: 2, 2"], b"{}", id="joined lengths"),
        pytest.param(
            ["Content-Length: 2", "Transfer-Encoding: chunked"], b"0\r\n\r\n", id="both lengths"
        ),
        pytest.param(["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n", id="two codings"),
        pytest.param(["Content-Length: 2", "Content-Type: text/plain"], b"{}", id="two types"),
        pytest.param(["Content-Length: 2", "Authorization: Bearer x"], b"{}", id="two keys"),
        pytest.param(["Content-Length: 2", "Idempotency-Key: " + "y" * 20], b"{}", id="two onces"),
        pytest.param(["Content-Length: 2", "Payguard-Deadline-Ms: x"], b"{}", id="no number"),
        pytest.param(["Content-Length: 2", "A: b\rc"], b"{}", id="bare CR"),
        pytest.param(["Content-Length: 2", "A\x00: b"], b"{}", id="NUL in a name"),
        pytest.param(["Content-Length: 2", " folded: x"], b"{}", id="folded"),
        pytest.param(["Content-Length : 2"], b"{}", id="blank before the colon"),
        pytest.param(["Content-Length: 2", f"A: {'x' * 70_000}"], b"{}", id="a long header"),
        pytest.param(["Content-Length: 2", *["A: b"] * 500], b"{}", id="many headers"),
    ],
)
def test_a_request_that_two_servers_could_read_apart_is_refused_once(
    service: Service, shop: Shop, lines: list[str], body: bytes
) -> None:
    status, got = answer_to(service, head(shop, *lines), body)

    assert 400 <= status < 500, got
    assert got.count(b"HTTP/1.1 ") == 1
    assert shop.keys["live"].encode() not in got


def test_bytes_behind_a_body_are_a_request_of_their_own(service: Service, shop: Shop) -> None:
    smuggled = b"GET /livez HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    _, got = answer_to(service, head(shop, "Content-Length: 2"), b"{}" + smuggled)

    assert got.count(b"HTTP/1.1 ") == 2
    assert got.index(b"HTTP/1.1 422") < got.index(b"HTTP/1.1 200")


def test_who_goes_away_in_the_middle_of_a_body_leaves_nothing_behind(
    service: Service, shop: Shop
) -> None:
    with connected(service) as connection:
        connection.sendall(head(shop, "Content-Length: 100") + b'{"a":')
        connection.shutdown(socket.SHUT_WR)
        got = connection.recv(READ)

    assert b"HTTP/1.1 5" not in got
    with Client(service.port, shop.keys["live"]) as client:
        assert client.get("/v1/payments").body["payments"] is not None


def test_what_no_server_takes_is_not_logged_either(service: Service, shop: Shop) -> None:
    secret = "canary@hostile-example.cn"
    for line in (
        f"GET /{secret} HTTP/9.9",
        f"{secret} / HTTP/1.1",
        f"GET / {secret}",
        f"GET /livez HTTP/1.1\r\n{secret}\r\n",
        f"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: {secret}\r\n",
        f"GET /livez?{secret} HTTP/1.1\r\nHost: a\r\nX: {secret}\r\nConnection: close\r\n",
    ):
        answer_to(service, f"{line}\r\n\r\n".encode())
    with service.client(shop) as client:
        payer = {"payer_id": "c_1", "email": secret, "phone": "+8613800138000"}
        assert client.post("/v1/payments", a_payment(a_key(), payer=payer)).status == 201
        assert client.post(f"/v1/payments/{secret}/cancel").status == 404

    for process in (service.front_end, service.writer, service.worker):
        text = process.log.read_text()
        assert secret not in text
        assert shop.keys["live"] not in text
        assert "13800138000" not in text
