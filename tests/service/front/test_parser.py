import pytest

from service.front.parser import ParseError, Parser


def fed(head: str, body: bytes = b"") -> Parser:
    parser = Parser(limit_request_line=200, limit_request_fields=8, limit_request_field_size=100)
    parser.feed(f"{head}\r\n\r\n".encode("latin-1") + body)
    return parser


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.1",
        "POST / HTTP/1.1\r\nHost: a\r\nHost: a",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity, chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1_0",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2",
        "POST / HTTP/1.1\r\nHost: a\r\n folded: b",
        "POST / HTTP/1.1\r\nHost: a\r\nA: b\r\n c",
        "POST / HTTP/1.1\r\nHost: a\r\nA: b\x00",
        "POST / HTTP/1.1\r\nHost: a\r\nA\x7f: b",
        "POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-maybe",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked",
        "POST / HTTP/1.1\nHost: a",
        "POST  / HTTP/1.1\r\nHost: a",
        "POST /",
        "POST / HTTP/2.0\r\nHost: a",
        "post / HTTP/1.1\r\nHost: a",
        "POST / HTTP/1.1\r\nHost: a\r\n" + "\r\n".join(["A: b"] * 9),
        "POST / HTTP/1.1\r\nHost: a\r\nA: " + "b" * 100,
        "POST /" + "a" * 300 + " HTTP/1.1\r\nHost: a",
    ],
)
def test_what_two_servers_could_read_apart_is_no_request(head: str) -> None:
    with pytest.raises(ParseError):
        fed(head)


@pytest.mark.parametrize(
    "body",
    [
        *(b"+2\r\nab\r\n0\r\n\r\n", b"0x2\r\nab\r\n0\r\n\r\n", b"2 \r\nab\r\n0\r\n\r\n"),
        *(b"\r\n", b"2\nab\r\n0\r\n\r\n", b"2\r\nabc\r\n0\r\n\r\n"),
        b"0\r\nContent-Length: 3\r\n\r\n",
    ],
)
def test_odd_chunks_are_no_body(body: bytes) -> None:
    with pytest.raises(ParseError):
        fed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", body)


def test_chunks_are_read_whole_and_what_comes_behind_is_kept() -> None:
    parser = fed(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked",
        b"2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: x\r\n\r\nGET ",
    )

    assert parser.is_complete
    assert parser.remaining() == b"GET "


@pytest.mark.parametrize(("version", "expects"), [("1.1", True), ("1.0", False)])
def test_an_expectation_counts_in_http_1_1(version: str, expects: bool) -> None:
    parser = fed(f"POST / HTTP/{version}\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1")

    assert parser.expects_continue is expects
