"""The fold of a payment's events: the one way in which a payment changes. Pure: no clock, no SQL.

Handlers make the row by it and a rebuild folds the log by it, so the two are equal.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Final, cast

from msgspec.structs import replace

from service.kernel.facts import EventType
from service.rooms.payments import moves
from service.rooms.payments.contract import Status
from service.rooms.payments.model.events import (
    Body,
    Created,
    Executed,
    Judged,
    Judgement,
    Moved,
    Reported,
    TokenIssued,
)
from service.rooms.payments.model.payment import Payment, sent_at_most

# An exemption that was counted and paid nothing is given back, for as long as nothing is taken;
# a declined one is not.
RETURNS_EXEMPTION: Final[frozenset[Status]] = frozenset({"expired", "failed", "cancelled"})
DISPUTE_LOST: Final = "lost"
_LAPSES: Final[frozenset[Status]] = frozenset({"executed", "suspended"})
_ADDS_TO: Final[dict[EventType, str]] = {
    "captured": "captured_minor",
    "settled": "settled_minor",
    "reversed": "released_minor",
    "refunded": "refunded_minor",
    "dispute_closed": "charged_back_minor",
}
# What is authorized or released is a part of what was sent, which is known; these are parts of
# what may be told after them.
_OF_WHAT_WAS_TOLD: Final[frozenset[EventType]] = frozenset(
    {"captured", "settled", "refunded", "dispute_closed"}
)


@dataclass(frozen=True, slots=True)
class Step:
    """A payment after an event, and whether the event followed from its status."""

    payment: Payment
    is_in_step: bool


class IllegalMove(ValueError):  # noqa: N818  it names our mistake: a handler did not ask first
    """An event of our own that the table of moves does not have."""


def fold(bodies: Iterable[Body]) -> Payment:
    """Return the payment that its events make, the oldest first.

    Raises:
        IllegalMove: They are no payment's events.
    """
    payment = reduce(apply, bodies, cast("Payment | None", None))
    if payment is None:
        raise IllegalMove("a payment begins with an event")
    return payment


def apply(payment: Payment | None, body: Body) -> Payment:
    """Return the payment after an event.

    Raises:
        IllegalMove: The table of moves does not have it.
    """
    return step(payment, body).payment


def step(payment: Payment | None, body: Body) -> Step:
    """Return the payment after an event, and whether the event was in step.

    Raises:
        IllegalMove: It is an event of our own, and the table of moves does not have it.
    """
    if isinstance(body, Created):
        if payment is not None:
            raise IllegalMove("a payment is created once")
        return Step(_created(body), is_in_step=True)
    if payment is None:
        raise IllegalMove("a payment begins with its creation")
    if isinstance(body, Reported):
        after, is_in_step = _report(payment, body)
    else:
        after, is_in_step = _own(payment, body), True
    after = _exempted(_closed(_voided(after)))
    return Step(_stamped(after, version=payment.version + 1, at=body.at), is_in_step)


def _stamped(payment: Payment, *, version: int, at: dt.datetime) -> Payment:
    return replace(payment, version=version, updated_at=at)


def _created(body: Created) -> Payment:
    _to(None, "assess", body.judgement.to)
    judgement = body.judgement
    payment = Payment(
        tenant_id=body.tenant_id,
        payment_id=body.payment_id,
        merchant_id=body.merchant_id,
        mode=body.mode,
        facts=body.facts,
        status=judgement.to,
        version=1,
        outcome=judgement.outcome,
        reason_code=judgement.reason_code,
        level=judgement.level,
        liability=judgement.liability,
        assessment_id=judgement.assessment_id,
        created_at=body.at,
        updated_at=body.at,
    )
    return _judged(payment, judgement)


def _own(payment: Payment, body: Judged | TokenIssued | Executed | Moved) -> Payment:
    match body:
        case Judged():
            _to(payment.status, body.action, body.judgement.to)
            return _judged(payment, body.judgement)
        case TokenIssued():
            if not moves.may_issue_token(payment.status):
                raise IllegalMove(f"no token while {payment.status}")
            return replace(payment, token_jti=body.jti)
        case Executed():
            return _executed(payment, body)
        case Moved():
            return _moved(payment, body)


def _judged(payment: Payment, judgement: Judgement) -> Payment:
    """Return it where a judgement led, with the one timer of that status."""
    timer_at: dt.datetime | None = None
    timer_action: moves.TimerAction | None = None
    match judgement.to:
        case "approved":
            timer_at, timer_action = judgement.approval_expires_at, "expire"
        case "challenge_required" if judgement.challenge_id:
            timer_at, timer_action = judgement.challenge_expires_at, "expire"
        case "held" if judgement.hold_id:
            timer_at, timer_action = judgement.hold_ends_at, "end"
        case _:
            pass
    if judgement.to != "declined" and timer_at is None:
        raise IllegalMove(f"{judgement.to} comes with what it needs, and an end")
    counted = judgement.exemption is not None
    return replace(
        _left(payment, judgement.to),
        outcome=judgement.outcome,
        reason_code=judgement.reason_code,
        level=judgement.level,
        liability=judgement.liability,
        assessment_id=judgement.assessment_id,
        reviews_before_capture=judgement.reviews_before_capture,
        exemption=judgement.exemption if counted else payment.exemption,
        exemption_state="counted" if counted else payment.exemption_state,
        approval_expires_at=timer_at if judgement.to == "approved" else None,
        challenge_id=judgement.challenge_id if judgement.to == "challenge_required" else None,
        hold_id=judgement.hold_id if judgement.to == "held" else None,
        timer_at=timer_at,
        timer_action=timer_action,
    )


def _executed(payment: Payment, body: Executed) -> Payment:
    if body.jti != payment.token_jti:
        raise IllegalMove("a payment is executed with its newest token")
    if body.decision != "go":
        if body.judgement is None:
            raise IllegalMove("hold and stop come with a judgement")
        _to(payment.status, "execute", body.judgement.to)
        return _judged(payment, body.judgement)
    _to(payment.status, "execute", "executing")
    if body.no_answer_at is None or body.amount_minor > payment.requested_minor:
        raise IllegalMove("an execution has a time limit, and at most what was requested")
    return replace(
        _left(payment, "executing"),
        sent_minor=body.amount_minor,
        assessment_id=body.assessment_id,
        timer_at=body.no_answer_at,
        timer_action="no_answer",
    )


def _moved(payment: Payment, body: Moved) -> Payment:
    to = _to(payment.status, body.action, body.to)
    if body.action == "resume" and to != payment.suspended_from:
        raise IllegalMove("a payment resumes to where it was")
    if body.action in {"reverse", "lapse"}:
        if payment.captured_minor:
            raise IllegalMove("nothing is reversed once something is captured")
        payment = _add(payment, "reversed", _rest(payment, "reversed"))
    if body.action == "resolve" and to == "executed" and payment.authorized_minor is None:
        # The officers' evidence stands for the authorization that nobody reported.
        payment = _add(payment, "authorized", _rest(payment, "authorized"))
    if to == "suspended":
        payment = replace(payment, suspended_from=payment.status)
    return _lapsing(_left(payment, to))


def _report(payment: Payment, report: Reported) -> tuple[Payment, bool]:
    """Return it with a reported event's amounts, moved where the table has the move."""
    amount = _rest(payment, report.type) if report.amount_minor is None else report.amount_minor
    after = _add(payment, report.type, amount) if _counts(report) else payment
    if report.type == "authorized" and report.result is not None:
        expires_at = report.result.authorization_expires_at
        after = replace(
            after, authorization_expires_at=expires_at or payment.authorization_expires_at
        )
    if report.type not in moves.MOVING_EVENTS:
        return after, True
    to = _target(after, report.type, amount)
    if to is None:
        # The world did something that the table does not have: amounts only. What is
        # captured may end the timer of an authorization all the same.
        return (_lapsing(after) if after.status in _LAPSES else after), False
    if report.type in {"captured", "settled"} and payment.status == "suspended":
        after = replace(after, suspended_from="captured")
    elif to == "suspended":
        is_captured = report.type == "captured"
        after = replace(after, suspended_from="captured" if is_captured else "executed")
    return _lapsing(_left(after, to)), True


