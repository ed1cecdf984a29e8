"""What a JSON Schema says of one value's size, range and form, as predicates with their codes."""

import datetime as dt
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from service.kernel.money import Instant

Limit = tuple[Callable[[Any], bool], str]
"""Whether a value is within it, and the code of one that is not."""


def limits_of(schema: Mapping[str, Any]) -> dict[str, Limit]:
    """Return the limits that a schema sets, by keyword.

    Raises:
        ValueError: A format is unknown, or a pattern has a `$` elsewhere than at its end.
    """
    return {
        keyword: (build(schema[keyword]), code)
        for keyword, (build, code) in _LIMITS.items()
        if keyword in schema
    }


def _at_least(limit: int) -> Callable[[Any], bool]:
    return lambda value: len(value) >= limit


def _at_most(limit: int) -> Callable[[Any], bool]:
    return lambda value: len(value) <= limit


def _pattern(pattern: str) -> Callable[[Any], bool]:
    """Return a search in which the last `$` means the end, as in ECMA 262 and not as in Python.

    Python's `$`, and so msgspec's, lets a trailing newline pass.
    """
    body = pattern.removesuffix("$")
    if "$" in re.sub(r"\\.", "", body, flags=re.DOTALL):
        raise ValueError("a pattern of a contract has $ at its end only")
    search = re.compile(rf"{body}\Z" if body != pattern else pattern).search
    return lambda value: search(value) is not None


def _format(name: str) -> Callable[[Any], bool]:
    kind = _FORMATS.get(name)
    if kind is None:
        raise ValueError("a contract's format is one that msgspec writes and we check")
    return lambda value: _converts(value, kind)


def _converts(value: Any, kind: Any) -> bool:
    try:
        # A time may be one with its offset and none in UTC, which is what is stored.
        msgspec.convert(value, kind).astimezone(dt.UTC)
    except (msgspec.ValidationError, OverflowError):
        return False
    return True


_FORMATS: Final[Mapping[str, Any]] = {"date-time": Instant}
_LIMITS: Final[Mapping[str, tuple[Callable[[Any], Callable[[Any], bool]], str]]] = {
    "minLength": (_at_least, "too_short"),
    "maxLength": (_at_most, "too_long"),
    "minItems": (_at_least, "too_short"),
    "maxItems": (_at_most, "too_long"),
    "minProperties": (_at_least, "too_short"),
    "maxProperties": (_at_most, "too_long"),
    "minimum": (lambda limit: lambda value: value >= limit, "out_of_range"),
    "maximum": (lambda limit: lambda value: value <= limit, "out_of_range"),
    "exclusiveMinimum": (lambda limit: lambda value: value > limit, "out_of_range"),
    "exclusiveMaximum": (lambda limit: lambda value: value < limit, "out_of_range"),
    "multipleOf": (lambda step: lambda value: value % step == 0, "out_of_range"),
    "pattern": (_pattern, "bad_format"),
    "format": (_format, "bad_format"),
}
