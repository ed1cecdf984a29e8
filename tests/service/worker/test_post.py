"""Whatever a receiver does, a parcel ends within its time with one of the known causes."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from service.worker.connections import ANSWER_BYTES_MAX, HEAD_BYTES_MAX
from service.worker.parcels import Cause
from service.worker.post import REQUESTS_MAX, RETRY_AFTER_MAX_S, Kept, Limits
from tests.service.worker.conftest import QUICK, Sender, Wire, a_parcel
from tests.support import stub_receiver as stubs
from tests.support.addresses import INTERNAL_ADDRESSES, INTERNAL_URLS
from tests.support.stub_receiver import Act, Authority, Flood, StubReceiver

HOOK = "https://shop.example/hook"
MB = 1_000_000


def test_what_was_signed_is_sent_as_it_is(sender: Sender) -> None:
    with StubReceiver() as receiver:
        [outcome] = sender.send(a_parcel(receiver.url + "?a=%20"))

    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert (outcome.delivered, outcome.cause, outcome.status) == (True, "ok", 200)
    assert body == b'{"a":1}'
    assert lines[:2] == [b"POST /hook?a=%20 HTTP/1.1", b"Host: 127.0.0.1:%d" % receiver.port]
    assert b"Content-Length: 7" in lines
    assert abs(int(lines[-2].removeprefix(b"webhook-timestamp: ")) - time.time()) < 10


@pytest.mark.long
@pytest.mark.parametrize(
    ("act", "cause", "status"),
    [
        (stubs.status(204), "ok", 204),
        (stubs.status(201), "ok", 201),
        (stubs.status(500), "status", 500),
        (stubs.status(404), "status", 404),
        (stubs.status(410), "gone", 410),
        (stubs.status(301, "Location: http://127.0.0.1:1/"), "redirect", 301),
        (stubs.status(307, "Location: /elsewhere"), "redirect", 307),
        (stubs.status(101), "reset", None),
        (stubs.hangs_after_the_request, "timeout", None),
        (stubs.hangs_in_the_head, "timeout", None),
        (stubs.drips, "timeout", None),
        (stubs.resets, "reset", None),
        (stubs.closes, "reset", None),
        (stubs.answers(b"SSH-2.0-OpenSSH\r\n\r\n"), "reset", None),
        (stubs.answers(b"HTTP/1.1 99 x\r\n\r\n"), "reset", None),
        (stubs.answers(b"HTTP/1.1 200\r\n\r\n"), "ok", 200),
        (stubs.answers(b"HTTP/1.1 103 Early\r\n\r\n" + stubs.OK), "ok", 200),
        (stubs.answers(b"HTTP/1.1 103 Early\r\n\r\n" * 9 + stubs.OK), "reset", None),
        (stubs.hangs_in_the_body, "ok", 200),
        (stubs.answers(b"HTTP/1.1 200\r\nContent-Length: %b\r\n\r\n" % (b"9" * 5_000)), "ok", 200),
    ],
    ids=[f"way_{number}" for number in range(1, 21)],
)
def test_each_way_to_answer_has_its_cause(
    sender: Sender, act: Act, cause: Cause, status: int | None
) -> None:
    with StubReceiver(act) as receiver:
        began = time.perf_counter()
        [outcome] = sender.send(a_parcel(receiver.url))
        took = time.perf_counter() - began

    assert (outcome.cause, outcome.status) == (cause, status)
    assert outcome.delivered == (cause == "ok")
    assert took < QUICK.total + 1


def test_a_receiver_that_is_down_is_named_so(sender: Sender) -> None:
    with stubs.nobody() as port:
        [outcome] = sender.send(a_parcel(f"http://127.0.0.1:{port}/"))

    assert (outcome.cause, outcome.status) == ("connect", None)


def test_a_connection_that_ends_before_the_request_is_one_of_two(sender: Sender) -> None:
    with StubReceiver(stubs.resets_at_once) as receiver:
        [outcome] = sender.send(a_parcel(receiver.url))

    assert outcome.cause in {"connect", "reset"}


def test_a_redirect_is_not_followed(sender: Sender) -> None:
    with StubReceiver() as elsewhere:
        act = stubs.status(302, f"Location: {elsewhere.url}")
        with StubReceiver(act) as receiver:
            [outcome] = sender.send(a_parcel(receiver.url))

    assert (outcome.cause, elsewhere.connections) == ("redirect", 0)


@pytest.mark.parametrize(("in_head", "cause"), [(False, "ok"), (True, "too_large")])
def test_of_a_hundred_megabytes_only_a_beginning_is_read(
    sender: Sender, in_head: bool, cause: Cause
) -> None:
    sender.limits = Limits()
    flood = Flood(100 * MB, in_head=in_head)
    with StubReceiver(flood) as receiver:
        [outcome] = sender.send(a_parcel(receiver.url))
        assert flood.ended.wait(10)

    assert outcome.cause == cause
    # Beside what is read there are the two kernels' buffers.
    assert flood.sent < 10 * ANSWER_BYTES_MAX


def test_a_head_of_the_longest_length_is_read(sender: Sender) -> None:
    head = b"HTTP/1.1 200 OK\r\nX: ".ljust(HEAD_BYTES_MAX - 4, b"a") + b"\r\n\r\n"
    with StubReceiver(stubs.answers(head)) as receiver:
        [outcome] = sender.send(a_parcel(receiver.url))

    assert outcome.cause == "ok"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        ("999999", RETRY_AFTER_MAX_S),
        ("9" * 5_000, None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds(sender: Sender, text: str, seconds: int | None) -> None:
    with StubReceiver(stubs.status(503, f"Retry-After: {text}")) as receiver:
        [outcome] = sender.send(a_parcel(receiver.url))

    assert outcome.retry_after_s == seconds


def test_a_busy_receiver_keeps_its_connection(sender: Sender) -> None:
    with StubReceiver() as receiver:
        outcomes = sender.send(*[a_parcel(receiver.url)] * 20)

    assert {one.cause for one in outcomes} == {"ok"}
    assert (receiver.connections, len(receiver.requests)) == (1, 20)


def test_but_not_for_ever(sender: Sender) -> None:
    with StubReceiver() as receiver:
        sender.send(*[a_parcel(receiver.url)] * (REQUESTS_MAX + 1))

    assert receiver.connections == 2


def test_a_connection_that_was_closed_meanwhile_is_opened_again(sender: Sender) -> None:
    def act(line: stubs.Line) -> None:
        line.request()
        line.send(stubs.OK)

    with StubReceiver(act) as receiver:
        outcomes = sender.send(*[a_parcel(receiver.url)] * 5)

    assert [one.cause for one in outcomes] == ["ok"] * 5


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_a_connection_whose_body_cannot_be_skipped_is_not_used_again(
    sender: Sender, answer: bytes
) -> None:
    with StubReceiver(stubs.answers(answer)) as receiver:
        outcomes = sender.send(*[a_parcel(receiver.url)] * 3)

    assert [one.cause for one in outcomes] == ["ok"] * 3
    assert receiver.connections == 3


# TLS.


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def over_tls(sender: Sender, receiver: StubReceiver, authority: Authority) -> Wire:
    sender.tls = authority.client()
    sender.wire = Wire()
    sender.wire.port = receiver.port
    return sender.wire


def test_a_certificate_of_the_name_is_taken(sender: Sender, authority: Authority) -> None:
    asked: list[str | None] = []
    tls = authority.server("shop.example")
    tls.sni_callback = lambda _socket, name, _context: asked.append(name)
    with StubReceiver(tls=tls) as receiver:
        over_tls(sender, receiver, authority)
        outcomes = sender.send(a_parcel(HOOK), a_parcel(HOOK))

    assert [one.cause for one in outcomes] == ["ok", "ok"]
    assert (asked, receiver.connections) == (["shop.example"], 1)


@pytest.mark.parametrize(
    ("host", "days"),
    [("other.example", (-1, 1)), ("shop.example", (-9, -1)), ("shop.example", (3, 9))],
)
def test_a_certificate_of_another_name_or_time_is_not(
    sender: Sender, authority: Authority, host: str, days: tuple[int, int]
) -> None:
    with StubReceiver(tls=authority.server(host, days=days)) as receiver:
        over_tls(sender, receiver, authority)
        [outcome] = sender.send(a_parcel(HOOK))

    assert (outcome.cause, receiver.requests) == ("tls", [])


def test_a_certificate_of_an_unknown_authority_is_not(
    sender: Sender, authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path)
    with StubReceiver(tls=stranger.server("shop.example")) as receiver:
        over_tls(sender, receiver, authority)
        [outcome] = sender.send(a_parcel(HOOK))

    assert (outcome.cause, receiver.requests) == ("tls", [])


@pytest.mark.parametrize(
    ("act", "causes"),
    [
        (stubs.hangs_at_once, {"timeout"}),
        (stubs.ends_at_once, {"tls"}),
        (stubs.resets_at_once, {"tls", "connect"}),
    ],
)
def test_a_handshake_that_does_not_end_well(
    sender: Sender, authority: Authority, act: Act, causes: set[Cause]
) -> None:
    with StubReceiver(act) as receiver:
        over_tls(sender, receiver, authority)
        [outcome] = sender.send(a_parcel(HOOK))

    assert outcome.cause in causes


# The address guard, with the network that is really there.


@pytest.fixture(scope="module")
def inside() -> Iterator[StubReceiver]:
    with StubReceiver() as receiver:
        yield receiver


@pytest.mark.long
@pytest.mark.parametrize("url", INTERNAL_URLS)
def test_no_form_of_an_internal_url_makes_a_connection(
    sender: Sender, inside: StubReceiver, url: str
) -> None:
    sender.allows_internal = False
    sender.wire = Wire()
    sender.wire.addresses = [("127.0.0.1",)]
    sender.wire.port = inside.port
    [outcome] = sender.send(a_parcel(url))

    assert (outcome.cause, sender.wire.connected) == ("refused_address", [])
    assert (inside.connections, sender.wire.asked) == (0, [])


@pytest.mark.long
@pytest.mark.parametrize("address", INTERNAL_ADDRESSES)
@pytest.mark.parametrize("others", [(), ("1.1.1.1", "8.8.8.8")], ids=["alone", "among"])
def test_no_name_of_an_internal_address_makes_a_connection(
    sender: Sender, inside: StubReceiver, address: str, others: Sequence[str]
) -> None:
    sender.allows_internal = False
    sender.wire = Wire()
    sender.wire.addresses = [(*others, address)]
    sender.wire.port = inside.port
    [outcome] = sender.send(a_parcel(HOOK))

    assert (outcome.cause, sender.wire.connected) == ("refused_address", [])
    assert inside.connections == 0


def test_a_name_that_is_bound_anew_is_connected_where_it_was_checked(
    sender: Sender, authority: Authority
) -> None:
    """DNS rebinding: the first answer is public, every later one is this machine."""
    with StubReceiver(tls=authority.server("shop.example")) as receiver:
        wire = over_tls(sender, receiver, authority)
        sender.allows_internal = False
        wire.addresses = [("1.1.1.1",), ("127.0.0.1",)]
        first, kept, last = sender.send(
            a_parcel(HOOK), a_parcel(HOOK), a_parcel("https://shop.example:8443/")
        )

    assert [one.cause for one in (first, kept, last)] == ["ok", "ok", "refused_address"]
    assert (wire.connected, wire.asked) == (["1.1.1.1"], ["shop.example"] * 2)


def test_an_address_that_is_down_gives_way_to_the_next_that_was_checked(sender: Sender) -> None:
    with StubReceiver() as receiver:
        wire = sender.wire = Wire()
        wire.addresses = [("10.0.0.1", "10.0.0.2")]
        connect = wire.connect

        async def only_the_second(address: str, port: int) -> object:
            made = await connect(address, port)
            if address == "10.0.0.1":
                made.close()
                raise ConnectionRefusedError
            return made

        wire.port = receiver.port
        wire.connect = only_the_second  # type: ignore[assignment,method-assign]  # a connector of the test
        [outcome] = sender.send(a_parcel("http://receiver:8000/"))

    assert (outcome.cause, wire.connected) == ("ok", ["10.0.0.1", "10.0.0.2"])


@pytest.mark.parametrize(("sandbox", "allows"), [(True, False), (False, True), (False, False)])
def test_internal_receivers_are_for_sandboxes_where_the_settings_say_so(
    sender: Sender, sandbox: bool, allows: bool
) -> None:
    sender.allows_internal = allows
    with StubReceiver() as receiver:
        [outcome] = sender.send(a_parcel(receiver.url, sandbox=sandbox))

    assert (outcome.cause, receiver.connections) == ("refused_address", 0)


def test_proxies_of_the_environment_are_not_used(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StubReceiver() as proxy, StubReceiver() as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        [outcome] = sender.send(a_parcel(receiver.url))

    assert (outcome.cause, proxy.connections) == ("ok", 0)


def test_a_lookup_that_hangs_ends_with_the_time(sender: Sender) -> None:
    def hang(_host: str, _port: int) -> Sequence[str]:
        time.sleep(2 * QUICK.total)
        return ("127.0.0.1",)

    sender.resolve = hang
    [outcome] = sender.send(a_parcel("http://receiver:8000/"))

    assert outcome.cause == "timeout"


def test_a_name_that_nobody_has_is_named_so(sender: Sender) -> None:
    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise OSError

    sender.resolve = nobody
    [outcome] = sender.send(a_parcel(HOOK))

    assert outcome.cause == "connect"


@pytest.mark.parametrize("headers", [{"webhook-id": "a\r\nX: y"}, {"a b": "c"}, {"a": "ü"}])
def test_a_header_that_would_end_its_line_is_a_fault_of_ours(
    sender: Sender, headers: dict[str, str]
) -> None:
    with StubReceiver() as receiver, pytest.raises(AssertionError):
        sender.send(a_parcel(receiver.url, sign=lambda _now: headers))

    assert receiver.requests == []


def test_nothing_stays_open_when_the_sender_is_cancelled(sender: Sender) -> None:
    async def run(url: str) -> None:
        task = asyncio.create_task(sender.post().send(a_parcel(url), Kept()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.wait([task])

    with StubReceiver(stubs.hangs_after_the_request) as receiver:
        asyncio.run(run(receiver.url))
        [connection] = receiver._open
        connection.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
