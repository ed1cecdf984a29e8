"""What may be asked of webhook endpoints and deliveries. A secret passes here sealed only."""

import datetime as dt
from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel.answers import Shape
from service.kernel.errors import Problem
from service.kernel.money import Instant
from service.unit_of_work.commands import Command

Kind = Literal["payguard.payment.moved", "payguard.assessment.moved"]
EndpointState = Literal["enabled", "disabled", "deleted"]
DisabledBecause = Literal["merchant", "gone"]
DeliveryState = Literal["pending", "delivered", "failed", "skipped"]
Cause = Literal[
    "ok",
    "refused_address",
    "timeout",
    "tls",
    "connect",
    "reset",
    "redirect",
    "status",
    "too_large",
    "gone",
]

# What is sent, by the type of its CloudEvent; docs/webhooks.md is rendered from it.
KINDS: Final[dict[Kind, str]] = {
    "payguard.payment.moved": (
        "A payment has another status: it was created, proved, executed, captured, cancelled, ..."
    ),
    "payguard.assessment.moved": (
        "A login, sign-up, account change, new payee or payout has another status: it was judged,"
        " released, refused, cancelled, or its time ran out."
    ),
}

ENDPOINTS_MAX: Final = 20
URL_CHARS_MAX: Final = 1_024
OVERLAP_S: Final = 24 * 3_600
OVERLAP_S_MAX: Final = 7 * 24 * 3_600
# One command of the writer; a caller who wants more asks again from where the answer says.
REPLAYED_AT_ONCE: Final = 500
REPLAY_DAYS_DEFAULT: Final = 3
MESSAGES_AT_ONCE: Final = 50
DELIVERED_AT_ONCE: Final = 50
DELIVERY_KEPT: Final = dt.timedelta(days=35)
TRIMMED_AT_ONCE: Final = 1_000
SEALED_BYTES_MAX: Final = 512
PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
CURSOR_CHARS_MAX: Final = 1_024

ENDPOINT_NOT_FOUND: Final = Problem("webhook_endpoint_not_found", 404)
ENDPOINTS_LIMIT: Final = Problem("webhook_endpoints_limit", 409)
URL_NOT_ALLOWED: Final = Problem("webhook_url_not_allowed", 422)
RANGE_INVALID: Final = Problem("webhook_range_invalid", 422)
DELIVERY_NOT_FOUND: Final = Problem("webhook_delivery_not_found", 404)
DELIVERY_NOT_WAITING: Final = Problem("webhook_delivery_not_waiting", 409)
CURSOR_ELSEWHERE: Final = Problem("webhook_cursor_elsewhere", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "webhook_endpoint.created": "A merchant named an address that is told what happens.",
    "webhook_endpoint.updated": "Address, description or kinds of an endpoint were changed.",
    "webhook_endpoint.secret_rotated": "An endpoint got new keys; the old end with the overlap.",
    "webhook_endpoint.disabled": "An endpoint gets nothing more: by its merchant, or it was gone.",
    "webhook_endpoint.enabled": "A disabled endpoint gets deliveries again.",
    "webhook_endpoint.deleted": "An endpoint was deleted with its keys.",
    "webhook_endpoint.flagged": "An endpoint took a delivery at no attempt in three days.",
    "webhook.fanned_out": "Messages became deliveries to the endpoints that asked for them.",
    "webhook.delivered": "An endpoint took deliveries.",
    "webhook.attempt_failed": "An endpoint did not take a delivery; the next attempt is set.",
    "webhook.failed": "A delivery was given up: three days are over, or its endpoint is gone.",
    "webhook.replayed": "Deliveries were put in line again at their merchant's wish.",
    "webhook.trimmed": "Deliveries whose time of keeping is over were deleted.",
}

