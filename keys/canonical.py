"""Canonical JSON (RFC 8785): one value, one text, so that hashes agree. Never reads JSON."""

import hashlib
import json
import math
from typing import Any, Final

import msgspec

# RFC 8785 builds on I-JSON (RFC 7493): integers beyond this are not the same everywhere.
INTEGER_MAX: Final = 2**53 - 1
DEPTH_MAX: Final = 64

# ECMA-262 Number::toString writes plain digits from 1e-6 up to, not with, 1e21.
_PLAIN_EXPONENT_MAX: Final = 21
_PLAIN_EXPONENT_MIN: Final = -6
_SORTED: Final = msgspec.json.Encoder(order="sorted")


class NotCanonical(ValueError):  # noqa: N818  it is what the value is
    """The value has no canonical form. The sentence says why and never shows the value."""


def encode(value: Any) -> bytes:
    """Return the canonical UTF-8 bytes of a JSON value.

    Args:
        value: dict with text keys, list, tuple, str, int, float, bool or None, exactly these
            types: a subclass may print itself in another way.

    Raises:
        NotCanonical: Another type, an integer beyond INTEGER_MAX, a float that is not finite,
            a lone surrogate, or more than DEPTH_MAX levels.

    >>> encode({"b": [1, True, None], "a": "text"})
    b'{"a":"text","b":[1,true,null]}'
    """
    # msgspec's sorted encoder writes the same text where all keys are ASCII and no number is a
    # float; it is many times faster, and what we hash is nearly always such.
    try:
        if _is_simple(value, DEPTH_MAX):
            return _SORTED.encode(value)
        return _write(value, DEPTH_MAX).encode()
    except UnicodeEncodeError:
        raise NotCanonical("a lone surrogate has no UTF-8 form") from None


def digest(value: Any) -> str:
    """Return `sha256:` and the hex SHA-256 of the canonical bytes.

    Raises:
        NotCanonical: The value has no canonical form, see `encode`.
    """
    return "sha256:" + hashlib.sha256(encode(value)).hexdigest()


def _is_simple(value: Any, depth: int) -> bool:
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return True
    if kind is int:
        return -INTEGER_MAX <= int(value) <= INTEGER_MAX
    if depth == 0 or (kind is not dict and kind is not list and kind is not tuple):
        return False
    if kind is dict:
        for key in value:
            if type(key) is not str or not key.isascii():
                return False
        value = value.values()
    return all(type(item) is str or _is_simple(item, depth - 1) for item in value)


def _write(value: Any, depth: int) -> str:
    kind = type(value)
    if kind is dict or kind is list or kind is tuple:
        if depth == 0:
            raise NotCanonical(f"more than {DEPTH_MAX} levels")
        return _object(value, depth - 1) if kind is dict else _array(value, depth - 1)
    if kind is float:
        return _number(value)
    if kind is int and not -INTEGER_MAX <= value <= INTEGER_MAX:
        raise NotCanonical("an integer beyond 2**53 - 1 is not the same everywhere")
    if kind is int or kind is str or kind is bool or value is None:
        return json.dumps(value, ensure_ascii=False)
    raise NotCanonical(f"{kind.__name__} is not a JSON type")


def _array(values: list[Any] | tuple[Any, ...], depth: int) -> str:
    return "[" + ",".join([_write(item, depth) for item in values]) + "]"


def _object(value: dict[Any, Any], depth: int) -> str:
    if any(type(key) is not str for key in value):
        raise NotCanonical("a member's name is text")
    try:
        # RFC 8785 section 3.2.3 orders names by UTF-16 code units, not by code points.
        names = sorted(value, key=lambda name: str.encode(name, "utf-16-be"))
    except UnicodeEncodeError:
        raise NotCanonical("a lone surrogate has no UTF-8 form") from None
    members = [
        json.dumps(name, ensure_ascii=False) + ":" + _write(value[name], depth) for name in names
    ]
    return "{" + ",".join(members) + "}"


def _number(value: float) -> str:
    """Write a float as ECMA-262 Number::toString does (RFC 8785 section 3.2.2.3).

    Python's repr finds the same shortest digits; only their layout differs.
    """
    if not math.isfinite(value):
        raise NotCanonical("a float that is not finite is not JSON")
    if value == 0:
        return "0"
    if value < 0:
        return "-" + _number(-value)
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # The value is 0.DIGITS times ten to the power of `point`.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    return _layout(digits.rstrip("0"), point)


def _layout(digits: str, point: int) -> str:
    count = len(digits)
    if count <= point <= _PLAIN_EXPONENT_MAX:
        return digits + "0" * (point - count)
    if 0 < point <= _PLAIN_EXPONENT_MAX:
        return digits[:point] + "." + digits[point:]
    if _PLAIN_EXPONENT_MIN < point <= 0:
        return "0." + "0" * -point + digits
    fraction = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{fraction}e{point - 1:+d}"
