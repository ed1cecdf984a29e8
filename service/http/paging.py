"""Pages of a list: signed, opaque cursors over the last key. Never an offset, never a plain key."""

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Final, Generic, NamedTuple, TypeVar
from urllib.parse import urlencode

import msgspec

from keys.blind_index import matches
from service.http.ports import Ports
from service.http.problems import CURSOR_INVALID
from service.http.routes import Request
from service.kernel.errors import Refusal

LIMIT_MAX: Final = 200
LIMIT: Final = 50
CURSOR_CHARS_MAX: Final = 1_024

_VERSION: Final = 1
_MAC_BYTES: Final = 16
_FILTER_BYTES: Final = 16

Key = str | int
Row = TypeVar("Row")


class Page(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query of a list; a room's query Struct inherits it and adds its filters.

    Attributes:
        limit: Rows of one page.
        cursor: `next_cursor` of the page before; None begins.
    """

    limit: Annotated[int, msgspec.Meta(ge=1, le=LIMIT_MAX, description="Rows of one page.")] = LIMIT
    cursor: (
        Annotated[
            str,
            msgspec.Meta(
                max_length=CURSOR_CHARS_MAX, description="next_cursor of the page before."
            ),
        ]
        | None
    ) = None


class _Cursor(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    version: int
    filters: bytes
    last: tuple[Key, ...]


def after(request: Request, ports: Ports) -> tuple[Key, ...] | None:
    """Return the last key of the page before, or None for the first page.

    Raises:
        Refusal: CURSOR_INVALID for a cursor that we did not make for this caller, this list and
            these filters; the same for every reason.
    """
    text = request.query.cursor
    if text is None:
        return None
    try:
        sealed = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        packed, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if _encoded(sealed) != text or not matches(mac, _mac(ports, packed)):
            raise Refusal(CURSOR_INVALID)
        cursor = msgspec.msgpack.decode(packed, type=_Cursor)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise Refusal(CURSOR_INVALID) from None
    if cursor.version != _VERSION or cursor.filters != _filters(request, ports):
        raise Refusal(CURSOR_INVALID)
    return cursor.last


class Cut(NamedTuple, Generic[Row]):
    """One page of what was found.

    Attributes:
        rows: At most as many as were asked for.
        next_cursor: None on the last page.
        headers: The link to the next page, where there is one.
    """

    rows: Sequence[Row]
    next_cursor: str | None
    headers: tuple[tuple[str, str], ...]


def newest_after(request: Request, ports: Ports) -> tuple[int, str] | None:
    """Return the last key of the page before, of a list by time and id; None for the first page.

    Raises:
        Refusal: As `after`.
    """
    last = after(request, ports)
    return None if last is None else (int(last[0]), str(last[1]))


def cut(
    found: Sequence[Row], key: Callable[[Row], Sequence[Key]], request: Request, ports: Ports
) -> Cut[Row]:
    """Return a page of what was read; one row more than asked for says that there is another.

    Args:
        found: In the list's order.
        key: Returns what a cursor says of a row.
        request: Says how many rows are asked for.
        ports: Signs the cursor.
    """
    rows = found[: request.query.limit]
    if len(found) == len(rows):
        return Cut(rows, None, ())
    cursor = cursor_after(key(rows[-1]), request, ports)
    return Cut(rows, cursor, (link_to_next(cursor, request),))


def cursor_after(last: Sequence[Key], request: Request, ports: Ports) -> str:
    """Return the cursor of the page that follows a key, for this caller, list and filters."""
    cursor = _Cursor(version=_VERSION, filters=_filters(request, ports), last=tuple(last))
    packed = msgspec.msgpack.encode(cursor)
    return _encoded(packed + _mac(ports, packed))


def link_to_next(cursor: str, request: Request) -> tuple[str, str]:
    """Return the Link header (RFC 8288) to the next page: same path, same filters."""
    parameters = {
        name: _as_parameter(value)
        for name, value in msgspec.to_builtins(request.query).items()
        if value is not None
    }
    return ("Link", f'<?{urlencode(parameters | {"cursor": cursor})}>; rel="next"')


def _as_parameter(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _encoded(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def _mac(ports: Ports, packed: bytes) -> bytes:
    return ports.keyed_hash(ports.cursor_key, b"cursor", packed)[:_MAC_BYTES]


def _filters(request: Request, ports: Ports) -> bytes:
    """Return what ties a cursor to its list: who asks, which route, and every filter."""
    caller = request.caller
    filters = msgspec.structs.replace(request.query, limit=LIMIT, cursor=None)
    parts = [
        caller.tenant_id,
        caller.merchant_id,
        caller.mode,
        request.route.name,
        *(request.path[name] for name in request.route.parameters),
    ]
    return ports.keyed_hash(
        ports.cursor_key, b"filters", msgspec.json.encode(filters), *(one.encode() for one in parts)
    )[:_FILTER_BYTES]
