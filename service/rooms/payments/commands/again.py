"""JudgeAgain: what was stopped for want of a score is judged once more when the scorer is back.

It is judged by the features that it was first judged by: what came since, itself included, is no
part of what it was. What stands in other rooms' rows is taken as it is now, so that a payee who was
blocked meanwhile stays blocked.
"""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from service.kernel.answers import HoldEnd
from service.kernel.errors import PAYMENT_NOT_FOUND
from service.rooms.assessments import public as assessments
from service.rooms.assessments.public import Judge, Judged
from service.rooms.challenges import public as challenges
from service.rooms.merchants import public as merchants
from service.rooms.merchants.public import MerchantSettings
from service.rooms.payments import model, moves
from service.rooms.payments.commands.create import facts_of, known_of
from service.rooms.payments.commands.story import Story, found, not_found, payment_key
from service.rooms.payments.commands.verdict import Verdict, reviews_before_capture, verdict
from service.rooms.payments.contract import JudgeAgain, PaymentReply
from service.rooms.payments.model import Judgement, Payment
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Change, Entry, Outcome, Refused

JUDGED_AGAIN: Final = "payment.judged_again"
# As long as the ladder has a payment held: by then its hold has mostly ended of itself.
GIVEN_UP_AFTER: Final = dt.timedelta(hours=24)
_STRICTNESS: Final[dict[HoldEnd, int]] = {"approve": 0, "challenge": 1, "decline": 2}


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
    owed = view.maybe(assessments.again_read(ctx.call, command.assessment_id))
    spent = assessments.spend_again(ctx.call, command.assessment_id, now=ctx.now)
    if payment is None:
        return not_found(command.payment_id) if owed is None else _nobodys(command, spent)
    story = Story(ctx, payment)
    reply = PaymentReply(payment=model.base(payment))
    if owed is None:
        story.record(JUDGED_AGAIN, {"result": "done_before"})
        return story.accepted(reply)
    has_moved = payment.assessment_id != command.assessment_id or isinstance(
        moves.move(payment.status, "judge_again", payment.status), moves.NotAllowed
    )
    settings = merchants.settings(view, ctx.call)
    if has_moved or settings is None or not settings.is_active:
        story.change(spent)
        story.record(JUDGED_AGAIN, {"result": "moved_on"})
        return story.accepted(reply)
    judged = _judged(judge, view, payment, settings, ctx) if judge.is_scoring else None
    if judged is None or judged.lacks_score:
        # It went again, or has no time or no score for this one: the row stays as it is, and is
        # looked at again. Once it is too old, or a model decides that scores nobody's money, what
        # was said without a score stands.
        is_over = judge.is_refused(ctx.call) or owed["judged_at"] + GIVEN_UP_AFTER <= ctx.now
        if is_over:
            story.change(spent)
        story.record(
            JUDGED_AGAIN, {"result": "given_up" if is_over else "no_score"}, outcome="failure"
        )
        return story.accepted(reply)
    story.change(spent)
    return _led(story, view, judged, settings, ctx)


def _nobodys(command: JudgeAgain, spent: Change) -> Refused:
    """Return the refusal for what is no payment: its row is spent, so that it is asked once."""
    entry = Entry(
        kind=JUDGED_AGAIN,
        subject=command.payment_id,
        outcome="failure",
        fields={"result": "moved_on", "problem": PAYMENT_NOT_FOUND.code},
    )
    return Refused(problem=PAYMENT_NOT_FOUND, entries=(entry,), changes=(spent,))


def _judged(
    judge: Judge, view: View, payment: Payment, settings: MerchantSettings, ctx: Context
) -> Judged:
    """Judge a payment by the features of then and by what other rooms' rows say now."""
    told = payment.facts
    facts = facts_of(told, ctx.call)
    known = known_of(view, told, facts, ctx, settings, judge.strategy)
    known = msgspec.structs.replace(
        known, features=judge.first_features(view, ctx.call, payment.payment_id)
    )
    return judge.judge(view, facts, known, subject_id=payment.payment_id, ctx=ctx)


def _led(
    story: Story, view: View, judged: Judged, settings: MerchantSettings, ctx: Context
) -> Outcome:
    """Lead a payment to where its new judgement says; what it asked for already goes on."""
    payment = story.payment
    hold = challenges.active_hold(view, ctx.call, "payment", payment.payment_id)
    led = verdict(
        ctx,
        payment.payment_id,
        judged,
        reviews_before_capture=reviews_before_capture(settings, payment.facts.kind),
        held_until=None if hold is None else hold.ends_at,
    )
    if led.judgement.to == payment.status and not _asks_more(payment, hold, led):
        kept = _kept(payment, led.judgement)
        story.happen(model.Judged(at=ctx.now, action="judge_again", judgement=kept))
        story.change(judged.changes[0])
        result = "stays"
    else:
        _end_what_is_open(story, view, ctx, hold)
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


def _asks_more(payment: Payment, hold: challenges.Hold | None, led: Verdict) -> bool:
    """Say whether a payment that stays where it is has more to prove than it was asked for."""
    if hold is not None and led.hold is not None:
        return _end_of(led.hold) > _end_of(hold)
    is_challenged = payment.status == "challenge_required"
    return is_challenged and (led.judgement.level or 0) > (payment.level or 0)


def _end_of(hold: challenges.Hold) -> tuple[int, int]:
    """Return how strict a hold's end is; greater is stricter."""
    return _STRICTNESS[hold.end_action], hold.end_level or 0


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


def _end_what_is_open(story: Story, view: View, ctx: Context, hold: challenges.Hold | None) -> None:
    payment_id = story.payment.payment_id
    challenge = challenges.open_challenge(view, ctx.call, "payment", payment_id)
    if challenge is not None:
        change, entry = challenges.cancel_challenge(ctx, challenge)
        story.change(change)
        story.enter(entry)
    if hold is not None:
        change, entry = challenges.lift_hold(ctx, hold)
        story.change(change)
        story.enter(entry)
