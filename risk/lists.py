"""Entries of block, allow and watch lists that a payment matched. Plain values; decides nothing."""

from typing import Literal

import msgspec

ListKind = Literal["block", "allow", "watch"]
Strength = Literal["absolute", "overridable", "override"]


class ListHit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One entry that matched.

    Attributes:
        list_id: Id of the entry.
        strength: Of a block; an allow or watch entry has `overridable`.
        entity: What of the payment matched, e.g. `payee`.
        reason: Why the entry is there, in the words of who made it; of one that a rule of the
            strategy made, what the rule looks for.
        reason_zh: The same in Chinese, where the words are a rule's.
    """

    list_id: str
    kind: ListKind
    strength: Strength
    entity: str
    reason: str
    reason_zh: str | msgspec.UnsetType = msgspec.UNSET
