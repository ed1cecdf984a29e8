"""A request as WSGI has it, with the same members that gunicorn gives under its threads."""

import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, BinaryIO, Final
from urllib.parse import unquote_to_bytes
from wsgiref.types import WSGIEnvironment

from gunicorn.util import split_request_uri

from service.front.parser import ParseError, Parser

_BARE: Final = MappingProxyType(
    {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
)
# The usual ones, so that they are not spelled anew with every request.
_USUAL: Final = MappingProxyType(
    {
        name.encode(): f"HTTP_{name.upper().replace('-', '_')}"
        for name in (
            *("host", "user-agent", "accept", "accept-encoding", "accept-language"),
            *("authorization", "connection", "idempotency-key", "traceparent", "tracestate"),
            *("payguard-deadline-ms", "x-forwarded-for", "x-forwarded-proto", "cache-control"),
        )
    }
)


class Base:
    """What all requests of one connection share."""

    def __init__(self, *, client: Any, server: Any, workers: int) -> None:
        client = client if isinstance(client, tuple) else ("", 0)
        server = server if isinstance(server, tuple) else ("", "")
        self._members: Final[Mapping[str, Any]] = {
            "wsgi.version": (1, 0),
            "wsgi.multithread": False,
            "wsgi.multiprocess": workers > 1,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "SERVER_SOFTWARE": "gunicorn",
            "SCRIPT_NAME": "",
            "REMOTE_ADDR": client[0],
            "REMOTE_PORT": str(client[1]),
            "SERVER_NAME": server[0],
            "SERVER_PORT": str(server[1]),
        }

    def environ(self, parser: Parser, stream: BinaryIO) -> WSGIEnvironment:
        """Return the environ of a request whose head was read.

        Raises:
            ParseError: Its target cannot be split.
        """
        target = parser.path.decode("latin-1")
        path, query = _split(target)
        made = dict(self._members)
        made["REQUEST_METHOD"] = parser.method.decode("latin-1")
        made["RAW_URI"] = target
        made["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1") if "%" in path else path
        made["QUERY_STRING"] = query
        made["SERVER_PROTOCOL"] = "HTTP/{}.{}".format(*parser.http_version)
        made["wsgi.input"] = stream
        for name, value in parser.headers:
            key = _USUAL.get(name) or _BARE.get(name) or _key(name)
            if key is None:
                continue
            text = value.decode("latin-1")
            made[key] = f"{made[key]},{text}" if key in made else text
        return made


def _key(name: bytes) -> str | None:
    """Return the member that a header becomes; None for one that could pass for another.

    `X_Forwarded_For` and `X-Forwarded-For` would be one member, and a proxy guards only one.
    """
    if b"_" in name:
        return None
    return f"HTTP_{name.decode('latin-1').upper().replace('-', '_')}"


def _split(target: str) -> tuple[str, str]:
    """Return path and query of a request's target."""
    if target.startswith("/") and not target.startswith("//") and "#" not in target:
        path, _, query = target.partition("?")
        return path, query
    try:
        parts = split_request_uri(target)
    except ValueError as error:
        raise ParseError("the target cannot be split") from error
    return parts.path or "", parts.query or ""
