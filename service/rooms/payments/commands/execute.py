"""ExecutePayment and IssueToken: the payment token spent once, in the commit of its effect."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Final

import msgspec

from risk.facts import Facts
from risk.lists import ListHit
from risk.strategy import Strategy
from service.db.statements import Bound, Row
from service.kernel.errors import MERCHANT_SUSPENDED, Overloaded, Problem
from service.kernel.facts import DeviceKept, Instrument
from service.rooms.assessments.public import Judge, Judged, Known, as_answered
from service.rooms.challenges import public as challenges
from service.rooms.lists import public as lists
from service.rooms.merchants import public as merchants
from service.rooms.payers import public as payers
from service.rooms.payments import contract, model, store
from service.rooms.payments.commands.create import links_of
from service.rooms.payments.commands.story import (
    Story,
    found,
    not_found,
    out_of_sequence,
    payment_key,
    payment_read,
)
from service.rooms.payments.commands.translate import judged_facts
from service.rooms.payments.commands.verdict import (
    NO_ANSWER_AFTER,
    Verdict,
    issue_token,
    token_ends_at,
    verdict,
)
from service.rooms.payments.contract import (
    Decision,
    ExecutePayment,
    IssueToken,
    PaymentFacts,
    PaymentReply,
    TokenState,
)
from service.rooms.payments.model import Payment
from service.state.entities import EntityKey
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View
from service.unit_of_work.outcome import Outcome, Refused

_REFUSED_BY_STATE: Final[dict[TokenState, Problem]] = {
    "spent": contract.PAYMENT_TOKEN_SPENT,
    "voided": contract.PAYMENT_TOKEN_VOIDED,
    "expired": contract.PAYMENT_TOKEN_EXPIRED,
}
_DECISIONS: Final[dict[str, Decision]] = {
    "approved": "go",
    "held": "hold",
    "declined": "stop",
}


def execute_payment_handler(judge: Judge) -> Handler:
    """Return the handler of ExecutePayment."""
    return Handler(
        command=ExecutePayment,
        run=partial(_execute_payment, judge),
        keys=lambda command, _call: (payment_key(command.payment_id),),
        reads=_execute_reads,
        entities=_execute_entities,
    )


def issue_token_handler(*, issuer: str) -> Handler:
    """Return the handler of IssueToken."""
    return Handler(
        command=IssueToken,
        run=partial(_issue_token, issuer),
        keys=lambda command, _call: (payment_key(command.payment_id),),
        reads=lambda command, call: (
            payment_read(call, command.payment_id),
            active_token_read(call, command.payment_id),
            merchants.settings_read(call),
        ),
        entities=lambda _command, _call: (),
    )


def _execute_payment(judge: Judge, view: View, command: ExecutePayment, ctx: Context) -> Outcome:
    payment = found(view, ctx.call, command.payment_id)
    if payment is None:
        return not_found(command.payment_id)
    if command.told is None:
        # What the front end did not see no list was looked up by. Nothing is committed, so that
        # the same request may come again; a refusal would be its answer for good.
        raise Overloaded
    if payment.status != "approved":
        return out_of_sequence(ctx, payment, "execute")
    settings = merchants.settings(view, ctx.call)
    if settings is None or not settings.is_active:
        return _token_refused(ctx, payment, MERCHANT_SUSPENDED)
    token = view.maybe(_token_read(ctx.call, command))
    refusal = _unusable(ctx, payment, token, command)
    if refusal is not None:
        return refusal
    facts = _facts(payment.facts, command, ctx.call, at=ctx.now)
    known = Known(
        preset=settings.preset,
        exemption=payment.exemption.code if payment.exemption else None,
        lists=_listed(view, payment, command, ctx, judge.strategy),
        lists_version=lists.version(view, ctx.call),
    )
    judged = judge.judge(view, facts, known, subject_id=payment.payment_id, ctx=ctx)
    return _executed(ctx, payment, command, judged)


def _facts(told: PaymentFacts, command: ExecutePayment, call: Call, *, at: dt.datetime) -> Facts:
    return judged_facts(
        msgspec.structs.replace(told, device=_device(told, command)),
        stage="in_flight",
        occurred_at=at,
        amount=command.amount,
        merchant_id=call.merchant_id,
    )


def _device(told: PaymentFacts, command: ExecutePayment) -> DeviceKept | None:
    """Return the device of the payment's creation, and over it what it says of itself now.

    Since the payment was made a call may have begun; but what is left out now, as most of it may
    be, was true when it was told.
    """
    if told.device is None or command.device is None:
        return command.device or told.device
    # No address is an empty tuple, everything else that is not told is None.
    said = {k: v for k, v in msgspec.structs.asdict(command.device).items() if v not in {None, ()}}
    return msgspec.structs.replace(told.device, **said)


def _listed(
    view: View, payment: Payment, command: ExecutePayment, ctx: Context, strategy: Strategy
) -> tuple[ListHit, ...]:
    """Return the entries that stand now: one may have come since the payment was made."""
    assert command.told == payment.facts, "what a payment was told with never changes"
    found = {
        hit.list_id: hit
        for facts in _looked_up(payment.facts, command, ctx.call)
        for hit in lists.hits(view, ctx.call, facts, now=ctx.now, strategy=strategy)
    }
    return tuple(found.values())


def _looked_up(told: PaymentFacts, command: ExecutePayment, call: Call) -> list[Facts]:
    """Return by what lists are looked up: the device as it is now, and as it was at creation.

    Whoever goes on from another address still comes from the first. The time is that of the
    creation: it is no key, and when reads are declared that of the execution is not known yet.
    """
    now = _facts(told, command, call, at=told.occurred_at)
    then = _facts(told, msgspec.structs.replace(command, device=None), call, at=told.occurred_at)
    return [now] if now == then else [now, then]


def _executed(ctx: Context, payment: Payment, command: ExecutePayment, judged: Judged) -> Outcome:
    """Return go, hold or stop; each uses the token up."""
    led = verdict(ctx, payment.payment_id, judged, reviews_before_capture=False)
    decision = _DECISIONS[led.judgement.to]
    story = Story(ctx, payment)
    body = model.Executed(
        at=ctx.now,
        jti=command.claims.jti,
        decision=decision,
        amount_minor=command.amount.value,
        assessment_id=judged.id,
        no_answer_at=ctx.now + NO_ANSWER_AFTER if decision == "go" else None,
        judgement=None if decision == "go" else led.judgement,
    )
    story.happen(body)
    token = {
        "tenant_id": payment.tenant_id,
        "jti": command.claims.jti,
        "payment_id": payment.payment_id,
        "now": ctx.now,
    }
    spend = store.SPEND_TOKEN if decision == "go" else store.VOID_TOKEN
    story.change(spend(**token), *judged.changes)
    story.enter(judged.entry)
    story.record(
        "payment.executed",
        {"decision": decision, "amount_minor": command.amount.value, "currency": payment.currency},
        strategy=judged.assessment.strategy,
    )
    if decision != "go":
        story.change(*led.changes)
        story.enter(*led.entries)
    elif payment.facts.payer.payer_id is not None:
        payer_id = payment.facts.payer.payer_id
        story.change(
            *(
                payers.link_change(ctx, payer_id, to, level_proved=0)
                for to in links_of(payment.facts)
            )
        )
    return story.accepted(_execute_reply(story, judged, led, decision))


def _execute_reply(story: Story, judged: Judged, led: Verdict, decision: Decision) -> PaymentReply:
    goes = decision == "go"
    return PaymentReply(
        payment=model.base(story.payment),
        judged=as_answered(judged.id, judged.assessment),
        hold=challenges.held(led.hold) if led.hold else None,
        token_state="spent" if goes else "voided",
        decision=decision,
    )


def _unusable(
    ctx: Context, payment: Payment, token: Row | None, command: ExecutePayment
) -> Refused | None:
    """Return why a token does not allow this execution, or None."""
    # Whoever stole the key that signs still cannot widen a token: what counts is what we stored.
    if token is None or command.claims != store.claims_of(token):
        return _token_refused(ctx, payment, contract.PAYMENT_TOKEN_INVALID)
    state = model.token_state(token, now=ctx.now)
    if state != "active":
        return _token_refused(ctx, payment, _REFUSED_BY_STATE[state])
    differs = _differences(payment, command)
    if not differs:
        return None
    story = Story(ctx, payment)
    # Whoever holds a token for something else must not try again with it.
    story.change(
        store.VOID_TOKEN(
            tenant_id=payment.tenant_id,
            jti=command.claims.jti,
            payment_id=payment.payment_id,
            now=ctx.now,
        )
    )
    problem = contract.PAYMENT_TOKEN_MISMATCH
    story.record(
        "payment.token_refused", {"problem": problem.code, "differs": differs}, outcome="failure"
    )
    return story.refused(problem, fields={"differs": differs})


def _differences(payment: Payment, command: ExecutePayment) -> list[str]:
    """Return what is executed otherwise than the token says; less than a maximum is allowed.

    Where the payee's account is named, it is the one that was judged: money goes to an account,
    whatever the payee is called. So is what is told of an instrument, which need not have an id.
    """
    claims = command.claims
    (allowed,) = claims.authorization_details
    instrument = command.instrument.instrument_id if command.instrument else None
    device = command.device.device_id if command.device else None
    amount = command.amount
    is_within = (
        amount.value <= allowed.amount
        if allowed.amount_is == "maximum"
        else amount.value == allowed.amount
    )
    same: dict[str, bool] = {
        "amount": is_within and amount.currency == allowed.currency,
        "payee": command.payee.payee_id == allowed.payee
        and command.payee.account in {None, payment.facts.payee.account},
        "instrument": instrument == allowed.instrument
        and _is_as_judged(command.instrument, payment.facts.instrument),
        "device": device == claims.device,
        "order": command.order_digest == allowed.order,
    }
    return [name for name, is_same in same.items() if not is_same]


def _is_as_judged(told: Instrument | None, judged: Instrument | None) -> bool:
    """Say whether nothing else is told of an instrument than what was judged of it."""
    return all(
        getattr(told, name, None) in {None, getattr(judged, name, None)}
        for name in ("type", "network", "funding", "bin", "issuer_country")
    )


def _token_refused(ctx: Context, payment: Payment, problem: Problem) -> Refused:
    story = Story(ctx, payment)
    story.record("payment.token_refused", {"problem": problem.code}, outcome="failure")
    return story.refused(problem)


def _issue_token(issuer: str, view: View, command: IssueToken, ctx: Context) -> Outcome:
    """Void the token that there is and issue another over the same facts."""
    payment = found(view, ctx.call, command.payment_id)
    if payment is None:
        return not_found(command.payment_id)
    if payment.facts.is_replayed:
        return _token_refused(ctx, payment, contract.PAYMENT_REPLAYED)
    if payment.status != "approved" or token_ends_at(payment, now=ctx.now) <= ctx.now:
        return out_of_sequence(ctx, payment, "token")
    settings = merchants.settings(view, ctx.call)
    if settings is None or not settings.is_active:
        return _token_refused(ctx, payment, MERCHANT_SUSPENDED)
    story = Story(ctx, payment)
    active = view.maybe(active_token_read(ctx.call, payment.payment_id))
    if active is not None:
        story.change(end_token(active, now=ctx.now))
    claims = issue_token(story, ctx, issuer=issuer)
    story.record("payment.token_issued", {"voided": active is not None})
    state: TokenState = "active"
    return story.accepted(
        PaymentReply(payment=model.base(story.payment), token=claims, token_state=state)
    )


def end_token(active: Row, *, now: dt.datetime) -> Bound:
    """Return the change that ends an active token: expired by its time, else voided."""
    is_over = model.token_state(active, now=now) == "expired"
    statement = store.EXPIRE_TOKEN if is_over else store.VOID_TOKEN
    return statement(
        tenant_id=active["tenant_id"],
        jti=active["jti"],
        payment_id=active["payment_id"],
        now=now,
    )


def active_token_read(call: Call, payment_id: str) -> Bound:
    """Return the read of a payment's one active token."""
    return store.ACTIVE_TOKEN(tenant_id=call.tenant_id, payment_id=payment_id)


def _token_read(call: Call, command: ExecutePayment) -> Bound:
    return store.TOKEN_BY_JTI(
        tenant_id=call.tenant_id, payment_id=command.payment_id, jti=command.claims.jti
    )


def _execute_reads(command: ExecutePayment, call: Call) -> Sequence[Bound]:
    reads = [
        payment_read(call, command.payment_id),
        _token_read(call, command),
        merchants.settings_read(call),
    ]
    if command.told is not None:
        looked_up = _looked_up(command.told, command, call)
        reads += [lists.hits_read(call, facts) for facts in looked_up]
        reads.append(lists.version_read(call))
    return reads


def _execute_entities(command: ExecutePayment, call: Call) -> Sequence[EntityKey]:
    """Return the entities of the payment, which the token names."""
    named = [("payer", command.claims.sub)]
    if command.claims.device is not None:
        named.append(("device", command.claims.device))
    return [EntityKey(call.tenant_id, call.mode, kind, key) for kind, key in named]
