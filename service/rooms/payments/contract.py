"""Requests, answers and commands of payments. Plain values: no database, no web, no secret kept."""

from typing import Annotated, ClassVar, Final, Literal

import msgspec

from service.kernel import facts
from service.kernel.answers import (
    AssessmentAnswer,
    ChallengeAnswer,
    ChallengeAsked,
    HoldAnswer,
    HoldSet,
    Judged,
    Shape,
    WarningAnswer,
)
from service.kernel.errors import FieldError, Problem
from service.kernel.money import Amount, Currency, Instant
from service.unit_of_work.commands import Command, Receipt

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
LIST_DAYS_DEFAULT: Final = 30
CURSOR_CHARS_MAX: Final = 1_024
REPLAY_SCOPE: Final = "replay"
AUDIENCE_PATH: Final = "/v1/payments"  # behind the issuer, the `aud` of payment tokens

Status = Literal[
    "approved", "challenge_required", "held", "declined", "cancelled", "expired", "executing",
    "unknown", "executed", "captured", "suspended", "failed", "settled", "reversed",
]  # fmt: skip
TokenState = Literal["active", "spent", "voided", "expired"]
Decision = Literal["go", "hold", "stop"]

REFERENCE_TAKEN: Final = Problem("reference_taken", 409)
PAYMENT_NOT_IN_STATE: Final = Problem("payment_not_in_state", 409)
PAYMENT_TOKEN_INVALID: Final = Problem("payment_token_invalid", 422)
# The next four come only for a token known to be ours; any other is invalid.
PAYMENT_TOKEN_SPENT: Final = Problem("payment_token_spent", 409)
PAYMENT_TOKEN_VOIDED: Final = Problem("payment_token_voided", 409)
PAYMENT_TOKEN_EXPIRED: Final = Problem("payment_token_expired", 409)
PAYMENT_TOKEN_MISMATCH: Final = Problem("payment_token_mismatch", 409)
PAYMENT_REPLAYED: Final = Problem("payment_replayed", 409)
CURRENCY_MISMATCH: Final = Problem("currency_mismatch", 422)
EVENT_AMOUNT_INVALID: Final = Problem("event_amount_invalid", 422)
PARENT_NOT_FOUND: Final = Problem("parent_not_found", 404)

AUDIT_KINDS: Final[dict[str, str]] = {
    "payment.created": "A payment was taken in and judged; the fields say with what outcome.",
    "payment.not_taken": "A request to create a payment was refused; the field says why.",
    "payment.reference_taken": "A second payment with a reference already used was refused.",
    "payment.executed": "A payment token was spent; the fields say go, hold or stop.",
    "payment.token_issued": "A payment token was issued; one before it was voided.",
    "payment.token_refused": "An execution was refused for its token; the field says why.",
    "payment.event_reported": "Something that happened to a payment was reported.",
    "payment.event_repeated": "A report came again; it got the answer of the first.",
    "payment.event_refused": "A report was refused; the field says why.",
    "payment.amount_exceeded": "A reported amount is above what it may be; the field says which.",
    "payment.out_of_step": "A reported event does not follow from the payment's status.",
    "payment.sequence_failed": "A command was refused because the status does not allow it.",
    "payment.cancelled": "A payment was cancelled; its challenge, hold and token are void.",
    "payment.expired": "A payment's approval or challenge ran out.",
    "payment.unanswered": "No answer of the processor came in time.",
    "payment.lapsed": "An authorization ran out with nothing captured.",
    "payment.hold_ended": "A hold came to its end; the fields say to what it led.",
    "payment.judged_again": "What was stopped without a score was judged again, now with one.",
    "payment.timer_stale": "A timer came late: the payment had moved on.",
}


class CreatePaymentRequest(facts.Block, frozen=True, kw_only=True):
    """A payment to be judged, as the merchant tells it."""

    amount: Amount
    kind: facts.Kind
    payee: facts.Payee
    payer: facts.Payer
    occurred_at: Instant
    reference: facts.Name | None = None
    initiator: Literal["payer", "merchant"] = "payer"
    agreement: facts.Agreement | None = None
    parent_id: facts.Name | None = None
    retry_of: facts.Name | None = None
    instalments: Annotated[int, msgspec.Meta(ge=2, le=facts.INSTALMENTS_MAX)] | None = None
    amount_is: Literal["exact", "maximum"] = "exact"
    balance_before: Amount | None = None
    instrument: facts.Instrument | None = None
    device: facts.Device | None = None
    authentication: facts.Authentication | None = None
    order: facts.Order | None = None
    entry: facts.Entry | None = None
    channel: facts.Code | None = None
    mcc: facts.MerchantCategory | None = None
    metadata: facts.Metadata | None = None


