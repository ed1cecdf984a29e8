"""ReportEvent: what happened in the world. Never refused for its order."""

from collections.abc import Sequence
from typing import Final

from service.db.statements import Bound
from service.kernel.errors import FieldError, Problem
from service.rooms.payments import contract, model, store
from service.rooms.payments.commands.story import (
    Story,
    found,
    not_found,
    payment_key,
    payment_read,
)
from service.rooms.payments.contract import EventReply, ReportEvent
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Outcome


def _keys(command: ReportEvent, _call: Call) -> Sequence[str]:
    return (payment_key(command.payment_id),)


def _reads(command: ReportEvent, call: Call) -> Sequence[Bound]:
    return (payment_read(call, command.payment_id), _reported_read(command, call))


@handles(ReportEvent, keys=_keys, reads=_reads)
def report_event(view: View, command: ReportEvent, ctx: Context) -> Outcome:
    """Add an event's amounts, move the status where the table has the move, and remember both."""
    payment = found(view, ctx.call, command.payment_id)
    if payment is None:
        return not_found(command.payment_id)
    event = command.event
    story = Story(ctx, payment)
    told = {"type": event.type, "source": event.source}
    before = view.maybe(_reported_read(command, ctx.call))
    if before is not None:
        story.record("payment.event_repeated", told)
        return story.accepted(store.reported_reply(before))
    report = model.reported(event, at=ctx.now)
    refusal = _refusal(payment, command, report)
    if refusal is not None:
        problem, error = refusal
        story.record("payment.event_refused", {**told, "problem": problem.code}, outcome="failure")
        return story.refused(problem, errors=(error,))
    is_in_step = story.happen(report)
    story.record("payment.event_reported", told)
    if not is_in_step:
        is_late = model.is_late_success(payment.status, event.type)
        fields = {**told, "status": payment.status, "late_success": is_late}
        story.record("payment.out_of_step", fields, outcome="failure")
    after = story.payment
    before_it = model.excesses(payment)
    for excess in (one for one in model.excesses(after) if one not in before_it):
        story.record("payment.amount_exceeded", {**told, "excess": excess}, outcome="failure")
    reply = EventReply(
        id=ctx.new_id("evt"),
        payment_id=after.payment_id,
        type=event.type,
        in_step=is_in_step,
        status=after.status,
        amounts=model.amounts(after),
    )
    story.change(
        store.insert_reported(
            reply,
            tenant_id=after.tenant_id,
            source=event.source,
            external_id=event.external_id,
            now=ctx.now,
        )
    )
    return story.accepted(reply)


def _refusal(
    payment: model.Payment, command: ReportEvent, report: model.Reported
) -> tuple[Problem, FieldError] | None:
    """Return why an event's amount cannot be taken, or None; its order is no reason."""
    amount = command.event.amount
    if amount is not None and amount.currency != payment.currency:
        problem = contract.CURRENCY_MISMATCH
        detail = "Convert the amount into the payment's currency; keep the original in data."
        return problem, FieldError("/amount/currency", problem.code, detail)
    if model.is_of_nothing(payment, report):
        return contract.EVENT_AMOUNT_INVALID, FieldError("/amount", "missing_field")
    if model.is_too_large(model.apply(payment, report)):
        return contract.EVENT_AMOUNT_INVALID, FieldError("/amount/value", "out_of_range")
    return None


def _reported_read(command: ReportEvent, call: Call) -> Bound:
    return store.REPORTED_BY_ID(
        tenant_id=call.tenant_id,
        payment_id=command.payment_id,
        source=command.event.source,
        external_id=command.event.external_id,
    )


HANDLERS: Final = (report_event,)
