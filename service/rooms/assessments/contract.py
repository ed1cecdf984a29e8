"""What may be judged besides payments, how it is asked and answered. Plain values, no secret.

An action is a login, a sign-up, a change of the account, a new payee or a payout. Its id is that of
its one assessment.
"""

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
)
from service.kernel.errors import FieldError, Problem
from service.kernel.money import Amount, Instant
from service.unit_of_work.commands import Command, Receipt

ActionEvent = Literal["login", "sign_up", "account_change", "new_payee", "payout"]
ActionStatus = Literal["approved", "challenge_required", "held", "declined", "cancelled", "expired"]

PAGE_DEFAULT: Final = 50
PAGE_MAX: Final = 200
LIST_DAYS_DEFAULT: Final = 30
CURSOR_CHARS_MAX: Final = 1_024
CHANGES_MAX: Final = 6
# Actions with somebody who is, or will be, paid.
WITH_PAYEE: Final[frozenset[ActionEvent]] = frozenset({"new_payee", "payout"})

ASSESSMENT_NOT_FOUND: Final = Problem("assessment_not_found", 404)
ASSESSMENT_NOT_IN_STATE: Final = Problem("assessment_not_in_state", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "payment.assessed": (
        "A payment was judged at a stage; the fields hold the outcome, the last change of the"
        " merchant's lists, and commitments to the inputs and the feature vector."
    ),
    "assessment.made": (
        "A login, sign-up, account change, new payee or payout was judged; the fields are those"
        " of a payment's."
    ),
    "assessment.opened": "What was judged by itself got its status; the fields say which.",
    "assessment.not_taken": "A request to judge something was refused; the field says why.",
    "assessment.released": "What was held was released by whoever decides.",
    "assessment.refused": "What was held was refused by whoever decides.",
    "assessment.cancelled": "What was held or asked for proof was cancelled.",
    "assessment.expired": "The proof that was asked for did not come in time.",
    "assessment.hold_ended": "A hold came to its end; the fields say to what it led.",
    "assessment.timer_stale": "A timer came late: the status had changed.",
    "assessment.sequence_failed": "A command was refused because the status does not allow it.",
}


class AssessRequest(facts.Block, frozen=True, kw_only=True):
    """An action to be judged; `payee`, `amount`, `destination`, `changes` only where they belong.

    Attributes:
        payee: Of a new payee and of a payout.
        amount: Of a payout.
        destination: Where a payout goes: an account, card or wallet by its token or id.
        changes: Of an account change: what is changed.
    """

    event: ActionEvent
    payer: facts.Payer
    occurred_at: Instant
    payee: facts.Payee | None = None
    amount: Amount | None = None
    destination: facts.Instrument | None = None
    changes: (
        Annotated[tuple[facts.ChangeOf, ...], msgspec.Meta(min_length=1, max_length=CHANGES_MAX)]
        | None
    ) = None
    device: facts.Device | None = None
    authentication: facts.Authentication | None = None
    channel: facts.Code | None = None
    metadata: facts.Metadata | None = None


class ActionFacts(AssessRequest, frozen=True, kw_only=True):
    """The same as it is kept: e-mail, phone and address are pseudonyms."""

    payer: facts.PayerKept  # type: ignore[assignment]  # the clear contacts end at the door
    device: facts.DeviceKept | None = None  # type: ignore[assignment]  # so does the address


def rule_errors(request: AssessRequest) -> tuple[FieldError, ...]:
    """Return what is wrong between the fields of a request, all of it."""
    errors = []
    payer, event = request.payer, request.event
    is_guest = payer.payer_id is None
    # A change makes the payouts of an account wait, and it is found by the account's payer: under
    # an e-mail, which may be what was changed, it would be found by nobody.
    if is_guest and (event == "account_change" or (payer.email is None and payer.phone is None)):
        errors.append(FieldError("/payer/payer_id", "missing_field"))
    belongs = {
        "payee": event in WITH_PAYEE,
        "amount": event == "payout",
        "changes": event == "account_change",
    }
    for name, is_needed in belongs.items():
        is_told = getattr(request, name) is not None
        if is_told != is_needed:
            code = "missing_field" if is_needed else "inconsistent"
            errors.append(FieldError(f"/{name}", code))
    if request.destination is not None and event != "payout":
        errors.append(FieldError("/destination", "inconsistent"))
    if request.amount is not None and request.amount.value == 0:
        errors.append(FieldError("/amount/value", "inconsistent"))
    if request.changes is not None and len(set(request.changes)) < len(request.changes):
        errors.append(FieldError("/changes", "inconsistent"))
    return tuple(errors)


class DecideRequest(facts.Block, frozen=True, kw_only=True):
    """Why, if whoever decides says so."""

    reason: facts.Text | None = None


class AssessmentQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Filters of the list: the newest first, the last 30 days unless told otherwise."""

    status: ActionStatus | None = None
    event: ActionEvent | None = None
    payer_id: facts.Name | None = None
    created_from: Instant | None = None
    created_to: Instant | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT
    cursor: Annotated[str, msgspec.Meta(min_length=1, max_length=CURSOR_CHARS_MAX)] | None = None


class ActionBase(Shape, frozen=True, kw_only=True):
    """What every answer about an action says, and what its reply stores.

    Attributes:
        outcome: What the judgement said; what came of it since is the status.
        level: The level of proof that was asked for; null where none is asked.
    """

    id: str
    event: ActionEvent
    status: ActionStatus
    outcome: facts.Outcome
    reason_code: str
    level: facts.Level | None


class ActionAnswer(ActionBase, frozen=True, kw_only=True):
    """An action with its judgement, and a challenge, a hold or neither."""

    assessment: AssessmentAnswer | None
    challenge: ChallengeAnswer | None
    hold: HoldAnswer | None
    receipt: Receipt | None


class ActionDetail(ActionAnswer, frozen=True, kw_only=True):
    """An action with all that is known of it."""

    request: ActionFacts
    version: int
    created_at: Instant
    updated_at: Instant


class ActionListed(ActionBase, frozen=True, kw_only=True):
    """An action in a list."""

    payer_id: str | None
    payee_id: str | None
    amount: Amount | None
    created_at: Instant
    updated_at: Instant


class ActionPage(Shape, frozen=True, kw_only=True):
    """One page of a list; `next_cursor` is null on the last."""

    assessments: tuple[ActionListed, ...]
    next_cursor: str | None


class ActionReply(Shape, frozen=True, kw_only=True):
    """Ids and codes from which every answer can be written again."""

    action: ActionBase
    judged: Judged | None = None
    challenge: ChallengeAsked | None = None
    hold: HoldSet | None = None


class AssessAction(Command, frozen=True, kw_only=True):
    """Judge an action, and approve, challenge, hold or decline it."""

    gives: ClassVar[type[msgspec.Struct]] = ActionReply

    facts: ActionFacts


class ReleaseAssessment(Command, frozen=True, kw_only=True):
    """Let what is held go on."""

    gives: ClassVar[type[msgspec.Struct]] = ActionReply

    assessment_id: str
    reason: str | None = None


class RefuseAssessment(Command, frozen=True, kw_only=True):
    """Refuse what is held."""

    gives: ClassVar[type[msgspec.Struct]] = ActionReply

    assessment_id: str
    reason: str | None = None


class ExpireAssessment(Command, frozen=True, kw_only=True):
    """Do what an action's timer stands for, if it is still at that version."""

    gives: ClassVar[type[msgspec.Struct]] = ActionReply

    assessment_id: str
    version: int