def is_of_nothing(payment: Payment, report: Reported) -> bool:
    """Say whether an event without an amount would be kept, for good, as one of nothing.

    All that is left is what is left of what was told so far: where that is nothing and nothing
    moves, what the event is about has most likely not been told yet.
    """
    if report.amount_minor is not None or report.type not in _OF_WHAT_WAS_TOLD:
        return False
    if not _counts(report) or sent_at_most(payment) == 0 or _rest(payment, report.type) > 0:
        return False
    return apply(payment, report).status == payment.status


def _counts(report: Reported) -> bool:
    """Say whether an event's amount counts: a dispute that was won costs nothing."""
    is_lost = report.result is not None and report.result.code == DISPUTE_LOST
    return report.type != "dispute_closed" or is_lost


def _target(after: Payment, event: EventType, amount: int) -> Status | None:
    """Return where an event leads; None where the table has no such move.

    Args:
        after: The payment with the event's amounts, still in its old status.
        event: A type that moves payments.
        amount: The event's own amount.
    """
    status = after.status
    if event == "captured" and amount == 0 and sent_at_most(after) > 0:
        # Nothing was taken of what was to be taken: it ends nothing.
        return None
    to: Status | None = None
    if status in {"executing", "unknown"} and event in {"authorized", "captured"}:
        on = "executed" if event == "authorized" else "captured"
        to = "suspended" if after.reviews_before_capture else cast("Status", on)
    # A part that is released while the rest stays authorized moves nothing: money is still
    # where the status says.
    is_part = after.captured_minor > 0 or after.released_minor < after.executed_minor
    if event == "reversed" and status in _LAPSES and is_part:
        return None
    found = moves.move(status, cast("moves.Action", event), to)
    return None if isinstance(found, moves.NotAllowed) else found


