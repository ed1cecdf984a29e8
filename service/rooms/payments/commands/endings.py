"""CancelPayment and ExpirePayment: what ends a payment without money, and what timers do."""

from collections.abc import Sequence
from typing import Final

from service.db.statements import Bound
from service.kernel import facts
from service.kernel.answers import HoldEnd
from service.rooms.challenges import public as challenges
from service.rooms.payments import model, moves
from service.rooms.payments.commands.execute import active_token_read, end_token
from service.rooms.payments.commands.story import (
    Story,
    found,
    not_found,
    out_of_sequence,
    payment_key,
    payment_read,
)
from service.rooms.payments.commands.verdict import (
    APPROVAL_LASTS,
    Verdict,
    challenged,
)
from service.rooms.payments.contract import (
    CancelPayment,
    ExpirePayment,
    PaymentReply,
    Status,
    TokenState,
)
from service.rooms.payments.model import Judgement, Payment
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Outcome


def reads_of_ending(payment_id: str, call: Call) -> Sequence[Bound]:
    """Return the reads of a command that ends a payment with what it has open."""
    return (
        payment_read(call, payment_id),
        active_token_read(call, payment_id),
        challenges.open_challenge_read(call, "payment", payment_id),
        challenges.active_hold_read(call, "payment", payment_id),
    )


def _keys(command: CancelPayment | ExpirePayment, _call: Call) -> Sequence[str]:
    return (payment_key(command.payment_id),)


def _reads(command: CancelPayment | ExpirePayment, call: Call) -> Sequence[Bound]:
    return reads_of_ending(command.payment_id, call)


@handles(CancelPayment, keys=_keys, reads=_reads)
def cancel_payment(view: View, command: CancelPayment, ctx: Context) -> Outcome:
    """End a payment that is not under way yet."""
    return cancelled(view, command.payment_id, ctx, reason=command.reason)


def cancelled(view: View, payment_id: str, ctx: Context, *, reason: str | None) -> Outcome:
    """Cancel a payment: its challenge, hold and token are void.

    Args:
        view: Holds the rows of `reads_of_ending`.
        payment_id: The payment.
        ctx: Time, ids, caller.
        reason: Why, if somebody said so.
    """
    payment = found(view, ctx.call, payment_id)
    if payment is None:
        return not_found(payment_id)
    if isinstance(moves.move(payment.status, "cancel"), moves.NotAllowed):
        return out_of_sequence(ctx, payment, "cancel")
    story = Story(ctx, payment)
    story.happen(model.Moved(at=ctx.now, action="cancel", to="cancelled"))
    token_state = _void_token(story, view, ctx)
    challenge = challenges.open_challenge(view, ctx.call, "payment", payment_id)
    if challenge is not None:
        change, entry = challenges.cancel_challenge(ctx, challenge)
        story.change(change)
        story.enter(entry)
    hold = challenges.active_hold(view, ctx.call, "payment", payment_id)
    if hold is not None:
        change, entry = challenges.cancel_hold(ctx, hold)
        story.change(change)
        story.enter(entry)
    story.record("payment.cancelled", {"has_reason": reason is not None})
    return story.accepted(PaymentReply(payment=model.base(story.payment), token_state=token_state))


def _void_token(story: Story, view: View, ctx: Context) -> TokenState | None:
    active = view.maybe(active_token_read(ctx.call, story.payment.payment_id))
    if active is None:
        return None
    story.change(end_token(active, now=ctx.now))
    is_over = model.token_state(active, now=ctx.now) == "expired"
    return "expired" if is_over else "voided"


@handles(ExpirePayment, keys=_keys, reads=_reads)
def expire_payment(view: View, command: ExpirePayment, ctx: Context) -> Outcome:
    """Do what a payment's timer stands for, if it is due and the payment has not moved on."""
    payment = found(view, ctx.call, command.payment_id)
    if payment is None:
        return not_found(command.payment_id)
    story = Story(ctx, payment)
    is_due = payment.timer_at is not None and payment.timer_at <= ctx.now
    if payment.version != command.version or not is_due:
        story.record("payment.timer_stale", {"version": command.version})
        return story.accepted(PaymentReply(payment=model.base(payment)))
    if payment.timer_action == "end":
        return _hold_ended(story, view, payment, ctx)
    if payment.timer_action == "expire":
        return _expired(story, view, payment, ctx)
    if payment.timer_action == "no_answer":
        # Silence is no answer: the processor may have taken the money.
        story.happen(model.Moved(at=ctx.now, action="no_answer", to="unknown"))
        story.record("payment.unanswered", {})
    else:
        story.happen(model.Moved(at=ctx.now, action="lapse", to="reversed"))
        story.record("payment.lapsed", {"from": payment.status})
    return story.accepted(PaymentReply(payment=model.base(story.payment)))


def _expired(story: Story, view: View, payment: Payment, ctx: Context) -> Outcome:
    story.happen(model.Moved(at=ctx.now, action="expire", to="expired"))
    token_state = _void_token(story, view, ctx)
    challenge = challenges.open_challenge(view, ctx.call, "payment", payment.payment_id)
    if challenge is not None:
        change, entry = challenges.expire_challenge(ctx, challenge)
        story.change(change)
        story.enter(entry)
    story.record("payment.expired", {"from": payment.status})
    return story.accepted(PaymentReply(payment=model.base(story.payment), token_state=token_state))


def _hold_ended(story: Story, view: View, payment: Payment, ctx: Context) -> Outcome:
    """Lead a payment to where its hold said, at its start, that it would end."""
    hold = challenges.active_hold(view, ctx.call, "payment", payment.payment_id)
    assert hold is not None, "a held payment has an active hold"
    change, entry = challenges.end_hold(ctx, hold)
    led = _end_of(payment, hold, ctx)
    story.happen(model.Judged(at=ctx.now, action="end", judgement=led.judgement))
    story.change(change, *led.changes)
    story.enter(entry, *led.entries)
    story.record("payment.hold_ended", {"to": led.judgement.to})
    return story.accepted(
        PaymentReply(
            payment=model.base(story.payment),
            challenge=challenges.asked(led.challenge) if led.challenge else None,
        )
    )


def _end_of(payment: Payment, hold: challenges.Hold, ctx: Context) -> Verdict:
    to: Status = _ENDS[hold.end_action]
    judgement = Judgement(
        to=to,
        assessment_id=payment.assessment_id,
        outcome=_OUTCOMES[hold.end_action],
        reason_code=payment.reason_code,
        level=payment.level if hold.end_level is None else hold.end_level,
        liability=payment.liability,
        approval_expires_at=ctx.now + APPROVAL_LASTS if to == "approved" else None,
    )
    if to == "challenge_required":
        return challenged(ctx, payment.payment_id, judgement, hold.end_any_of or ())
    return Verdict(judgement=judgement, challenge=None, hold=None, changes=(), entries=())


_OUTCOMES: Final[dict[HoldEnd, facts.Outcome]] = {
    "challenge": "challenge",
    "decline": "decline",
    "approve": "approve",
}
_ENDS: Final[dict[HoldEnd, Status]] = {
    "challenge": "challenge_required",
    "decline": "declined",
    "approve": "approved",
}
