"""Walks the Structs of requests: which fields there are, which take free text, what fills them.

A new field is found here by its type and covered without being named. A field with a pattern for
which no sample fits fails loudly: add one to SAMPLES.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from msgspec import inspect

Step = str | int
Path = tuple[Step, ...]

# The first that fits a pattern is taken; each is some field's plain value.
SAMPLES: Final = (
    *(
        "https://hooks.example/payguard",
        "203.0.113.9",
        "a",
        "CN",
        "5732",
        "621700",
        "05",
        "2.2.0",
        "en-GB",
        "Asia/Shanghai",
    ),
    *("AAABBIIFmAAAAAAAAAAAAAAAAAA=", "f25084f0-5b16-4c0a-ae5d-b24808a95e4b"),
)
ANYTHING: Final = "a plain text"
# In a free dictionary: one member of the caller's own, whose name is free text as well.
OWN: Final = "own"


@dataclass(frozen=True)
class Text:
    """A place where a string goes.

    Attributes:
        path: The way to it from the body's root; OWN stands for a name of the caller's.
        pattern: What it must look like; None for free text.
        shortest: In characters.
        longest: In characters; None where only the body's size limits it.
        is_name: It is the name of a member rather than a value.
    """

    path: Path
    pattern: str | None
    shortest: int
    longest: int | None
    is_name: bool = False

    def fits(self, text: str) -> bool:
        """Say whether the contract's own limits let a text in."""
        is_long = self.longest is not None and len(text) > self.longest
        return len(text) >= self.shortest and not is_long

    def matches(self, text: str) -> bool:
        """Say whether a text has the form that is asked for."""
        return self.pattern is None or re.search(self.pattern, text) is not None


def texts(kind: type[msgspec.Struct]) -> list[Text]:
    """Return every place of a body where a string goes, nested and repeated ones included."""
    return list(_texts(inspect.type_info(kind), ()))


def fullest(kind: type[msgspec.Struct], fill: Callable[[Text], str] | None = None) -> Any:
    """Return a body with every field that there is.

    Args:
        kind: The body's Struct.
        fill: What goes into a place; a plain sample where it is not given.
    """
    return _value(inspect.type_info(kind), (), fill or sample)


def sample(place: Text) -> str:
    """Return a plain text that fits a place."""
    if place.pattern is None:
        return ANYTHING[: place.longest]
    fitting = (one for one in SAMPLES if place.matches(one) and place.fits(one))
    found = next(fitting, None)
    assert found is not None, f"no sample for {place.path}: {place.pattern}"
    return found


def look(body: Any, path: Path) -> Any:
    """Return what stands at a place of a body."""
    for step in path:
        body = next(iter(body.values())) if step == OWN and OWN not in body else body[step]
    return body


def _texts(kind: inspect.Type, path: Path) -> Iterator[Text]:
    match main_type(kind):
        case inspect.StructType(fields=fields):
            for field in fields:
                yield from _texts(field.type, (*path, field.encode_name))
        case inspect.StrType() as text:
            yield _text(text, path)
        case inspect.DictType(key_type=name, value_type=value):
            yield _text(_string(name), (*path, OWN), is_name=True)
            yield from _texts(value, (*path, OWN))
        case inspect.AnyType():
            yield Text(path, None, 0, None)
        case inspect.CollectionType(item_type=item):
            yield from _texts(item, (*path, 0))
        case inspect.VarTupleType(item_type=item):
            yield from _texts(item, (*path, 0))


def _value(kind: inspect.Type, path: Path, fill: Callable[[Text], str]) -> Any:
    match main_type(kind):
        case inspect.StructType(fields=fields):
            return {
                field.encode_name: _value(field.type, (*path, field.encode_name), fill)
                for field in fields
            }
        case inspect.StrType() as text:
            return fill(_text(text, path))
        case inspect.DictType(key_type=name, value_type=value):
            own = fill(_text(_string(name), (*path, OWN), is_name=True))
            return {own: _value(value, (*path, OWN), fill)}
        case inspect.AnyType():
            return fill(Text(path, None, 0, None))
        case inspect.VarTupleType(item_type=item) | inspect.CollectionType(item_type=item):
            return [_value(item, (*path, 0), fill)]
        case other:
            return _plain(other)


def _plain(kind: inspect.Type) -> Any:
    """Return a value of a type that has no text in it."""
    match kind:
        case inspect.IntType(ge=least, gt=above):
            return max(least or 0, (above or -1) + 1, 1)
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.BoolType():
            return True
        case inspect.DateTimeType():
            return "2026-11-24T08:00:00Z"
        case _:
            raise AssertionError(f"no value for {kind}")


def main_type(kind: inspect.Type) -> inspect.Type:
    """Return a type without its annotations and without null."""
    if isinstance(kind, inspect.Metadata):
        return main_type(kind.type)
    if isinstance(kind, inspect.UnionType):
        kept = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        assert len(kept) == 1, f"a field of several types: {kept}"
        return main_type(kept[0])
    return kind


def _string(kind: inspect.Type) -> inspect.StrType:
    found = main_type(kind)
    assert isinstance(found, inspect.StrType)
    return found


def _text(kind: inspect.StrType, path: Path, *, is_name: bool = False) -> Text:
    return Text(path, kind.pattern, kind.min_length or 0, kind.max_length, is_name)
