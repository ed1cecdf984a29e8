"""What may be asked of merchants and their keys. Never carries a key in clear."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.errors import Problem
from service.kernel.money import VALUE_MAX, Currency, Instant
from service.unit_of_work.commands import Command, Mode

Preset = Literal["judge_only", "CN"]
ReviewMode = Literal["hold", "before_capture"]
Scope = Literal[
    "payments:write",
    "payments:read",
    "payments:execute",
    "payers:write",
    "assessments:write",
    "assessments:read",
    "assessments:decide",
    "assessments:explain",
    "webhooks:write",
    "webhooks:read",
    "lists:write",
    "lists:read",
    "audit:read",
    "labels:write",
    "labels:read",
    "models:read",
    "replay",
]

# `(?![\s\S])` is the end of the text in Python and in ECMA 262 alike; `$` lets a newline follow.
Name = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,120}(?![\s\S])")]
Label = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,64}(?![\s\S])")]
Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}(?![\s\S])")]
Reason = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{1,140}(?![\s\S])")]
SecretHash = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Minor = Annotated[int, msgspec.Meta(ge=0, le=VALUE_MAX)]

KEYS_ACTIVE_MAX: Final = 2  # a key and its successor, while it is exchanged
OVERLAP_S_MAX: Final = 30 * 24 * 3_600
LIMIT_CURRENCIES_MAX: Final = 32

OverlapS = Annotated[int, msgspec.Meta(ge=0, le=OVERLAP_S_MAX)]

SCOPES: Final[dict[Scope, str]] = {
    "payments:write": "create payments, cancel them, report what happened to them",
    "payments:read": "read payments and list them",
    "payments:execute": "execute an approved payment and take a new payment token for it",
    "payers:write": "register payers with their consent, protection and known devices",
    "assessments:write": "have logins, sign-ups, account changes, new payees and payouts judged",
    "assessments:read": "read what was judged so, and list it",
    "assessments:decide": "release or refuse what was judged so and is held",
    "assessments:explain": "read why a payment was judged as it was; never for a payer's device",
    "webhooks:write": "create, change and delete webhook endpoints, replay deliveries",
    "webhooks:read": "read webhook endpoints and what became of deliveries",
    "lists:write": "put entries on block, allow and watch lists and take them off",
    "audit:read": "read the log's checkpoints and proofs, and the merchant's own entries",
    "lists:read": "read the entries of block, allow and watch lists",
    "labels:write": "tell what payments turned out to be",
    "labels:read": "read what payments turned out to be",
    "models:read": "read which models there are and what they were trained on",
    "replay": "send past payments in any order; sandbox only, such payments yield no token",
}
SANDBOX_SCOPES: Final[frozenset[Scope]] = frozenset({"replay"})
# An officer's, for a key of its own: whoever steals a server's key must not release what is held.
OFFICER_SCOPES: Final[frozenset[Scope]] = frozenset({"assessments:decide"})
# Of what was learnt from all merchants' payments: for the house's own keys.
HOUSE_SCOPES: Final[frozenset[Scope]] = frozenset({"models:read"})
# What a key gets that names none.
DEFAULT_SCOPES: Final[tuple[Scope, ...]] = tuple(
    sorted(set(SCOPES) - SANDBOX_SCOPES - OFFICER_SCOPES - HOUSE_SCOPES)
)

TENANT_NOT_FOUND: Final = Problem("tenant_not_found", 404)
MERCHANT_NOT_FOUND: Final = Problem("merchant_not_found", 404)
KEY_NOT_FOUND: Final = Problem("key_not_found", 404)
KEY_NOT_ACTIVE: Final = Problem("key_not_active", 409)
KEYS_ACTIVE_LIMIT: Final = Problem("keys_active_limit", 409)
SCOPE_SANDBOX_ONLY: Final = Problem("scope_sandbox_only", 422)

AUDIT_KINDS: Final[dict[str, str]] = {
    "merchant.created": "A merchant was created, in a tenant of its own or in a network's.",
    "merchant.preset_set": "The rules on proof that a merchant's payments follow were chosen.",
    "merchant.review_mode_set": "It was chosen whether review stops execution or capture.",
    "merchant.limits_set": "The limits that hold while scoring is down were set.",
    "merchant.suspended": "A merchant was suspended: none of its keys works.",
    "merchant.resumed": "A suspended merchant's keys work again.",
    "key.created": "An API key was created.",
    "key.rotated": "An API key got a successor and ends when the overlap is over.",
    "key.revoked": "An API key was revoked and works no more.",
}


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may go on in one currency while the scorer is down.

    Attributes:
        small_minor: Up to here a known device needs no proof; can only lower the preset's.
        challenge_minor: Up to here payments are challenged; above they are held.
    """

    small_minor: Minor | None = None
    challenge_minor: Minor | None = None