# `(?![\s\S])` is the end of the text in Python and in ECMA 262 alike; `$` lets a newline follow.
Url = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^https?://[!-~]{1,1000}(?![\s\S])",
        description="https to a public host; in the sandbox also http, and private networks.",
    ),
]
Description = Annotated[str, msgspec.Meta(pattern=r"^[^\x00-\x1f\x7f]{0,120}(?![\s\S])")]
Kinds = Annotated[
    tuple[Kind, ...],
    msgspec.Meta(max_length=16, description="Which events are sent; none named: all."),
]
Id = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}(?![\s\S])")]
Sealed = Annotated[bytes, msgspec.Meta(min_length=1, max_length=SEALED_BYTES_MAX)]
PublicKey = Annotated[str, msgspec.Meta(pattern=r"^whpk_[A-Za-z0-9+/]{43}=(?![\s\S])")]
OverlapS = Annotated[
    int,
    msgspec.Meta(
        ge=0, le=OVERLAP_S_MAX, description="How long both keys sign, in seconds; a day by default."
    ),
]
Status = Annotated[int, msgspec.Meta(ge=100, le=999)]
RetryAfterS = Annotated[int, msgspec.Meta(ge=0, le=86_400)]


class CreateEndpointRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An address to be told what happens."""

    url: Url
    description: Description = ""
    kinds: Kinds = ()


class UpdateEndpointRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change; a field that is missing stays as it is."""

    url: Url | None = None
    description: Description | None = None
    kinds: Kinds | None = None


class RotateRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the keys follow each other."""

    overlap_s: OverlapS = OVERLAP_S


class NothingMore(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The path says it all."""


class ReplayRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which deliveries go out again, by the time of what they tell; three days if not said."""

    created_from: Instant | None = None
    created_to: Instant | None = None


class PageQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of deliveries, the newest first."""

    state: DeliveryState | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=CURSOR_CHARS_MAX)] | None = None


class PublicKeyShown(Shape, frozen=True, kw_only=True):
    """A public key under which deliveries verify; the newest has no end."""

    public_key: str
    expires_at: Instant | None


class Endpoint(Shape, frozen=True, kw_only=True):
    """An endpoint as it is shown.

    Attributes:
        kinds: Which events are sent; empty: all.
        state: Only an enabled one gets deliveries.
        disabled_because: `merchant`: told to; `gone`: it answered 410.
        failing_since: When a delivery was given up after three days; None once one arrives.
        public_keys: The newest first; two during the overlap of a rotation.
    """

    id: str
    url: str
    description: str
    kinds: tuple[str, ...]
    state: EndpointState
    disabled_because: DisabledBecause | None
    failing_since: Instant | None
    public_keys: tuple[PublicKeyShown, ...]
    created_at: Instant


class EndpointMade(Endpoint, frozen=True, kw_only=True):
    """A new endpoint, or one with new keys.

    Attributes:
        secret: The HMAC secret `whsec_...`, this once; null when an answer is repeated. Who lost
            it rotates.
    """

    secret: str | None


class EndpointList(Shape, frozen=True, kw_only=True):
    """Every endpoint of the merchant in this mode, the oldest first."""

    endpoints: tuple[Endpoint, ...]


class Delivery(Shape, frozen=True, kw_only=True):
    """A delivery as it is shown: one event on its way to one endpoint.

    Attributes:
        event_id: `webhook-id`, and `id` of the body; one for all endpoints and attempts.
        attempts: How many were made.
        next_attempt_at: While it is pending.
        last_status: HTTP status of the newest attempt that got one.
        last_cause: What came of the newest attempt.
        created_at: When what it tells happened.
    """

    id: str
    endpoint_id: str
    event_id: str
    kind: str
    subject: str
    state: DeliveryState
    attempts: int
    next_attempt_at: Instant | None
    last_status: int | None
    last_cause: Cause | None
    created_at: Instant
    ended_at: Instant | None


class DeliveryPage(Shape, frozen=True, kw_only=True):
    """One page; `next_cursor` is null on the last."""

    deliveries: tuple[Delivery, ...]
    next_cursor: str | None


