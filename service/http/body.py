"""Reads a raw body from the server, whole and never beyond the limit."""

from collections.abc import Mapping
from typing import Any, BinaryIO

from gunicorn.http.errors import ParseException

from service.http import headers
from service.http.problems import BODY_MALFORMED, BODY_TOO_LARGE
from service.kernel.errors import Refusal


def read_body(environ: Mapping[str, Any], *, limit: int) -> bytes:
    """Return the raw body; of one that is too long, one byte beyond the limit is read at most.

    Raises:
        Refusal: BODY_TOO_LARGE, BODY_MALFORMED for a broken chunk or an early end, or
            HEADER_INVALID for a bad Content-Length.
    """
    announced = headers.content_length(environ)
    if announced is None and not environ.get("wsgi.input_terminated"):
        return b""
    if announced is not None and announced > limit:
        raise _too_large(limit)
    # A server that does not end the stream itself would wait for bytes beyond the body.
    body = _read(environ["wsgi.input"], limit + 1 if announced is None else announced)
    if len(body) > limit:
        raise _too_large(limit)
    if announced is not None and len(body) < announced:
        raise Refusal(BODY_MALFORMED)
    return body


def _read(stream: BinaryIO, size: int) -> bytes:
    pieces = []
    try:
        while size > 0 and (piece := stream.read(size)):
            pieces.append(piece)
            size -= len(piece)
    except (OSError, ValueError, ParseException):
        # A broken chunk, or a caller who went away in the middle.
        raise Refusal(BODY_MALFORMED) from None
    return b"".join(pieces)


def _too_large(limit: int) -> Refusal:
    return Refusal(BODY_TOO_LARGE, fields={"limit_bytes": limit})
