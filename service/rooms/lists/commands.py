"""Handlers of lists: an entry is added or removed, never changed. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from service.db.statements import Bound, Row
from service.kernel.errors import FieldError, Problem
from service.rooms.lists import contract, model, store
from service.rooms.lists.contract import AddListEntry, ListEntry, RemoveListEntry
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

ADDED: Final = "list_entry.added"
REMOVED: Final = "list_entry.removed"
VERSION: Final = "lsv"


def _owner(call: Call) -> dict[str, str]:
    return {
        "tenant_id": call.tenant_id,
        "merchant_id": call.merchant_id,
        "mode": call.mode,
    }


def _value(command: AddListEntry) -> dict[str, str]:
    return {"kind": command.kind, "entity": command.entity, "value": command.value}


def _value_read(command: AddListEntry, call: Call) -> Bound:
    return store.ENTRY_OF_VALUE(**_owner(call), **_value(command))


def _entry_read(command: RemoveListEntry, call: Call) -> Bound:
    return store.ENTRY(**_owner(call), entry_id=command.entry_id)


def _adding(command: AddListEntry, call: Call) -> Sequence[str]:
    place = f"{command.kind}:{command.entity}:{command.value}"
    return (f"list:{call.tenant_id}:{call.merchant_id}:{call.mode}:{place}",)


@handles(AddListEntry, keys=_adding, reads=lambda command, call: (_value_read(command, call),))
def add_entry(view: View, command: AddListEntry, ctx: Context) -> Outcome:
    """Put an entry on a list, unless its value stands there and is not over."""
    if command.expires_at is not None and command.expires_at <= ctx.now:
        error = FieldError("/expires_at", "not_in_future", "Give a time that is still to come.")
        return _refused(contract.LIST_ENTRY_OVER, ADDED, ctx.call.merchant_id, errors=(error,))
    there = view.maybe(_value_read(command, ctx.call))
    if there is not None and not is_over(there, ctx):
        entry_id = there["entry_id"]
        fields = {"entry_id": entry_id}
        return _refused(contract.LIST_ENTRY_EXISTS, ADDED, entry_id, fields=fields)
    shown, entry, changes = added(command, ctx, by=ctx.call.principal)
    return Accepted(reply=shown, entries=(entry,), changes=changes)


def added(
    command: AddListEntry, ctx: Context, *, by: str
) -> tuple[ListEntry, Entry, tuple[Change, ...]]:
    """Return an entry as it is shown and audited, and what stores it.

    Args:
        command: The entry; its value stands on no such list, or is over there.
        ctx: Time, ids, caller.
        by: Key, person or strategy that adds it.
    """
    match = model.match_of(command.entity, command.value)
    row = {
        **_owner(ctx.call),
        **_value(command),
        "entry_id": ctx.new_id("lse"),
        "strength": command.strength,
        "prefix": command.prefix,
        "match_key": match.key,
        "bin_low": match.bin_low,
        "bin_high": match.bin_high,
        "reason": command.reason,
        "owner": command.owner,
        "added_by": by,
        "created_at": ctx.now,
        "expires_at": command.expires_at,
    }
    shown = model.shown(row)
    expired = store.DELETE_EXPIRED(**_owner(ctx.call), **_value(command), now=ctx.now)
    version = ctx.new_id(VERSION)
    entry = Entry(kind=ADDED, subject=shown.id, fields=_told(shown, version))
    inserted = Change(bound=store.INSERT_ENTRY(**row))
    return shown, entry, (Change(bound=expired), inserted, _versioned(ctx, version))


@handles(
    RemoveListEntry,
    keys=lambda command, _call: (f"list_entry:{command.entry_id}",),
    reads=lambda command, call: (_entry_read(command, call),),
)
def remove_entry(view: View, command: RemoveListEntry, ctx: Context) -> Outcome:
    """Take an entry off its list; what it said stays in the log."""
    gone = _refused(contract.LIST_ENTRY_NOT_FOUND, REMOVED, command.entry_id)
    row = view.maybe(_entry_read(command, ctx.call))
    if row is None:
        return gone
    shown = model.shown(row)
    delete = store.DELETE_ENTRY(**_owner(ctx.call), entry_id=shown.id)
    version = ctx.new_id(VERSION)
    return Accepted(
        reply=shown,
        entries=(Entry(kind=REMOVED, subject=shown.id, fields=_told(shown, version)),),
        changes=(Change(bound=delete, refusal=gone), _versioned(ctx, version)),
    )


def _versioned(ctx: Context, version: str) -> Change:
    """Return the change that makes this the last one of the merchant's lists."""
    return Change(bound=store.SET_VERSION(**_owner(ctx.call), version=version))


def is_over(row: Row, ctx: Context) -> bool:
    """Say whether an entry matches nothing any more, by the writer's clock."""
    return row["expires_at"] is not None and row["expires_at"] <= ctx.now


def _refused(
    problem: Problem,
    kind: str,
    subject: str,
    *,
    fields: dict[str, Any] | None = None,
    errors: tuple[FieldError, ...] = (),
) -> Refused:
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields={"problem": problem.code})
    return Refused(problem=problem, fields=fields or {}, errors=errors, entries=(entry,))


def _told(entry: ListEntry, version: str) -> dict[str, Any]:
    return {
        # What judgements from here on say that their lists were.
        "lists": version,
        "kind": entry.kind,
        "strength": entry.strength,
        "entity": entry.entity,
        "value": entry.value,
        "prefix": entry.prefix,
        "reason": entry.reason,
        "owner": entry.owner,
        "expires_at": None if entry.expires_at is None else entry.expires_at.isoformat(),
    }


HANDLERS: Final = (add_entry, remove_entry)
