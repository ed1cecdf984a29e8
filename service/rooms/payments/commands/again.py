"""JudgeAgain: what was stopped for want of a score is judged once more when the scorer is back.

It is judged by the features that it was first judged by: what came since, itself included, is no
part of what it was. What stands in other rooms' rows is taken as it is now, so that a payee who was
blocked meanwhile stays blocked.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from service.rooms.assessments import public as assessments
from service.rooms.assessments.public import Judge, Judged
from service.rooms.challenges import public as challenges
from service.rooms.merchants import public as merchants
from service.rooms.payments import model, moves
from service.rooms.payments.commands.create import facts_of, known_of
from service.rooms.payments.commands.story import Story, found, not_found, payment_key
from service.rooms.payments.commands.verdict import Verdict, reviews_before_capture, verdict
from service.rooms.payments.contract import JudgeAgain, PaymentReply
from service.rooms.payments.model import Judgement, Payment
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Outcome

JUDGED_AGAIN: Final = "payment.judged_again"


def judge_again_handler(judge: Judge) -> Handler:
    """Return the handler of JudgeAgain; it runs alone, as it reads by what the payment says."""
    return Handler(
        command=JudgeAgain,
        run=partial(_judge_again, judge),
        keys=_keys,
        reads=None,
        entities=no_entities,
    )


def _keys(command: JudgeAgain, _call: Call) -> Sequence[str]:
    return (payment_key(command.payment_id),)


def _judge_again(judge: Judge, view: View, command: JudgeAgain, ctx: Context) -> Outcome:
    payment = found(view, ctx.call, command.payment_id)
    if payment is None:
        return not_found(command.payment_id)
    story = Story(ctx, payment)
    reply = PaymentReply(payment=model.base(payment))
    if view.maybe(assessments.again_read(ctx.call, command.assessment_id)) is None:
        story.record(JUDGED_AGAIN, {"result": "done_before"})
        return story.accepted(reply)
    has_moved = payment.assessment_id != command.assessment_id or isinstance(
        moves.move(payment.status, "judge_again", payment.status), moves.NotAllowed
    )
    settings = merchants.settings(view, ctx.call)
    if not has_moved and not judge.is_scoring:
        # It went again; the row stays as it is, and is looked at when the scorer is back.
        story.record(JUDGED_AGAIN, {"result": "no_score"}, outcome="failure")
        return story.accepted(reply)
    story.change(assessments.spend_again(ctx.call, command.assessment_id, now=ctx.now))
    if has_moved or settings is None or not settings.is_active:
        story.record(JUDGED_AGAIN, {"result": "moved_on"})
        return story.accepted(reply)
    told = payment.facts
    facts = facts_of(told, ctx.call)
    known = known_of(view, told, facts, ctx, settings)
    known = msgspec.structs.replace(
        known, features=judge.first_features(view, ctx.call, payment.payment_id)
    )
    judged = judge.judge(view, facts, known, subject_id=payment.payment_id, ctx=ctx)
    defers = reviews_before_capture(settings, told.kind)
    led = verdict(ctx, payment.payment_id, judged, reviews_before_capture=defers)
    return _led(story, view, judged, led, ctx)


def _led(story: Story, view: View, judged: Judged, led: Verdict, ctx: Context) -> Outcome:
    """Lead a payment to where its new judgement says; what it asked for already goes on."""
    payment = story.payment
    if led.judgement.to == payment.status and not _asks_more(payment, led):
        kept = _kept(payment, led.judgement)
        story.happen(model.Judged(at=ctx.now, action="judge_again", judgement=kept))
        story.change(judged.changes[0])
        result = "stays"
    else:
        _end_what_is_open(story, view, ctx)
        story.happen(model.Judged(at=ctx.now, action="judge_again", judgement=led.judgement))
        story.change(*judged.changes, *led.changes)
        result = "moved"
    story.enter(judged.entry)
    if result == "moved":
        story.enter(*led.entries)
    story.record(
        JUDGED_AGAIN,
        {"result": result, "from": payment.status, "to": story.payment.status},
        strategy=judged.assessment.strategy,
    )
    return story.accepted(PaymentReply(payment=model.base(story.payment)))


def _asks_more(payment: Payment, led: Verdict) -> bool:
    """Say whether a payment that is challenged is to prove more than it was asked for."""
    is_challenged = payment.status == "challenge_required"
    return is_challenged and (led.judgement.level or 0) > (payment.level or 0)


def _kept(payment: Payment, judgement: Judgement) -> Judgement:
    """Return a new judgement with the challenge or hold that a payment has, and its end."""
    is_held = payment.status == "held"
    return msgspec.structs.replace(
        judgement,
        level=judgement.level if is_held else payment.level,
        challenge_id=payment.challenge_id,
        challenge_expires_at=None if is_held else payment.timer_at,
        hold_id=payment.hold_id,
        hold_ends_at=payment.timer_at if is_held else None,
    )


def _end_what_is_open(story: Story, view: View, ctx: Context) -> None:
    payment_id = story.payment.payment_id
    challenge = challenges.open_challenge(view, ctx.call, "payment", payment_id)
    if challenge is not None:
        change, entry = challenges.cancel_challenge(ctx, challenge)
        story.change(change)
        story.enter(entry)
    hold = challenges.active_hold(view, ctx.call, "payment", payment_id)
    if hold is not None:
        change, entry = challenges.lift_hold(ctx, hold)
        story.change(change)
        story.enter(entry)
