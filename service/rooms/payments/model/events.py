"""What happens to a payment, as stored event bodies. Plain values: decides nothing."""

import datetime as dt
from typing import Any, Final, Literal

import msgspec

from service.kernel.answers import Shape
from service.kernel.facts import EventResult, EventType, Level, Liability, Outcome
from service.kernel.money import Instant
from service.rooms.payments.contract import Decision, EventRequest, PaymentFacts, Status
from service.unit_of_work.commands import Mode


class ExemptionCount(Shape, frozen=True, kw_only=True):
    """What an approval without proof was counted on, so that it can be given back.

    Attributes:
        scopes: Scope -> key of each counter that grew by one and by the amount.
        day: The preset's day whose sums grew.
        limit_codes: Which of the day's sums grew.
        payer_key: Whose day it was.
    """

    code: str
    scopes: dict[str, str]
    currency: str
    amount_minor: int
    day: str
    limit_codes: tuple[str, ...]
    payer_key: str


class Judgement(Shape, frozen=True, kw_only=True):
    """What a judgement made of a payment: the status it led to, and what comes with it."""

    to: Status
    assessment_id: str
    outcome: Outcome
    reason_code: str
    level: Level | None
    liability: Liability
    approval_expires_at: Instant | None = None
    challenge_id: str | None = None
    challenge_expires_at: Instant | None = None
    hold_id: str | None = None
    hold_ends_at: Instant | None = None
    exemption: ExemptionCount | None = None
    reviews_before_capture: bool = False


class Created(Shape, frozen=True, kw_only=True):
    """`payment.created`: taken in and judged for the first time."""

    at: Instant
    tenant_id: str
    payment_id: str
    merchant_id: str
    mode: Mode
    facts: PaymentFacts
    judgement: Judgement


class Judged(Shape, frozen=True, kw_only=True):
    """`payment.judged`: a later judgement, or a hold's end, moved it."""

    at: Instant
    action: Literal["prove", "fail", "judge_again", "lift", "end", "stop"]
    judgement: Judgement


class TokenIssued(Shape, frozen=True, kw_only=True):
    """`payment.token_issued`: this token alone may execute it now."""

    at: Instant
    jti: str
    expires_at: Instant


class Executed(Shape, frozen=True, kw_only=True):
    """`payment.executed`: its token was used; `judgement` says where hold and stop led.

    Attributes:
        amount_minor: What the token was spent on; at most what was requested.
        no_answer_at: When silence of the processor becomes `unknown`; with go only.
    """

    at: Instant
    jti: str
    decision: Decision
    amount_minor: int
    assessment_id: str
    no_answer_at: Instant | None = None
    judgement: Judgement | None = None


class Moved(Shape, frozen=True, kw_only=True):
    """`payment.moved`: somebody or a timer moved it, without a new judgement."""

    at: Instant
    action: Literal[
        "cancel", "expire", "decline", "no_answer", "resolve", "suspend", "resume", "reverse",
        "lapse",
    ]  # fmt: skip
    to: Status


class Reported(Shape, frozen=True, kw_only=True):
    """`payment.reported`: what happened in the world; never refused for its order.

    Attributes:
        at: When it was told to us; `occurred_at` when it happened.
        amount_minor: The event's own amount; None stands for all that is left.
    """

    at: Instant
    type: EventType
    source: str
    external_id: str
    occurred_at: Instant
    amount_minor: int | None = None
    child_id: str | None = None
    result: EventResult | None = None
    data: dict[str, Any] | None = None


Body = Created | Judged | TokenIssued | Executed | Moved | Reported
BODIES: Final[dict[str, type[Body]]] = {
    "payment.created": Created,
    "payment.judged": Judged,
    "payment.token_issued": TokenIssued,
    "payment.executed": Executed,
    "payment.moved": Moved,
    "payment.reported": Reported,
}
# The outbox message that says a payment has another status now.
STATUS_MESSAGE: Final = "payment.moved"
_TYPES: Final = {kind: name for name, kind in BODIES.items()}


def event_type(body: Body) -> str:
    """Return the type under which a body is stored."""
    return _TYPES[type(body)]


def read_body(kind: str, record: dict[str, Any]) -> Body:
    """Return a stored body.

    Raises:
        KeyError: No such type.
        msgspec.ValidationError: The record is not of it.
    """
    return msgspec.convert(record, BODIES[kind])


def reported(event: EventRequest, *, at: dt.datetime) -> Reported:
    """Return a request's event as it is stored; its currency is checked by whoever calls."""
    return Reported(
        at=at,
        type=event.type,
        source=event.source,
        external_id=event.external_id,
        occurred_at=event.occurred_at,
        amount_minor=None if event.amount is None else event.amount.value,
        child_id=event.child_id,
        result=event.result,
        data=event.data,
    )
