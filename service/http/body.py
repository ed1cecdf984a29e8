"""Reads a raw body from the server, whole and never beyond the limit."""

from collections.abc import Mapping
from typing import Any, Final

from service.http import headers
from service.http.problems import BODY_MALFORMED, BODY_TOO_LARGE
from service.kernel.errors import Refusal

_CHUNK_BYTES: Final = 65_536


def read_body(environ: Mapping[str, Any], *, limit: int) -> bytes:
    """Return the raw body; of one that is too long, one byte beyond the limit is read at most.

    Raises:
        Refusal: BODY_TOO_LARGE, BODY_MALFORMED for a broken chunk or an early end, or
            HEADER_INVALID for a bad Content-Length.
    """
    announced = headers.content_length(environ)
    too_large = Refusal(BODY_TOO_LARGE, fields={"limit_bytes": limit})
    if announced is None and not environ.get("wsgi.input_terminated"):
        return b""
    if announced is not None and announced > limit:
        raise too_large
    stream = environ["wsgi.input"]
    # A server that does not end the stream itself would wait for bytes beyond the body.
    left = limit + 1 if announced is None else announced
    pieces = []
    try:
        while left > 0 and (piece := stream.read(min(left, _CHUNK_BYTES))):
            pieces.append(piece)
            left -= len(piece)
    except (OSError, ValueError):
        # A broken chunk, or a caller who went away in the middle.
        raise Refusal(BODY_MALFORMED) from None
    body = b"".join(pieces)
    if len(body) > limit:
        raise too_large
    if announced is not None and len(body) < announced:
        raise Refusal(BODY_MALFORMED)
    return body