class PaymentFacts(CreatePaymentRequest, frozen=True, kw_only=True):
    """The same as it is kept: e-mail, phone and address are pseudonyms.

    Attributes:
        is_replayed: Sent by a key with scope `replay`; says so itself nowhere in a request. It may
            be of any past time, and yields no payment token.
    """

    payer: facts.PayerKept  # type: ignore[assignment]  # the clear contacts end at the door
    device: facts.DeviceKept | None = None  # type: ignore[assignment]  # so does the address
    is_replayed: bool = False


def rule_errors(request: CreatePaymentRequest) -> tuple[FieldError, ...]:
    """Return what is wrong between the fields of a request, all of it."""
    errors = []
    payer, balance = request.payer, request.balance_before
    if payer.payer_id is None and payer.email is None and payer.phone is None:
        errors.append(FieldError("/payer/payer_id", "missing_field"))
    # A verification has the amount 0, and nothing else has.
    if (request.kind == "verification") != (request.amount.value == 0):
        errors.append(FieldError("/amount/value", "inconsistent"))
    if balance is not None and balance.currency != request.amount.currency:
        errors.append(FieldError("/balance_before/currency", "inconsistent"))
    return tuple(errors)


class ExecuteRequest(facts.Block, frozen=True, kw_only=True):
    """What is really executed, with the token that allows it."""

    payment_token: Annotated[
        str,
        msgspec.Meta(
            pattern=r"^[A-Za-z0-9_.-]+(?![\s\S])", min_length=1, max_length=facts.TOKEN_CHARS_MAX
        ),
    ]
    amount: Amount
    payee: facts.Payee
    instrument: facts.Instrument | None = None
    device: facts.Device | None = None
    order: facts.Order | None = None


class EventRequest(facts.Block, frozen=True, kw_only=True):
    """Something that happened to a payment in the world; `amount` is the event's own."""

    type: facts.EventType
    source: facts.Name
    external_id: facts.ExternalId
    occurred_at: Instant
    amount: Amount | None = None
    child_id: facts.Name | None = None
    result: facts.EventResult | None = None
    data: facts.EventData | None = None


class CancelRequest(facts.Block, frozen=True, kw_only=True):
    """Why a merchant cancels, if it says so."""

    reason: facts.Text | None = None


class TokenRequest(facts.Block, frozen=True, kw_only=True):
    """Nothing to say: the token is over the facts that were approved."""


class PaymentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of the list: the newest first, the last 30 days unless told otherwise."""

    status: Status | None = None
    payer_id: facts.Name | None = None
    payee_id: facts.Name | None = None
    reference: facts.Name | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=CURSOR_CHARS_MAX)] | None = None


class Amounts(Shape, frozen=True, kw_only=True):
    """Where a payment's money is, in minor units of one currency."""

    currency: Currency
    requested: int
    executed: int
    captured: int
    settled: int
    released: int
    refunded: int
    charged_back: int
    lost: int
    recovered: int


class PaymentBase(Shape, frozen=True, kw_only=True):
    """What every answer about a payment says, and what its reply stores."""

    id: str
    reference: str | None
    status: Status
    outcome: facts.Outcome
    reason_code: str
    amounts: Amounts
    approval_expires_at: Instant | None
    liability: facts.Liability


class PaymentAnswer(PaymentBase, frozen=True, kw_only=True):
    """A payment with its newest judgement, and a token, a challenge, a hold or a refusal."""

    assessment: AssessmentAnswer | None
    challenge: ChallengeAnswer | None
    warning: WarningAnswer | None
    hold: HoldAnswer | None
    payment_token: str | None
    payment_token_state: TokenState | None
    receipt: Receipt | None


class ExecuteAnswer(PaymentAnswer, frozen=True, kw_only=True):
    """A payment after its execution was asked for: go on, wait, or stop."""

    decision: Decision


class EventSeen(Shape, frozen=True, kw_only=True):
    """One event of a payment's life; `in_step` is false where its order was odd."""

    type: str
    occurred_at: Instant
    recorded_at: Instant
    source: str | None = None
    external_id: str | None = None
    amount: Amount | None = None
    in_step: bool = True