class Replayed(Shape, frozen=True, kw_only=True):
    """What was put in line again.

    Attributes:
        count: How many deliveries, a bounded number at once.
        next_created_from: Where to go on; null when there is no more.
    """

    count: int
    next_created_from: Instant | None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How many rows a command of the worker touched."""

    count: int


class CreateEndpoint(Command, frozen=True, kw_only=True):
    """Name an address that is told what happens.

    Attributes:
        secret_id: Names its keys; what they were sealed for.
        public_key: The public half of the Ed25519 key.
        sealed: `SigningKeys.pack`, sealed where it was made.
    """

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    url: Url
    description: Description
    kinds: Kinds
    secret_id: Id
    public_key: PublicKey
    sealed: Sealed


class UpdateEndpoint(Command, frozen=True, kw_only=True):
    """Change an endpoint; None leaves a field as it is."""

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    endpoint_id: Id
    url: Url | None = None
    description: Description | None = None
    kinds: Kinds | None = None


class RotateSecret(Command, frozen=True, kw_only=True):
    """Give an endpoint new keys; the newest of the old ones signs on during the overlap."""

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    endpoint_id: Id
    overlap_s: OverlapS
    secret_id: Id
    public_key: PublicKey
    sealed: Sealed


class DisableEndpoint(Command, frozen=True, kw_only=True):
    """Stop an endpoint's deliveries; what happens meanwhile can be replayed later."""

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    endpoint_id: Id


class EnableEndpoint(Command, frozen=True, kw_only=True):
    """Let an endpoint get deliveries again."""

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    endpoint_id: Id


class DeleteEndpoint(Command, frozen=True, kw_only=True):
    """Forget an endpoint and destroy its keys."""

    gives: ClassVar[type[msgspec.Struct]] = Endpoint

    endpoint_id: Id


class Place(msgspec.Struct, frozen=True):
    """A place in a tenant's outbox."""

    sequence: int
    ordinal: int


class FanOut(Command, frozen=True, kw_only=True):
    """Turn a tenant's messages between two places into deliveries, and move its cursor.

    Attributes:
        after: Where the cursor stands.
        until: Where it will stand; at most MESSAGES_AT_ONCE messages lie between.
    """

    gives: ClassVar[type[msgspec.Struct]] = Counted

    after: Place
    until: Place


class Attempt(msgspec.Struct, frozen=True):
    """One attempt at a delivery that was taken: which it was, from 1, and the answer's status."""

    delivery_id: Id
    attempt: int
    status: Status | None = None


class Delivered(Command, frozen=True, kw_only=True):
    """Note that an endpoint took deliveries."""

    gives: ClassVar[type[msgspec.Struct]] = Counted

    endpoint_id: Id
    attempts: Annotated[
        tuple[Attempt, ...], msgspec.Meta(min_length=1, max_length=DELIVERED_AT_ONCE)
    ]


class DeliveryFailed(Command, frozen=True, kw_only=True):
    """Note that an endpoint did not take a delivery.

    Attributes:
        retry_after_s: What the receiver asked for.
    """

    gives: ClassVar[type[msgspec.Struct]] = Delivery

    endpoint_id: Id
    delivery_id: Id
    attempt: int
    cause: Cause
    status: Status | None
    retry_after_s: RetryAfterS | None


class ReplayDelivery(Command, frozen=True, kw_only=True):
    """Put one delivery in line again, whatever became of it."""

    gives: ClassVar[type[msgspec.Struct]] = Delivery

    delivery_id: Id


class ReplayDeliveries(Command, frozen=True, kw_only=True):
    """Put an endpoint's deliveries of a time in line again, REPLAYED_AT_ONCE at most."""

    gives: ClassVar[type[msgspec.Struct]] = Replayed

    endpoint_id: Id
    created_from: Instant | None
    created_to: Instant | None


class TrimDeliveries(Command, frozen=True, kw_only=True):
    """Delete deliveries older than DELIVERY_KEPT with what they told; as the house."""

    gives: ClassVar[type[msgspec.Struct]] = Counted
