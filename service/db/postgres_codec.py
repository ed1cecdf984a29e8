"""Values as PostgreSQL's wire carries them in binary form, by the types the server names. Pure."""

import datetime as dt
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

Encoder = Callable[[Any], bytes]
Decoder = Callable[[bytes], Any]

# What an encoder raises where a value is not of its type, or too large for it.
NOT_ENCODABLE: Final = (struct.error, ValueError, TypeError, AttributeError, OverflowError)

_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NUMERIC_BASE: Final = 10_000
_NUMERIC_NEGATIVE: Final = 0x4000
_NUMERIC_SPECIAL: Final = 0x8000
_HEAD: Final = struct.Struct("!hhHH")
_INT2: Final = struct.Struct("!h")
_INT4: Final = struct.Struct("!i")
_INT8: Final = struct.Struct("!q")
_FLOAT4: Final = struct.Struct("!f")
_FLOAT8: Final = struct.Struct("!d")


def _bool(value: Any) -> bytes:
    # Any truth would do for SQLite; 2 is nobody's truth.
    if value not in (0, 1):
        raise ValueError("not a truth value")
    return b"\x01" if value else b"\x00"


def _bytes(value: Any) -> bytes:
    # bytes(5) would be five zeros.
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError("not bytes")
    return bytes(value)


def _text(value: Any) -> bytes:
    encoded: bytes = value.encode()
    # The one character that its texts cannot hold.
    if b"\0" in encoded:
        raise ValueError("NUL in a text")
    return encoded


def _instant(value: Any) -> bytes:
    return _INT8.pack((value - _EPOCH) // _MICROSECOND)


def _to_instant(raw: bytes) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=_INT8.unpack(raw)[0])


def _to_number(raw: bytes) -> int | Decimal:
    """Return a numeric; a whole one is an int, as every sum of ours is."""
    count, weight, sign, scale = _HEAD.unpack_from(raw)
    if sign & _NUMERIC_SPECIAL:
        raise ValueError("not a number")
    value = 0
    for digit in struct.unpack_from(f"!{count}h", raw, _HEAD.size):
        value = value * _NUMERIC_BASE + digit
    if sign & _NUMERIC_NEGATIVE:
        value = -value
    power = weight + 1 - count
    if power >= 0:
        whole = value * _NUMERIC_BASE**power
        return whole if scale == 0 else Decimal(whole)
    return Decimal(value).scaleb(4 * power)


BOOL: Final = 16
BYTES: Final = 17
INT8: Final = 20
INT2: Final = 21
INT4: Final = 23
TEXT: Final = 25
FLOAT4: Final = 700
FLOAT8: Final = 701
VARCHAR: Final = 1043
INSTANT: Final = 1184
NUMERIC: Final = 1700

ENCODERS: Final[dict[int, Encoder]] = {
    BOOL: _bool,
    BYTES: _bytes,
    INT8: _INT8.pack,
    INT2: _INT2.pack,
    INT4: _INT4.pack,
    TEXT: _text,
    FLOAT4: _FLOAT4.pack,
    FLOAT8: _FLOAT8.pack,
    VARCHAR: _text,
    INSTANT: _instant,
}
DECODERS: Final[dict[int, Decoder]] = {
    BOOL: lambda raw: raw == b"\x01",
    BYTES: bytes,
    INT8: lambda raw: _INT8.unpack(raw)[0],
    INT2: lambda raw: _INT2.unpack(raw)[0],
    INT4: lambda raw: _INT4.unpack(raw)[0],
    TEXT: bytes.decode,
    FLOAT4: lambda raw: _FLOAT4.unpack(raw)[0],
    FLOAT8: lambda raw: _FLOAT8.unpack(raw)[0],
    VARCHAR: bytes.decode,
    INSTANT: _to_instant,
    NUMERIC: _to_number,
}
