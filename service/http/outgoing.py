"""A finished answer as a Flask response. Copies no header twice; checks those it did not make."""

from collections.abc import Iterable
from typing import Any

import flask
from werkzeug.datastructures import Headers


class _Made(Headers):
    """Headers of our own making, taken as they are: the usual constructor costs 1 us for each."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._list = pairs


class Outgoing(flask.Response):
    """A response that is complete when it is made, so nothing is worked out again on sending."""

    def get_wsgi_headers(  # type: ignore[explicit-override]  # typing.override is newer
        self, _: Any
    ) -> Headers:
        """Return the headers as they are; length and type are among them."""
        return self.headers


def outgoing(
    body: bytes,
    *,
    status: int,
    made: list[tuple[str, str]],
    others: Iterable[tuple[str, str]],
) -> flask.Response:
    """Return the response.

    Args:
        body: What goes out; empty for none.
        status: HTTP status.
        made: Headers that the door made, Content-Type among them; the list is taken over.
        others: Headers that somebody else gave.

    Raises:
        ValueError: A header of somebody else holds a line break.
    """
    made.append(("Content-Length", str(len(body))))
    headers = _Made(made)
    for name, value in others:
        headers.add(name, value)
    return Outgoing([body], status=status, headers=headers)
