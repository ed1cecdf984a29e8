"""What differs between two strategies, place by place. Pure; says nothing of what it would do."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from risk.strategy_content import Content

# How the members of a list are told apart, so that one more in the middle is one difference.
_NAMES: Final = ("code", "figure", "stage", "level")


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One place that differs.

    Attributes:
        path: Where, its parts joined by dots.
        before: JSON of what stood there; None: nothing.
        after: JSON of what stands there; None: nothing.
    """

    path: str
    before: str | None
    after: str | None


def differences(before: Content, after: Content) -> tuple[Difference, ...]:
    """Return every place in which two strategies differ, in the order of their paths."""
    return tuple(_compared("", _plain(before), _plain(after)))


def _plain(content: Content) -> Any:
    plain = msgspec.to_builtins(content, str_keys=True)
    del plain["format"], plain["engine_version"]
    return plain


def _compared(path: str, before: Any, after: Any) -> Iterator[Difference]:
    old, new = _members(before), _members(after)
    if old is None or new is None:
        if before != after:
            yield Difference(path=path, before=_written(before), after=_written(after))
        return
    for name in sorted(old.keys() | new.keys()):
        yield from _compared(f"{path}.{name}".lstrip("."), old.get(name), new.get(name))


def _members(value: Any) -> dict[str, Any] | None:
    """Return the members of an object, or of a list of named objects; None for all else."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list | tuple) or not value or not isinstance(value[0], dict):
        return None
    for name in _NAMES:
        named = {str(one[name]): one for one in value if name in one}
        if len(named) == len(value):
            return named
    return None


def _written(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()
