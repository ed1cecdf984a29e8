"""Handlers of deliveries: fanned out, and what came of them. Pure; send nothing."""

import datetime as dt
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from service.db.statements import Bound, Row
from service.rooms.webhooks import contract, model, store
from service.rooms.webhooks.commands.endpoints import (
    changed,
    endpoint_key,
    endpoint_read,
    refused,
)
from service.rooms.webhooks.contract import Counted, Delivery
from service.unit_of_work import schemas
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, Handler, View, handles, no_entities
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome

_FANNED_OUT: Final = "webhook.fanned_out"


def delivery_key(delivery_id: str) -> str:
    """Return the batch key of a delivery."""
    return f"webhook_delivery:{delivery_id}"


def delivery_read(delivery_id: str, call: Call) -> Bound:
    """Return the read of the caller's delivery."""
    return store.DELIVERY(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        delivery_id=delivery_id,
    )


def _outbox_reads(command: contract.FanOut, call: Call) -> Sequence[Bound]:
    return (
        store.CURSOR(tenant_id=call.tenant_id),
        store.ENDPOINTS_OF_TENANT(tenant_id=call.tenant_id),
        _messages_read(command, call),
    )


def _messages_read(command: contract.FanOut, call: Call) -> Bound:
    return store.MESSAGES_BETWEEN(
        tenant_id=call.tenant_id, limit=contract.MESSAGES_AT_ONCE + 1, **_places(command)
    )


def _places(command: contract.FanOut) -> dict[str, int]:
    return {
        "after_sequence": command.after.sequence,
        "after_ordinal": command.after.ordinal,
        "until_sequence": command.until.sequence,
        "until_ordinal": command.until.ordinal,
    }


def fan_out(issuer: str, view: View, command: contract.FanOut, ctx: Context) -> Outcome:
    """Write each event once and a delivery for each endpoint that asked for it; move the cursor.

    A disabled endpoint gets its rows as well, skipped: so they can be replayed once it works.
    """
    # Its merchants' rows, but nobody's wish: no route leads here.
    assert ctx.call.merchant_id == HOUSE
    tenant_id = ctx.call.tenant_id
    cursor = view.maybe(store.CURSOR(tenant_id=tenant_id))
    messages = view.rows(_messages_read(command, ctx.call))
    at = (command.after.sequence, command.after.ordinal)
    is_there = cursor is not None and (cursor["sequence"], cursor["ordinal"]) == at
    if not is_there or not 1 <= len(messages) <= contract.MESSAGES_AT_ONCE:
        return refused(contract.CURSOR_ELSEWHERE, _FANNED_OUT, tenant_id)
    endpoints = view.rows(store.ENDPOINTS_OF_TENANT(tenant_id=tenant_id))
    changes: list[Change] = []
    count = 0
    for message in messages:
        asking = [one for one in endpoints if _asks(one, message)]
        if asking:
            changes += _written(message, asking, issuer, ctx)
            count += len(asking)
    moved = store.MOVE_CURSOR(of_tenant=tenant_id, **_places(command))
    fields = {"messages": len(messages), "deliveries": count, "until": command.until.sequence}
    return Accepted(
        reply=Counted(count=count),
        entries=(Entry(kind=_FANNED_OUT, subject=tenant_id, fields=fields),),
        changes=(Change(bound=moved), *changes),
    )


def _asks(endpoint: Row, message: Row) -> bool:
    kind = model.kind_of(message["kind"])
    kinds = endpoint["kinds"].split()
    return (
        kind is not None
        and (endpoint["merchant_id"], endpoint["mode"]) == (message["merchant_id"], message["mode"])
        and (not kinds or kind in kinds)
        # The fan-out may be behind: what happened before an endpoint is not told to it.
        and message["created_at"] >= endpoint["created_at"]
    )


def _written(message: Row, endpoints: Sequence[Row], issuer: str, ctx: Context) -> list[Change]:
    """Return the rows of one message: its event, and one delivery an endpoint."""
    body = schemas.MESSAGES.lift("message", message["schema"], model.body_of(message["body"]))
    said = model.Said(
        **{name: message[name] for name in model.Said.__struct_fields__ if name != "body"},
        body=body,
    )
    event_id = ctx.new_id("evt")
    of_event = {
        "tenant_id": ctx.call.tenant_id,
        "event_id": event_id,
        "merchant_id": said.merchant_id,
        "mode": said.mode,
        "created_at": said.created_at,
    }
    event = store.INSERT_EVENT(
        **of_event,
        kind=model.kind_of(said.kind),
        subject_id=said.subject_id,
        body=model.event_body(said, event_id=event_id, source=issuer),
    )
    deliveries = []
    for one in endpoints:
        is_enabled = one["state"] == "enabled"
        row = store.INSERT_DELIVERY(
            **of_event,
            delivery_id=ctx.new_id("whd"),
            endpoint_id=one["endpoint_id"],
            state="pending" if is_enabled else "skipped",
            attempts=0,
            started_at=ctx.now,
            next_attempt_at=ctx.now if is_enabled else None,
            last_status=None,
            last_cause=None,
            ended_at=None if is_enabled else ctx.now,
        )
        deliveries.append(Change(bound=row))
    return [Change(bound=event), *deliveries]


def _delivered_keys(command: contract.Delivered, _call: Call) -> Sequence[str]:
    deliveries = (delivery_key(one.delivery_id) for one in command.attempts)
    return (endpoint_key(command.endpoint_id), *dict.fromkeys(deliveries))


def _delivered_reads(command: contract.Delivered, call: Call) -> Sequence[Bound]:
    return [delivery_read(one.delivery_id, call) for one in command.attempts]