class PaymentDetail(PaymentAnswer, frozen=True, kw_only=True):
    """A payment with all that is known of it."""

    assessments: tuple[AssessmentAnswer, ...]
    events: tuple[EventSeen, ...]
    request: PaymentFacts
    version: int
    created_at: Instant
    updated_at: Instant


class PaymentListed(PaymentBase, frozen=True, kw_only=True):
    """A payment in a list."""

    kind: facts.Kind
    payer_id: str | None
    payee_id: str
    created_at: Instant
    updated_at: Instant


class PaymentPage(Shape, frozen=True, kw_only=True):
    """One page of a list; `next_cursor` is null on the last."""

    payments: tuple[PaymentListed, ...]
    next_cursor: str | None


class EventAnswer(Shape, frozen=True, kw_only=True):
    """An event was taken in; the payment's status and amounts after it."""

    id: str
    payment_id: str
    type: facts.EventType
    in_step: bool
    status: Status
    amounts: Amounts


class TokenDetail(Shape, frozen=True, kw_only=True):
    """What a token allows to be executed; `order` is the digest of the canonical order."""

    type: Literal["payment"]
    amount: int
    amount_is: Literal["exact", "maximum"]
    currency: str
    payee: str
    instrument: str | None
    order: str | None


class TokenConfirmation(Shape, frozen=True, kw_only=True):
    """The thumbprint of the DPoP key that a token is bound to."""

    jkt: str


class TokenClaims(Shape, frozen=True, kw_only=True):
    """What a payment token says, by the names of the token itself; times are Unix seconds."""

    iss: str
    aud: str
    sub: str
    iat: int
    nbf: int
    exp: int
    jti: str
    txn: str
    authorization_details: tuple[TokenDetail]
    device: str | None
    acr: str
    amr: tuple[str, ...]
    auth_time: int | None
    cnf: TokenConfirmation | None
    assessment: str
    exemption: str | None
    liability: str


class PaymentReply(Shape, frozen=True, kw_only=True):
    """Ids, codes and claims from which every answer can be written again."""

    payment: PaymentBase
    judged: Judged | None = None
    challenge: ChallengeAsked | None = None
    hold: HoldSet | None = None
    token: TokenClaims | None = None
    token_state: TokenState | None = None
    decision: Decision | None = None


class EventReply(Shape, frozen=True, kw_only=True):
    """What an event's answer is written from; kept for the same (source, external_id)."""

    id: str
    payment_id: str
    type: facts.EventType
    in_step: bool
    status: Status
    amounts: Amounts


class CreatePayment(Command, frozen=True, kw_only=True):
    """Take a payment in, judge it, and approve, challenge, hold or decline it."""

    gives: ClassVar[type[msgspec.Struct]] = PaymentReply

    facts: PaymentFacts


class _OfAPayment(Command, frozen=True, kw_only=True):
    """A command about a payment that is there."""

    gives: ClassVar[type[msgspec.Struct]] = PaymentReply

    payment_id: str


class ExecutePayment(_OfAPayment, frozen=True, kw_only=True):
    """Spend a payment token on what is really executed.

    Attributes:
        claims: Those of the token, verified by the front end: form, signature, audience.
        told: The payment as it was taken in, to look at lists again; None where none was found.
    """

    claims: TokenClaims
    amount: Amount
    payee: facts.Payee
    instrument: facts.Instrument | None = None
    device: facts.DeviceKept | None = None
    order_digest: str | None = None
    told: PaymentFacts | None = None


class IssueToken(_OfAPayment, frozen=True, kw_only=True):
    """Void a payment's token and issue a new one over the same facts."""


class ReportEvent(Command, frozen=True, kw_only=True):
    """Take in something that happened to a payment in the world."""

    gives: ClassVar[type[msgspec.Struct]] = EventReply

    payment_id: str
    event: EventRequest


class CancelPayment(_OfAPayment, frozen=True, kw_only=True):
    """Cancel a payment that is not under way yet."""

    reason: str | None = None


class ExpirePayment(_OfAPayment, frozen=True, kw_only=True):
    """Do what a payment's timer stands for, if the payment is still at that version."""

    version: int


class JudgeAgain(_OfAPayment, frozen=True, kw_only=True):
    """Judge once more, with a score, what that judgement stopped for want of one; once."""

    assessment_id: str
