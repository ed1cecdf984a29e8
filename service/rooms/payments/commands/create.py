"""CreatePayment: a payment is taken in and judged, and leaves with a token, challenge or hold."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from risk.facts import Facts, Forced, Stage
from risk.strategy import Strategy
from service.db.statements import Bound
from service.kernel.errors import (
    MERCHANT_SUSPENDED,
    OCCURRED_AT_OUT_OF_RANGE,
    FieldError,
    Problem,
)
from service.kernel.facts import EARLY_MAX, LATE_MAX
from service.rooms.assessments.public import (
    FORCED,
    Judge,
    Judged,
    Known,
    Touched,
    as_answered,
    last_change,
    last_change_read,
)
from service.rooms.challenges import public as challenges
from service.rooms.lists import public as lists
from service.rooms.merchants import public as merchants
from service.rooms.merchants.public import MerchantSettings
from service.rooms.payers import public as payers
from service.rooms.payments import contract, model, store
from service.rooms.payments.commands.story import Story, payment_read
from service.rooms.payments.commands.translate import judged_facts
from service.rooms.payments.commands.verdict import (
    Verdict,
    issue_token,
    reviews_before_capture,
    verdict,
)
from service.rooms.payments.contract import CreatePayment, PaymentFacts, PaymentReply
from service.state.entities import EntityKey
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View
from service.unit_of_work.outcome import Entry, Outcome, Refused


def create_payment_handler(judge: Judge, *, issuer: str) -> Handler:
    """Return the handler of CreatePayment."""
    return Handler(
        command=CreatePayment,
        run=partial(_create_payment, judge, issuer),
        keys=partial(_keys, judge),
        reads=partial(_reads, judge),
        entities=partial(_entities, judge),
    )


def _create_payment(
    judge: Judge, issuer: str, view: View, command: CreatePayment, ctx: Context
) -> Outcome:
    told = command.facts
    settings = merchants.settings(view, ctx.call)
    refusal = _not_taken(view, told, ctx, settings)
    if refusal is not None:
        return refusal
    assert settings is not None
    payment_id = ctx.new_id("pay")
    facts = facts_of(told, ctx.call)
    known = known_of(view, told, facts, ctx, settings, judge.strategy)
    judged = judge.judge(view, facts, known, subject_id=payment_id, ctx=ctx)
    led = verdict(
        ctx,
        payment_id,
        judged,
        reviews_before_capture=reviews_before_capture(settings, told.kind),
    )
    if not told.is_replayed:
        # Entries count by the writer's clock, and what is replayed happened at another time.
        listed = lists.by_rules(judge.strategy, judged, facts, known.lists, ctx)
        led = replace(
            led,
            changes=(*led.changes, *listed.changes),
            entries=(*led.entries, *listed.entries),
        )
    return _created(ctx, payment_id, told, judged, led, issuer=issuer)


def _created(
    ctx: Context,
    payment_id: str,
    told: PaymentFacts,
    judged: Judged,
    led: Verdict,
    *,
    issuer: str,
) -> Outcome:
    story = Story(ctx, None)
    created = model.Created(
        at=ctx.now,
        tenant_id=ctx.call.tenant_id,
        payment_id=payment_id,
        merchant_id=ctx.call.merchant_id,
        mode=ctx.call.mode,
        facts=told,
        judgement=led.judgement,
    )
    story.happen(created, judged.observations)
    story.change(*judged.changes, *led.changes)
    # The first entry is the judgement's: its receipt goes out with the answer.
    story.enter(judged.entry)
    story.record(
        "payment.created",
        {
            "status": led.judgement.to,
            "amount_minor": told.amount.value,
            "currency": told.amount.currency,
            "kind": told.kind,
            **({"replayed": True} if told.is_replayed else {}),
        },
        strategy=judged.assessment.strategy,
    )
    story.enter(*led.entries)
    claims = None
    if story.payment.status == "approved" and not told.is_replayed:
        claims = issue_token(story, ctx, issuer=issuer)
    return story.accepted(
        PaymentReply(
            payment=model.base(story.payment),
            judged=as_answered(judged.id, judged.assessment),
            challenge=challenges.asked(led.challenge) if led.challenge else None,
            hold=challenges.held(led.hold) if led.hold else None,
            token=claims,
            token_state="active" if claims else None,
        )
    )


def _stage(told: PaymentFacts) -> Stage:
    return "payout" if told.kind == "payout" else "pre_payment"


def facts_of(told: PaymentFacts, call: Call) -> Facts:
    """Return a payment as risk judges it before it is made."""
    return judged_facts(
        told,
        stage=_stage(told),
        occurred_at=told.occurred_at,
        amount=told.amount,
        merchant_id=call.merchant_id,
    )


def known_of(
    view: View,
    told: PaymentFacts,
    facts: Facts,
    ctx: Context,
    settings: MerchantSettings,
    strategy: Strategy,
) -> Known:
    """Return what the rows of merchant and payer say; what is not known makes nothing milder."""
    limits = settings.limits.get(told.amount.currency)
    forced: Forced | None = None
    if ctx.call.mode == "sandbox":
        forced = FORCED.get(told.payee.payee_id)
    base: dict[str, Any] = {
        "preset": settings.preset,
        "forced": forced,
        "small_limit_minor": limits.small_minor if limits else None,
        "merchant_limit_minor": limits.challenge_minor if limits else None,
        "payee_is_new": payers.payee_is_new(told.payee.added_at, None, now=ctx.now),
        "lists": lists.hits(view, ctx.call, facts, now=ctx.now, strategy=strategy),
        "lists_version": lists.version(view, ctx.call),
    }
    if told.kind == "payout":
        base["credentials_changed_at"] = last_change(view, ctx.call, told.payer.payer_key)
    payer_id = told.payer.payer_id
    if payer_id is None:
        return Known(**base)
    profile = payers.profile(view, ctx.call, payer_id)
    links = payers.links(view, ctx.call, payer_id, _judged_links(told))
    payee = links.get("payee")
    base["payee_is_new"] = payers.payee_is_new(told.payee.added_at, payee, now=ctx.now)
    return Known(
        **base,
        has_small_consent=profile.has_small_consent,
        is_protected=profile.is_protected,
        protected_small_allowed=profile.is_protected_small_allowed,
        device_is_known=payers.device_is_known(links.get("device"), now=ctx.now),
    )


def links_of(told: PaymentFacts) -> list[payers.LinkTo]:
    """Return what a payment connects its payer with."""
    links = [payers.LinkTo("payee", told.payee.payee_id)]
    if told.device is not None and told.device.device_id is not None:
        links.append(payers.LinkTo("device", told.device.device_id))
    if told.instrument is not None and told.instrument.instrument_id is not None:
        links.append(payers.LinkTo("instrument", told.instrument.instrument_id))
    return links


def _judged_links(told: PaymentFacts) -> list[payers.LinkTo]:
    """Return the links that judging looks at: nothing asks yet since when an instrument paid."""
    return [to for to in links_of(told) if to.kind != "instrument"]


def _not_taken(
    view: View, told: PaymentFacts, ctx: Context, settings: MerchantSettings | None
) -> Refused | None:
    """Return why a payment is not taken in at all, or None."""
    if settings is None or not settings.is_active:
        return _refused(MERCHANT_SUSPENDED)
    wrong = _untimely(told, ctx)
    if wrong is not None:
        error = FieldError("/occurred_at", OCCURRED_AT_OUT_OF_RANGE.code, wrong)
        return _refused(OCCURRED_AT_OUT_OF_RANGE, errors=(error,))
    if told.reference is not None:
        taken = view.maybe(_reference_read(ctx.call, told.reference))
        if taken is not None:
            return _refused(contract.REFERENCE_TAKEN, fields={"payment_id": taken["payment_id"]})
    missing = tuple(
        FieldError(f"/{name}", contract.PARENT_NOT_FOUND.code)
        for name, other in _others(told)
        if view.maybe(payment_read(ctx.call, other)) is None
    )
    return _refused(contract.PARENT_NOT_FOUND, errors=missing) if missing else None


def _untimely(told: PaymentFacts, ctx: Context) -> str | None:
    """Return what to say of a time that no payment may have now, or None."""
    # The scope is for the sandbox alone; a live key that had it all the same gains nothing by it.
    if told.is_replayed and ctx.call.mode == "sandbox":
        is_early = told.occurred_at > ctx.now + EARLY_MAX
        return "Give a time up to 2 minutes ahead." if is_early else None
    if ctx.now - LATE_MAX <= told.occurred_at <= ctx.now + EARLY_MAX:
        return None
    return "Give a time from 24 hours ago to 2 minutes ahead."


def _refused(
    problem: Problem,
    *,
    fields: dict[str, Any] | None = None,
    errors: tuple[FieldError, ...] = (),
) -> Refused:
    is_reference = problem is contract.REFERENCE_TAKEN
    entry = Entry(
        kind="payment.reference_taken" if is_reference else "payment.not_taken",
        subject=str((fields or {}).get("payment_id", problem.code)),
        outcome="failure",
        fields={"problem": problem.code},
    )
    return Refused(problem=problem, fields=fields or {}, errors=errors, entries=(entry,))


def _others(told: PaymentFacts) -> list[tuple[str, str]]:
    named = (("parent_id", told.parent_id), ("retry_of", told.retry_of))
    return [(name, other) for name, other in named if other is not None]


def _reference_read(call: Call, reference: str) -> Bound:
    return store.PAYMENT_BY_REFERENCE(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        reference=reference,
    )


def _touched(told: PaymentFacts, call: Call) -> Touched:
    instrument, device = told.instrument, told.device
    shipping = told.order.shipping if told.order else None
    return Touched(
        stage=_stage(told),
        payer_key=told.payer.payer_key,
        instrument_id=instrument.instrument_id if instrument else None,
        device_id=device.device_id if device else None,
        currency=told.amount.currency,
        payee_id=told.payee.payee_id,
        merchant_id=call.merchant_id,
        email_key=told.payer.email_key,
        phone_key=told.payer.phone_key,
        instrument_bin=instrument.bin if instrument else None,
        shipping_address_id=shipping.address_id if shipping else None,
        ip_keys=device.ip_keys if device else (),
    )


def _keys(judge: Judge, command: CreatePayment, call: Call) -> Sequence[str]:
    told = command.facts
    keys = judge.keys(_touched(told, call), call)
    if told.reference is not None:
        keys.append(f"reference:{call.tenant_id}:{call.merchant_id}:{call.mode}:{told.reference}")
    if told.payer.payer_id is not None:
        keys.append(payers.payer_key(call, told.payer.payer_id))
    return keys


def _reads(judge: Judge, command: CreatePayment, call: Call) -> Sequence[Bound]:
    told = command.facts
    reads = [
        merchants.settings_read(call),
        lists.hits_read(call, facts_of(told, call)),
        lists.version_read(call),
        *judge.reads(_touched(told, call), call),
    ]
    if told.kind == "payout":
        reads.append(last_change_read(call, told.payer.payer_key))
    if told.reference is not None:
        reads.append(_reference_read(call, told.reference))
    reads += [payment_read(call, other) for _, other in _others(told)]
    payer_id = told.payer.payer_id
    if payer_id is not None:
        reads.append(payers.payer_read(call, payer_id))
        reads.append(payers.links_read(call, payer_id, _judged_links(told)))
    return reads


def _entities(judge: Judge, command: CreatePayment, call: Call) -> Sequence[EntityKey]:
    return judge.entities(_touched(command.facts, call), call)
