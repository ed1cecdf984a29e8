"""Handlers that put deliveries in line again, and that delete old ones. Pure; send nothing."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from service.db.statements import Bound
from service.kernel.errors import FieldError
from service.rooms.webhooks import contract, store
from service.rooms.webhooks.commands.deliveries import delivery_key, delivery_read, shown
from service.rooms.webhooks.commands.endpoints import endpoint_key, endpoint_read, refused
from service.rooms.webhooks.contract import Counted, Replayed
from service.unit_of_work.commands import HOUSE, Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome


def _replay_keys(command: contract.ReplayDelivery, _call: Call) -> Sequence[str]:
    return (delivery_key(command.delivery_id),)


def _replay_reads(command: contract.ReplayDelivery, call: Call) -> Sequence[Bound]:
    return (delivery_read(command.delivery_id, call),)


@handles(contract.ReplayDelivery, keys=_replay_keys, reads=_replay_reads)
def replay_delivery(view: View, command: contract.ReplayDelivery, ctx: Context) -> Outcome:
    """Put one delivery in line again; its receiver knows it by the event's id."""
    kind = "webhook.replayed"
    row = view.maybe(delivery_read(command.delivery_id, ctx.call))
    if row is None:
        return refused(contract.DELIVERY_NOT_FOUND, kind, command.delivery_id)
    again = store.REPLAY_DELIVERY(
        of_tenant=ctx.call.tenant_id, of_delivery=command.delivery_id, now=ctx.now
    )
    after = {"state": "pending", "attempts": 0, "next_attempt_at": ctx.now, "ended_at": None}
    fields = {"count": 1, "state_before": row["state"]}
    return Accepted(
        reply=shown({**row, **after}),
        entries=(Entry(kind=kind, subject=command.delivery_id, fields=fields),),
        changes=(Change(bound=again),),
    )


def _range_keys(command: contract.ReplayDeliveries, _call: Call) -> Sequence[str]:
    return (endpoint_key(command.endpoint_id),)


def _lone_range(command: contract.ReplayDeliveries, ctx: Context) -> dict[str, Any]:
    """Return the time that is asked for; without it the last days."""
    until = command.created_to or ctx.now + dt.timedelta(microseconds=1)
    default = ctx.now - dt.timedelta(days=contract.REPLAY_DAYS_DEFAULT)
    return {"created_from": command.created_from or default, "created_to": until}


# It runs alone: its time depends on the writer's clock, which no declaration knows.
@handles(contract.ReplayDeliveries, keys=_range_keys, reads=None)
def replay_deliveries(view: View, command: contract.ReplayDeliveries, ctx: Context) -> Outcome:
    """Put deliveries of a time in line again, the oldest first, a bounded number."""
    kind = "webhook.replayed"
    if view.maybe(endpoint_read(command.endpoint_id, ctx.call)) is None:
        return refused(contract.ENDPOINT_NOT_FOUND, kind, command.endpoint_id)
    time = _lone_range(command, ctx)
    if time["created_from"] >= time["created_to"]:
        error = FieldError("/created_from", "inconsistent")
        return refused(contract.RANGE_INVALID, kind, command.endpoint_id, error)
    of = {"of_tenant": ctx.call.tenant_id, "of_endpoint": command.endpoint_id}
    found = view.rows(store.IN_TIME(**of, **time, limit=contract.REPLAYED_AT_ONCE + 1))
    chosen = found[: contract.REPLAYED_AT_ONCE]
    changes: tuple[Change, ...] = ()
    if chosen:
        again = store.REPLAY_IN_TIME(
            **of,
            created_from=time["created_from"],
            last_at=chosen[-1]["created_at"],
            last_id=chosen[-1]["delivery_id"],
            now=ctx.now,
        )
        changes = (Change(bound=again),)
    more = found[len(chosen)]["created_at"] if len(found) > len(chosen) else None
    fields = {"count": len(chosen), "is_all": more is None}
    return Accepted(
        reply=Replayed(count=len(chosen), next_created_from=more),
        entries=(Entry(kind=kind, subject=command.endpoint_id, fields=fields),),
        changes=changes,
    )


def _no_keys(_command: contract.TrimDeliveries, _call: Call) -> Sequence[str]:
    return ()


@handles(contract.TrimDeliveries, keys=_no_keys, reads=None)
def trim_deliveries(view: View, _command: contract.TrimDeliveries, ctx: Context) -> Outcome:
    """Delete what is over by the writer's clock; it runs alone, so what it counts is what goes."""
    assert ctx.call.tenant_id == HOUSE
    before = ctx.now - contract.DELIVERY_KEPT
    count = view.rows(store.DELIVERIES_OVER(before=before))[0]["rows"]
    return Accepted(
        reply=Counted(count=count),
        entries=(Entry(kind="webhook.trimmed", subject="webhooks", fields={"count": count}),),
        # Deliveries first: then it shows which events nobody waits for.
        changes=(
            Change(bound=store.TRIM_DELIVERIES(before=before)),
            Change(bound=store.TRIM_EVENTS(before=before)),
        ),
    )


HANDLERS: Final = (replay_delivery, replay_deliveries, trim_deliveries)
