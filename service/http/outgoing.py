"""A finished answer, for a WSGI server or for Flask. Checks the headers that others gave."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from types import MappingProxyType
from typing import Final, NamedTuple

import flask

_HEADER_VALUE: Final = re.compile(r"[\t -~]*")
LINES: Final = MappingProxyType({one.value: f"{one.value} {one.phrase}" for one in HTTPStatus})


class Finished(NamedTuple):
    """What goes out, complete.

    Attributes:
        line: Status line of HTTP.
        headers: All headers.
        body: Bytes; empty for none.
    """

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def response(self) -> flask.Response:
        """Return it as a Flask response, for what came through Flask."""
        return flask.Response(self.body, self.line, self.headers)


def finish(
    body: bytes,
    *,
    status: int,
    made: list[tuple[str, str]],
    others: Iterable[tuple[str, str]],
) -> Finished:
    """Return the finished answer.

    Args:
        body: What goes out.
        status: HTTP status, a registered one.
        made: Headers that the door made; the list is taken over.
        others: Headers that somebody else gave.

    Raises:
        ValueError: A header of somebody else holds a line break or a character beyond ASCII.
        KeyError: The status is none.
    """
    for name, value in others:
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError("a header's value is one line of ASCII")
        made.append((name, value))
    made.append(("Content-Length", str(len(body))))
    return Finished(LINES[status], made, body)
