"""Which entry of a list decides over a payment, and how each shows itself. Pure."""

from collections.abc import Iterable
from typing import Final

import msgspec

from risk.assessment import RuleResult
from risk.lists import ListHit, Strength

# The block that is named where several stand: the one that gives way last.
_FIRMNESS: Final[dict[Strength, int]] = {"absolute": 2, "override": 1, "overridable": 0}


def standing_block(hits: Iterable[ListHit]) -> ListHit | None:
    """Return the block that decides, or None: an allow entry beats an overridable one only."""
    hits = tuple(hits)
    is_allowed = _is_allowed(hits)
    blocks = [
        hit for hit in hits if hit.kind == "block" and not _yields(hit, is_allowed=is_allowed)
    ]
    return max(blocks, key=lambda hit: _FIRMNESS[hit.strength], default=None)


def shown(hits: Iterable[ListHit]) -> tuple[RuleResult, ...]:
    """Return how each entry shows itself in a judgement, in the order in which they came."""
    hits = tuple(hits)
    is_allowed = _is_allowed(hits)
    return tuple(_shown(hit, is_allowed=is_allowed) for hit in hits)


def _is_allowed(hits: tuple[ListHit, ...]) -> bool:
    return any(hit.kind == "allow" for hit in hits)


def _yields(block: ListHit, *, is_allowed: bool) -> bool:
    return is_allowed and block.strength == "overridable"


def _shown(hit: ListHit, *, is_allowed: bool) -> RuleResult:
    effect: str = "raise:decline" if hit.kind == "block" else hit.kind
    if hit.kind == "block" and _yields(hit, is_allowed=is_allowed):
        effect = "overridden"
    in_chinese = hit.reason_zh
    return RuleResult(
        rule=f"list:{hit.list_id}",
        version=1,
        result="hit",
        effect=effect,
        shown=f"{hit.entity}: {hit.reason}",
        shown_zh=in_chinese if in_chinese is msgspec.UNSET else f"{hit.entity}: {in_chinese}",
    )
