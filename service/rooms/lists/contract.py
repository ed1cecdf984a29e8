"""What may be asked of block, allow and watch lists. A clear contact or address never gets here."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.answers import Shape
from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

ListKind = Literal["block", "allow", "watch"]
Strength = Literal["absolute", "overridable", "override"]
ListEntity = Literal[
    "payer",
    "payee",
    "payee_account",
    "instrument",
    "device",
    "email",
    "phone",
    "ip",
    "bin",
    "ip_country",
    "issuer_country",
    "billing_country",
    "shipping_country",
]
EntryState = Literal["active", "expired"]

REASON_CHARS_MAX: Final = 140
VALUE_CHARS_MAX: Final = 320
KEPT_CHARS_MAX: Final = 64
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
CURSOR_CHARS_MAX: Final = 1_024

# What an entry's value is, by its entity; docs/lists.md is checked against it.
ENTITIES: Final[dict[ListEntity, str]] = {
    "payer": "payer_id of a payer",
    "payee": "payee_id of a payee",
    "payee_account": "account of a payee",
    "instrument": "instrument_id of a card, account or wallet",
    "device": "device_id of a device",
    "email": "e-mail address of a payer; kept as its pseudonym",
    "phone": "phone number of a payer; kept as its pseudonym",
    "ip": "address, or network of /8, /16, /24 (IPv6 /32, /48, /64); kept as its pseudonym",
    "bin": "first six to eight digits of cards, or a range of them",
    "ip_country": "country that a device's address lies in",
    "issuer_country": "country of a card's issuer",
    "billing_country": "country of a billing address",
    "shipping_country": "country that goods go to",
}

LIST_ENTRY_NOT_FOUND: Final = Problem("list_entry_not_found", 404)
LIST_ENTRY_EXISTS: Final = Problem("list_entry_exists", 409)
LIST_ENTRY_OVER: Final = Problem("list_entry_over", 422)

AUDIT_KINDS: Final[dict[str, str]] = {
    "list_entry.added": "An entry was put on a block, allow or watch list.",
    "list_entry.removed": "An entry was taken off its list; what it said stands here.",
}

# `(?![\s\S])` is the end of the text in Python and in ECMA 262 alike; `$` lets a newline follow.
Told = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,320}(?![\s\S])",
        min_length=1,
        max_length=VALUE_CHARS_MAX,
        description="What the entity is: an id, an e-mail, a network, a range of BINs, a country.",
    ),
]
Kept = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[ -~]{1,64}(?![\s\S])",
        min_length=1,
        max_length=KEPT_CHARS_MAX,
        description="As the entry is kept: ids as they are, contacts and networks as pseudonyms.",
    ),
]
Reason = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,140}(?![\s\S])",
        min_length=1,
        max_length=REASON_CHARS_MAX,
        description="Why it is there, for officers; it goes into the audit log, so name no person.",
    ),
]
Owner = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[^\x00-\x1f\x7f]{1,64}(?![\s\S])",
        min_length=1,
        max_length=KEPT_CHARS_MAX,
        description="Who answers for the entry: a team or a role.",
    ),
]
Prefix = Annotated[
    int,
    msgspec.Meta(ge=8, le=128, description="Length of a network that is given as its pseudonym."),
]
EntryId = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}(?![\s\S])")]


class AddEntryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry to put on a list; a strength belongs to blocks alone, `overridable` if not said."""

    kind: ListKind
    entity: ListEntity
    value: Told
    reason: Reason
    owner: Owner
    strength: Strength | None = None
    prefix: Prefix | None = None
    expires_at: Instant | None = None


class RemoveEntryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The path says it all."""


class EntryQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of the entries: the newest first; expired ones only where `state` asks for them."""

    kind: ListKind | None = None
    entity: ListEntity | None = None
    value: Kept | None = None
    state: EntryState = "active"
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=CURSOR_CHARS_MAX)] | None = None


class ListEntry(Shape, frozen=True, kw_only=True):
    """An entry as it is shown.

    Attributes:
        strength: How strong a block is; null on other lists.
        reason: Of an entry that a rule added, what the rule looks for, in the language asked for.
        value: An id or country as it was given, a range of 8-digit BINs, a pseudonym.
        prefix: Length of a network; null for everything else.
        added_by: Key, person or strategy that added it.
        expires_at: From then on it matches nothing; null: it never expires.
    """

    id: str
    kind: ListKind
    strength: Strength | None
    entity: ListEntity
    value: str
    prefix: int | None
    reason: str
    owner: str
    added_by: str
    created_at: Instant
    expires_at: Instant | None


class ListEntryPage(Shape, frozen=True, kw_only=True):
    """One page; `next_cursor` is null on the last."""

    entries: tuple[ListEntry, ...]
    next_cursor: str | None


class AddListEntry(Command, frozen=True, kw_only=True):
    """Put an entry on a list.

    Attributes:
        value: As it is kept, by `model.kept`.
        strength: Of a block; None on other lists.
    """

    gives: ClassVar[type[msgspec.Struct]] = ListEntry

    kind: ListKind
    entity: ListEntity
    value: Kept
    reason: Reason
    owner: Owner
    strength: Strength | None
    prefix: Prefix | None
    expires_at: Instant | None


class RemoveListEntry(Command, frozen=True, kw_only=True):
    """Take an entry off its list."""

    gives: ClassVar[type[msgspec.Struct]] = ListEntry

    entry_id: EntryId