LimitsByCurrency = Annotated[dict[Currency, Limits], msgspec.Meta(max_length=LIMIT_CURRENCIES_MAX)]


class Merchant(msgspec.Struct, frozen=True, kw_only=True):
    """A merchant as it is shown."""

    merchant_id: str
    tenant_id: str
    name: str
    preset: Preset
    review_mode: ReviewMode
    limits: dict[str, Limits]
    status: Literal["active", "suspended"]


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key as it is shown; its text is known to its maker alone.

    Attributes:
        key_id: Names the key in the log and for its revocation.
        expires_at: From then on it no longer works; None until it has a successor.
    """

    key_id: str
    merchant_id: str
    mode: Mode
    scopes: tuple[str, ...]
    label: str
    state: Literal["active", "revoked"]
    expires_at: Instant | None


class Rotated(msgspec.Struct, frozen=True, kw_only=True):
    """A key's successor, and the key itself with the end of the overlap."""

    successor: Key
    replaced: Key


class CreateMerchant(Command, frozen=True, kw_only=True):
    """Create a merchant; as the house.

    Attributes:
        name: As people call it.
        preset: Which rules on proof hold.
        tenant_id: The network to join; None: a tenant of its own. Fixed from then on.
    """

    gives: ClassVar[type[msgspec.Struct]] = Merchant

    name: Name
    preset: Preset = "judge_only"
    tenant_id: Id | None = None


class SetPreset(Command, frozen=True, kw_only=True):
    """Choose which rules on proof the calling merchant's payments follow."""

    gives: ClassVar[type[msgspec.Struct]] = Merchant

    preset: Preset


class SetReviewMode(Command, frozen=True, kw_only=True):
    """Choose whether review stops a payment before execution or before capture."""

    gives: ClassVar[type[msgspec.Struct]] = Merchant

    review_mode: ReviewMode


class SetLimits(Command, frozen=True, kw_only=True):
    """Set the limits while scoring is down, all currencies at once."""

    gives: ClassVar[type[msgspec.Struct]] = Merchant

    limits: LimitsByCurrency


class SuspendMerchant(Command, frozen=True, kw_only=True):
    """Stop a merchant: none of its keys works from then on.

    Attributes:
        reason: Why, for the log; names no person.
    """

    gives: ClassVar[type[msgspec.Struct]] = Merchant

    reason: Reason | None = None


class ResumeMerchant(Command, frozen=True, kw_only=True):
    """Let a suspended merchant's keys work again."""

    gives: ClassVar[type[msgspec.Struct]] = Merchant


class CreateKey(Command, frozen=True, kw_only=True):
    """Add an API key to the calling merchant.

    Attributes:
        mode: Which of the merchant's two worlds it opens.
        scopes: What it may do.
        secret_hash: `ApiKeyText.index` of the key's text, under the API key index key.
        label: Which of the merchant's servers holds it; at most KEYS_ACTIVE_MAX work at once
            under one mode and label.
    """

    gives: ClassVar[type[msgspec.Struct]] = Key

    mode: Mode
    scopes: Annotated[tuple[Scope, ...], msgspec.Meta(min_length=1, max_length=len(SCOPES))]
    secret_hash: SecretHash
    label: Label = "default"


class RotateKey(Command, frozen=True, kw_only=True):
    """Give a key a successor with the same mode, scopes and label.

    Attributes:
        key_id: The key to replace.
        secret_hash: Of the successor's text.
        overlap_s: How long the old key works beside the new one.
    """

    gives: ClassVar[type[msgspec.Struct]] = Rotated

    key_id: Id
    secret_hash: SecretHash
    overlap_s: OverlapS


class RevokeKey(Command, frozen=True, kw_only=True):
    """End a key at once."""

    gives: ClassVar[type[msgspec.Struct]] = Key

    key_id: Id
