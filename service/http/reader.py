"""The one JSON reader: bytes in, plain values out, or one refusal. Never repeats what it read."""

import itertools
import json
import math
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from service.http.problems import BODY_MALFORMED
from service.kernel.errors import Refusal

DEPTH_MAX: Final = 32

_OPENING: Final = "[{"
# Strings as the grammar has them, and whatever else is no bracket. Possessive, so linear.
_NO_STRUCTURE: Final = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[^\[\]{}"]++', re.DOTALL)
_STEPS: Final = {"[": 1, "{": 1, "]": -1, "}": -1}
# NUL breaks the database's text, and a lone surrogate breaks every encoder behind us.
_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")


class Document(msgspec.Struct, frozen=True):
    """A body that was read.

    Attributes:
        text: The JSON text as it came.
        tree: The same as dicts, lists, strings, numbers, booleans and None.
    """

    text: str
    tree: Any


def read(body: bytes) -> Document:
    """Return what a JSON body says.

    Stricter than RFC 8259 where two readers of one body could differ or a later step would
    break: no duplicate names, NaN, infinities (as words or as 1e400), NUL, lone surrogates, byte
    order mark or nesting beyond DEPTH_MAX; UTF-8 only.

    Raises:
        Refusal: BODY_MALFORMED, the same for every reason.
    """
    try:
        text = body.decode("utf-8", errors="strict")
        if _is_deep(text):
            raise _malformed()
        tree = _DECODER.decode(text)
    # ValueError covers bad UTF-8, bad JSON, a byte order mark and integers of absurd length.
    except ValueError:
        raise _malformed() from None
    if "\\" in text and any(_UNSTORABLE.search(one) for one in strings(tree)):
        raise _malformed()
    return Document(text=text, tree=tree)


def strings(tree: Any) -> Iterator[str]:
    """Return every string of a tree, names of members included, in no particular order."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            yield from node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _malformed() -> Refusal:
    return Refusal(BODY_MALFORMED)


def _is_deep(text: str) -> bool:
    """Say whether the text nests beyond DEPTH_MAX, before any reader recurses into it."""
    if sum(map(text.count, _OPENING)) <= DEPTH_MAX:
        return False
    depths = itertools.accumulate(map(_STEPS.__getitem__, _NO_STRUCTURE.sub("", text)))
    return max(depths, default=0) > DEPTH_MAX


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError
    return number


def _no_constant(_: str) -> None:
    raise ValueError


# Built once: a decoder costs as much to make as a small body costs to read.
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant, strict=True
)