def _rest(payment: Payment, event: EventType) -> int:
    """Return what an event without an amount stands for: all that is left of its kind."""
    given_back = payment.refunded_minor + payment.charged_back_minor
    sent = sent_at_most(payment)
    executed = sent if payment.authorized_minor is None else payment.authorized_minor
    left = executed - payment.captured_minor - payment.released_minor
    rests: dict[EventType, int] = {
        "authorized": sent - (payment.authorized_minor or 0),
        "captured": left,
        "reversed": left,
        "settled": payment.captured_minor - payment.settled_minor,
        "refunded": payment.captured_minor - given_back,
        "dispute_closed": payment.captured_minor - given_back,
    }
    return max(0, rests.get(event, 0))


def _add(payment: Payment, event: EventType, minor: int) -> Payment:
    """Return it with an event's own amount added to what the event is about."""
    if event == "authorized":
        authorized = (payment.authorized_minor or 0) + minor
        return replace(payment, authorized_minor=authorized, executed_minor=authorized)
    column = _ADDS_TO.get(event)
    if column is None:
        return payment
    after = replace(payment, **{column: getattr(payment, column) + minor})
    if event == "captured" and payment.authorized_minor is None:
        # A sale or balance payment is captured at once: nobody authorizes it before, so what
        # is captured is what was executed. An authorization told later corrects it.
        return replace(after, executed_minor=after.captured_minor)
    return after


def _left(payment: Payment, to: Status) -> Payment:
    """Return it in a new status, without what belonged to the old one."""
    if to == payment.status:
        return payment
    return replace(
        payment,
        status=to,
        approval_expires_at=None,
        challenge_id=None,
        hold_id=None,
        suspended_from=payment.suspended_from if to == "suspended" else None,
        timer_at=None,
        timer_action=None,
    )


def _lapsing(payment: Payment) -> Payment:
    """Return it with the timer of its authorization, where one can lapse."""
    if payment.status not in _LAPSES:
        return payment
    expires_at = None if payment.captured_minor else payment.authorization_expires_at
    action = None if expires_at is None else "lapse"
    return replace(payment, timer_at=expires_at, timer_action=action)


def _voided(payment: Payment) -> Payment:
    """Return it reversed where all that was authorized had been released before that was told."""
    is_void = payment.released_minor >= payment.executed_minor > 0
    if payment.status not in _LAPSES or payment.captured_minor or not is_void:
        return payment
    return _left(payment, _to(payment.status, "reversed", "reversed"))


def _closed(payment: Payment) -> Payment:
    """Return it settled where nothing is left to capture and all that was is settled."""
    is_all_gone = payment.captured_minor + payment.released_minor >= payment.executed_minor
    is_all_settled = payment.settled_minor >= payment.captured_minor
    if payment.status != "captured" or not (is_all_gone and is_all_settled):
        return payment
    return _left(payment, _to("captured", "close", "settled"))


def _exempted(payment: Payment) -> Payment:
    """Return it with its exemption given back, or counted again once money is taken after all."""
    if payment.exemption_state == "none":
        return payment
    is_unpaid = not (payment.executed_minor or payment.captured_minor)
    returns = is_unpaid and payment.status in RETURNS_EXEMPTION
    return replace(payment, exemption_state="returned" if returns else "counted")


def _to(status: Status | None, action: moves.Action, to: Status) -> Status:
    found = moves.move(status, action, to)
    if isinstance(found, moves.NotAllowed):
        raise IllegalMove(f"{action} from {status} to {to}")
    return found