@handles(contract.Delivered, keys=_delivered_keys, reads=_delivered_reads)
def delivered(view: View, command: contract.Delivered, ctx: Context) -> Outcome:
    """End those deliveries whose attempt this was; one reported twice changes nothing."""
    kind = "webhook.delivered"
    done = {}
    for one in command.attempts:
        row = view.maybe(delivery_read(one.delivery_id, ctx.call))
        if _is_waiting(row, command.endpoint_id, one.attempt):
            done[one.delivery_id] = _settled(one, ctx, state="delivered", cause="ok")
    if not done:
        return refused(contract.DELIVERY_NOT_WAITING, kind, command.endpoint_id)
    works = store.CLEAR_FLAG(of_tenant=ctx.call.tenant_id, of_endpoint=command.endpoint_id)
    fields = {"deliveries": list(done)}
    return Accepted(
        reply=Counted(count=len(done)),
        entries=(Entry(kind=kind, subject=command.endpoint_id, fields=fields),),
        changes=(*done.values(), Change(bound=works)),
    )


def _is_waiting(row: Row | None, endpoint_id: str, attempt: int) -> bool:
    return (
        row is not None
        and row["endpoint_id"] == endpoint_id
        and row["state"] == "pending"
        and row["attempts"] == attempt - 1
    )


def _settled(
    attempt: contract.Attempt | contract.DeliveryFailed,
    ctx: Context,
    *,
    state: str,
    cause: str,
    next_at: dt.datetime | None = None,
) -> Change:
    return Change(
        bound=store.SETTLE_DELIVERY(
            of_tenant=ctx.call.tenant_id,
            of_delivery=attempt.delivery_id,
            of_attempts=attempt.attempt - 1,
            to_state=state,
            next_at=next_at,
            status=attempt.status,
            cause=cause,
            ends_at=ctx.now if next_at is None else None,
        )
    )


def _failed_keys(command: contract.DeliveryFailed, _call: Call) -> Sequence[str]:
    return (endpoint_key(command.endpoint_id), delivery_key(command.delivery_id))


def _failed_reads(command: contract.DeliveryFailed, call: Call) -> Sequence[Bound]:
    return (
        endpoint_read(command.endpoint_id, call),
        delivery_read(command.delivery_id, call),
    )


@handles(contract.DeliveryFailed, keys=_failed_keys, reads=_failed_reads)
def delivery_failed(view: View, command: contract.DeliveryFailed, ctx: Context) -> Outcome:
    """Set the next attempt; or give up: the endpoint is gone, or three days are over."""
    endpoint = view.maybe(endpoint_read(command.endpoint_id, ctx.call))
    row = view.maybe(delivery_read(command.delivery_id, ctx.call))
    if endpoint is None or not _is_waiting(row, command.endpoint_id, command.attempt):
        problem = contract.DELIVERY_NOT_WAITING
        return refused(problem, "webhook.attempt_failed", command.delivery_id)
    assert row is not None
    next_at = None
    if command.cause != "gone":
        next_at = model.next_attempt_at(
            command.attempt,
            started_at=row["started_at"],
            now=ctx.now,
            retry_after_s=command.retry_after_s,
            entropy=ctx.entropy,
        )
    state = "pending" if next_at is not None else "failed"
    settled = _settled(command, ctx, state=state, cause=command.cause, next_at=next_at)
    kind = "webhook.attempt_failed" if next_at is not None else "webhook.failed"
    fields = {
        "endpoint_id": command.endpoint_id,
        "attempt": command.attempt,
        "cause": command.cause,
        "status": command.status,
    }
    entries, changes = _given_up(endpoint, command, ctx) if next_at is None else ((), ())
    after = {
        "state": state,
        "attempts": command.attempt,
        "next_attempt_at": next_at,
        "last_status": command.status,
        "last_cause": command.cause,
        "ended_at": ctx.now if next_at is None else None,
    }
    return Accepted(
        reply=shown({**row, **after}),
        entries=(Entry(kind=kind, subject=command.delivery_id, fields=fields), *entries),
        changes=(settled, *changes),
    )


def _given_up(
    endpoint: Row, command: contract.DeliveryFailed, ctx: Context
) -> tuple[tuple[Entry, ...], tuple[Change, ...]]:
    """Return what giving up does to the endpoint: gone it is disabled, else flagged; once."""
    values: dict[str, Any]
    if command.cause == "gone":
        kind, is_news = "webhook_endpoint.disabled", endpoint["state"] == "enabled"
        values = {"state": "disabled", "disabled_because": "gone"}
    else:
        kind, is_news = "webhook_endpoint.flagged", endpoint["failing_since"] is None
        values = {"failing_since": ctx.now}
    if not is_news:
        return (), ()
    fields = {"delivery_id": command.delivery_id, "cause": command.cause}
    entry = Entry(kind=kind, subject=command.endpoint_id, fields=fields)
    return (entry,), (changed(endpoint, ctx.call, **values),)


def shown(row: Row) -> Delivery:
    """Return a delivery as it is shown."""
    return Delivery(
        id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        kind=row["kind"],
        subject=row["subject_id"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        last_status=row["last_status"],
        last_cause=row["last_cause"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def handlers(*, issuer: str) -> tuple[Handler, ...]:
    """Return the handlers of deliveries.

    Args:
        issuer: `source` of what is told.
    """
    fan = Handler(
        command=contract.FanOut,
        run=partial(fan_out, issuer),
        keys=_cursor_key,
        reads=_outbox_reads,
        entities=no_entities,
    )
    return (
        fan,
        delivered,
        delivery_failed,
    )


def _cursor_key(_command: contract.FanOut, call: Call) -> Sequence[str]:
    return (f"webhook_cursor:{call.tenant_id}",)
