"""Finds what a contract's types let pass and nothing behind the door can hold. Pure; says where.

Two kinds: a time of the first or last day that its offset moves out of the calendar, and in data
of a caller's own making an integer beyond 64 bits.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**64 - 1

# The shortest integer beyond 64 bits has 19 digits; a date may be written with escapes.
_SUSPECT: Final = re.compile(r"[0-9]{19}|0001-01-01|9999-12-31|\\u00[23]")


def may_be_extreme(text: str) -> bool:
    """Say cheaply whether a text needs a closer look; never no where there is an extreme."""
    return _SUSPECT.search(text) is not None


def huge_places(tree: Any) -> Iterator[tuple[str | int, ...]]:
    """Return where a tree holds an integer beyond 64 bits, as steps from its root."""
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), tree)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, dict):
            waiting.extend(((*place, name), one) for name, one in node.items())
        elif isinstance(node, list):
            waiting.extend(((*place, index), one) for index, one in enumerate(node))
        elif isinstance(node, int) and not INTEGER_MIN <= node <= INTEGER_MAX:
            yield place
