"""The environ is the one that gunicorn makes of the same bytes under its threads."""

import io
import socket
from typing import Any

import pytest
from gunicorn.config import Config
from gunicorn.http import wsgi
from gunicorn.http.parser import RequestParser

from service.front.environ import Base
from service.front.parser import ParseError, Parser

CLIENT, SERVER = ("203.0.113.9", 4711), ("127.0.0.1", 8080)
OWN = {
    *("wsgi.input", "wsgi.errors", "wsgi.multithread", "wsgi.file_wrapper"),
    *("wsgi.early_hints", "gunicorn.socket", "SERVER_SOFTWARE"),
}


def ours(raw: bytes) -> dict[str, Any]:
    made: dict[str, Any] = {}
    parser = Parser(on_headers_complete=lambda: made.update(base.environ(parser, io.BytesIO())))
    base = Base(client=CLIENT, server=SERVER, workers=2)
    parser.feed(raw)
    return {name: value for name, value in made.items() if name not in OWN}


def gunicorns(raw: bytes) -> dict[str, Any]:
    config = Config()
    config.set("workers", 2)
    config.set("http_parser", "python")
    config.set("forwarded_allow_ips", "")
    config.set("forwarder_headers", "")
    ends = socket.socketpair()
    with ends[0], ends[1]:
        ends[0].sendall(raw)
        ends[0].shutdown(socket.SHUT_WR)
        request = next(RequestParser(config, ends[1], CLIENT))
        _, environ = wsgi.create(request, ends[1], CLIENT, SERVER, config)
    return {name: value for name, value in environ.items() if name not in OWN}


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nHost: a",
        "GET /v1/payments?after=x&limit=2 HTTP/1.1\r\nHost: a",
        "GET /a%20b/%E4%BD%A0?q=%E4%BD%A0 HTTP/1.1\r\nHost: a",
        "GET //double//slash?x HTTP/1.1\r\nHost: a",
        "GET /a?b?c HTTP/1.1\r\nHost: a",
        "GET /a#fragment HTTP/1.1\r\nHost: a",
        "GET /a?b#fragment HTTP/1.1\r\nHost: a",
        "GET http://other.example/v1/x?y=z HTTP/1.1\r\nHost: a",
        "GET /%00%ff%zz HTTP/1.1\r\nHost: a",
        "OPTIONS * HTTP/1.1\r\nHost: a",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Type: application/json",
        "GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\nx-a: 2\r\nX-A: 3",
        "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer b\r\nAuthorization: Bearer c",
        "GET / HTTP/1.1\r\nHost: a\r\nX_Forwarded_For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8",
        "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Ssl: on",
        "GET / HTTP/1.1\r\nHost: a\r\nSCRIPT_NAME: /x\r\nREMOTE_USER: root",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \xe9\xff  padded \t",
        "GET / HTTP/1.0",
        "GET / HTTP/1.0\r\nConnection: keep-alive",
    ],
)
def test_it_has_the_members_of_gunicorns(head: str) -> None:
    raw = f"{head}\r\n\r\n".encode("latin-1")

    assert ours(raw) == gunicorns(raw)


def test_a_target_that_cannot_be_split_is_no_request() -> None:
    with pytest.raises(ParseError):
        ours(b"GET http://[broken/ HTTP/1.1\r\nHost: a\r\n\r\n")
