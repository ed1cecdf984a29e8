"""RecordLabel: what a payment turned out to be, kept once for each name of a source. Pure."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from risk.windows import second_of
from service.db.statements import Bound
from service.kernel.errors import PAYMENT_NOT_FOUND, FieldError, Problem
from service.rooms.assessments import public as assessments
from service.rooms.assessments.public import Judge
from service.rooms.labels import model, store
from service.rooms.labels.contract import KNOWN_AT_OUT_OF_RANGE, LABEL_TAKEN, Label, RecordLabel
from service.rooms.payers import public as payers
from service.rooms.payments import public as payments
from service.state.entities import EntityKey, Observation, Told
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Outcome, Refused

NORMAL: Final = "normal"


def _keys(command: RecordLabel, call: Call) -> Sequence[str]:
    owner = f"{call.tenant_id}:{call.merchant_id}:{call.mode}"
    # One label of a payment a batch: each must see what those before it said.
    return (
        f"label:{owner}:{command.source}:{command.external_id}",
        f"labels of:{command.payment_id}",
    )


def _name_read(command: RecordLabel, call: Call) -> Bound:
    return store.LABEL_BY_NAME(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        source=command.source,
        external_id=command.external_id,
    )


def _labels_read(command: RecordLabel, call: Call) -> Bound:
    return store.LABELS_OF(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        payment_id=command.payment_id,
    )


def _reads(judge: Judge, command: RecordLabel, call: Call) -> Sequence[Bound]:
    return (
        _name_read(command, call),
        payments.payment_read(call, command.payment_id),
        _labels_read(command, call),
        judge.normal_read(call, command.payment_id),
        assessments.owed_read(call, command.payment_id),
    )


def _entities(command: RecordLabel, call: Call) -> Sequence[EntityKey]:
    return [EntityKey(call.tenant_id, call.mode, kind, key) for kind, key in command.touches]


def handlers(judge: Judge) -> tuple[Handler, ...]:
    """Return the room's handlers.

    Args:
        judge: Knows whether a payment's amount was normal for its payer.
    """
    return (
        Handler(
            command=RecordLabel,
            run=partial(_record_label, judge),
            keys=_keys,
            reads=partial(_reads, judge),
            entities=_entities,
        ),
    )


def _record_label(judge: Judge, view: View, command: RecordLabel, ctx: Context) -> Outcome:
    """Keep a label, unless its name says something else already."""
    row = view.maybe(_name_read(command, ctx.call))
    if row is not None:
        return _again(model.shown(row), command)
    payment = payments.told(view, ctx.call, command.payment_id)
    if payment is None:
        return _refused(PAYMENT_NOT_FOUND, command.payment_id)
    # A payment may be dated a little ahead; what is said of it is known no earlier.
    known_at = command.known_at or max(ctx.now, payment.occurred_at)
    if command.known_at and not payment.occurred_at <= known_at <= ctx.now:
        detail = "Give a time from the payment's own until now."
        error = FieldError("/known_at", KNOWN_AT_OUT_OF_RANGE.code, detail)
        return _refused(KNOWN_AT_OUT_OF_RANGE, command.payment_id, errors=(error,))
    told: dict[str, Any] = {
        "payment_id": command.payment_id,
        "intent": command.intent,
        "source": command.source,
        "external_id": command.external_id,
        "known_at": known_at,
    }
    row = {
        "tenant_id": ctx.call.tenant_id,
        "label_id": ctx.new_id("lab"),
        "merchant_id": ctx.call.merchant_id,
        "mode": ctx.call.mode,
        **told,
        "recorded_at": ctx.now,
    }
    shown = model.shown(row)
    event = Event(
        type=model.EVENT_TYPE,
        subject_id=shown.id,
        occurred_at=known_at,
        body=model.Labelled(**told),
        observations=_observed(judge, view, command, ctx, payment, known_at),
    )
    ended: tuple[Change, ...] = ()
    if command.intent != NORMAL:
        # What is known to be fraud stays stopped, whatever a score would say of it.
        ended = (
            *assessments.end_again(view, ctx.call, command.payment_id, now=ctx.now),
            *_doubted(payment, ctx.call, known_at),
        )
    return Accepted(
        reply=shown,
        entries=(_entry("label.recorded", shown),),
        changes=(Change(bound=store.INSERT_LABEL(**row)), *ended),
        events=(event,),
    )


def _doubted(payment: payments.Told, call: Call, known_at: dt.datetime) -> tuple[Change, ...]:
    """Return what ends that the payer's device, payee and instrument count as known."""
    payer_id = payment.payer_id
    if payer_id is None:
        return ()
    return tuple(payers.fraud_change(call, payer_id, to, known_at=known_at) for to in payment.links)


def _observed(
    judge: Judge,
    view: View,
    command: RecordLabel,
    ctx: Context,
    payment: payments.Told,
    known_at: dt.datetime,
) -> tuple[Observation, ...]:
    """Return what all labels of the payment say together, also where all say normal."""
    assert command.touches == payment.touched, "the front end read the same payment"
    rows = reversed(view.rows(_labels_read(command, ctx.call)))
    said = [(row["known_at"], row["intent"] != NORMAL) for row in rows]
    # Of one time the label that was told last counts, and that is this one. States know seconds
    # only; the order within one is that of the labels' own times, as it is wherever they are read.
    said.append((known_at, command.intent != NORMAL))
    said.sort(key=lambda one: one[0])
    told = Told(
        payment_id=command.payment_id,
        said=tuple((second_of(at), is_fraud) for at, is_fraud in said),
        was_normal=judge.was_normal(view, ctx.call, command.payment_id),
    )
    at = payment.occurred_at
    return tuple(
        Observation(kind=kind, key=key, at=at, amount_minor=0, currency="", told=told)
        for kind, key in payment.touched
    )


def _again(first: Label, command: RecordLabel) -> Outcome:
    """Return the answer of the first label of a name, if this one says the same."""
    same = (first.payment_id, first.intent) == (command.payment_id, command.intent)
    if not same or command.known_at not in {None, first.known_at}:
        return _refused(LABEL_TAKEN, first.payment_id, fields={"label_id": first.id})
    return Accepted(reply=first, entries=(_entry("label.repeated", first),))


def _entry(kind: str, label: Label) -> Entry:
    fields = {
        "intent": label.intent,
        "source": label.source,
        "external_id": label.external_id,
        "known_at": label.known_at.isoformat(),
    }
    return Entry(kind=kind, subject=label.id, payment=label.payment_id, fields=fields)


def _refused(
    problem: Problem,
    payment_id: str,
    *,
    fields: dict[str, Any] | None = None,
    errors: tuple[FieldError, ...] = (),
) -> Refused:
    entry = Entry(
        kind="label.refused",
        subject=payment_id,
        outcome="failure",
        fields={"problem": problem.code},
    )
    return Refused(problem=problem, fields=fields or {}, errors=errors, entries=(entry,))
