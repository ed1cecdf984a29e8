"""The handler that registers payers. Pure; logs ids and the names of what changed, no more."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

from service.db.statements import Bound, Row
from service.kernel.errors import FieldError, Problem
from service.rooms.payers import contract, public, store
from service.rooms.payers.contract import ConsentState, Protection, RegisteredPayer, RegisterPayer
from service.rooms.payers.model import consent_stands
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

# Two machines never agree to the second; more than this is a mistake of the merchant's.
CLOCK_SKEW: Final = dt.timedelta(minutes=2)


def _keys(command: RegisterPayer, call: Call) -> Sequence[str]:
    return (public.payer_key(call, command.payer_id),)


def _reads(command: RegisterPayer, call: Call) -> Sequence[Bound]:
    return (public.payer_read(call, command.payer_id),)


@handles(RegisterPayer, keys=_keys, reads=_reads)
def register_payer(view: View, command: RegisterPayer, ctx: Context) -> Outcome:
    """Create a payer or change what we know, but never lower a payer's protection."""
    row = view.maybe(public.payer_read(ctx.call, command.payer_id))
    before = row if row is not None else _blank(command.payer_id, ctx)
    refused = _refusal(command, before, is_new=row is None, now=ctx.now)
    if refused is not None:
        return refused
    after = {**before, **_told(command, before, ctx.now), "updated_at": ctx.now}
    changed = sorted(name for name in _COLUMNS if after[name] != before[name])
    devices = tuple(
        _assert_device(one, command.payer_id, ctx.call) for one in command.known_devices
    )
    return Accepted(
        reply=_payer(after),
        entries=_entries(command, before, after, is_new=row is None, changed=changed),
        changes=(Change(bound=_write(after, ctx.call, is_new=row is None)), *devices),
    )


_COLUMNS: Final = (
    "small_consent_at",
    "small_consent_withdrawn_at",
    "is_protected",
    "is_protected_small_allowed",
    "account_created_at",
)


def _blank(payer_id: str, ctx: Context) -> Row:
    return {
        "payer_id": payer_id,
        "small_consent_at": None,
        "small_consent_withdrawn_at": None,
        "is_protected": False,
        "is_protected_small_allowed": False,
        "account_created_at": None,
        "created_at": ctx.now,
        "version": 1,
    }


def _refusal(
    command: RegisterPayer, before: Row, *, is_new: bool, now: dt.datetime
) -> Refused | None:
    future = [
        FieldError(f"/known_devices/{place}/since", "in_future")
        for place, device in enumerate(command.known_devices)
        if device.since > now + CLOCK_SKEW
    ]
    if command.account_created_at is not None and command.account_created_at > now + CLOCK_SKEW:
        future.append(FieldError("/account_created_at", "in_future"))
    if future:
        return _refused(contract.PAYER_TIME_IN_FUTURE, command, future, is_new=is_new)
    names = [device.device_id for device in command.known_devices]
    twice = [
        FieldError(f"/known_devices/{place}/device_id", "duplicate")
        for place, name in enumerate(names)
        if name in names[:place]
    ]
    if twice:
        return _refused(contract.PAYER_DEVICE_TWICE, command, twice, is_new=is_new)
    if command.protection is not None and _is_lower(command.protection, before):
        lower = [FieldError("/protection", "not_allowed")]
        return _refused(contract.PAYER_PROTECTION_KEPT, command, lower, is_new=is_new)
    return None


def _is_lower(protection: Protection, before: Row) -> bool:
    """Say whether a protected payer would be protected less.

    Who holds a merchant's key, or has taken over its server, must not switch off what guards
    somebody vulnerable; that takes proof by the payer and time, with the factors.
    """
    if not before["is_protected"]:
        return False
    allows_more = protection.small_payments and not before["is_protected_small_allowed"]
    return not protection.protected or allows_more


def _told(command: RegisterPayer, before: Row, now: dt.datetime) -> Row:
    """Return the columns that the command says something about."""
    told: Row = {}
    if command.account_created_at is not None:
        told["account_created_at"] = command.account_created_at
    if command.protection is not None:
        told["is_protected"] = command.protection.protected
        told["is_protected_small_allowed"] = (
            command.protection.protected and command.protection.small_payments
        )
    if command.consent is None or command.consent.small_payments == _consents(before):
        return told
    if command.consent.small_payments:
        return {**told, "small_consent_at": now, "small_consent_withdrawn_at": None}
    return {**told, "small_consent_withdrawn_at": now}


def _consents(row: Row) -> bool:
    return consent_stands(row["small_consent_at"], row["small_consent_withdrawn_at"])


def _write(after: Row, call: Call, *, is_new: bool) -> Bound:
    values = {name: after[name] for name in (*_COLUMNS, "updated_at")}
    if is_new:
        return store.INSERT_PAYER(
            **public.owner(call, after["payer_id"]),
            **values,
            created_at=after["created_at"],
            version=after["version"],
        )
    return store.UPDATE_PAYER(
        of_tenant=call.tenant_id,
        of_merchant=call.merchant_id,
        of_mode=call.mode,
        of_payer=after["payer_id"],
        of_version=after["version"],
        **values,
    )


def _assert_device(device: contract.KnownDevice, payer_id: str, call: Call) -> Change:
    bound = store.ASSERT_LINK(
        **public.owner(call, payer_id),
        kind="device",
        key=device.device_id,
        asserted_since=device.since,
    )
    return Change(bound=bound)


def _entries(
    command: RegisterPayer, before: Row, after: Row, *, is_new: bool, changed: list[str]
) -> tuple[Entry, ...]:
    payer_id = command.payer_id
    fields: dict[str, Any] = {"changed": changed, "known_devices": len(command.known_devices)}
    kind = "payer.registered" if is_new else "payer.updated"
    first = Entry(kind=kind, subject=payer_id, fields=fields)
    if _consents(before) == _consents(after):
        return (first,)
    consent = "payer.consent_given" if _consents(after) else "payer.consent_withdrawn"
    return (first, Entry(kind=consent, subject=payer_id, fields={"to": "small_payments"}))


def _payer(row: Row) -> RegisteredPayer:
    return RegisteredPayer(
        payer_id=row["payer_id"],
        consent=ConsentState(
            small_payments=_consents(row),
            given_at=row["small_consent_at"],
            withdrawn_at=row["small_consent_withdrawn_at"],
        ),
        protection=Protection(
            protected=row["is_protected"], small_payments=row["is_protected_small_allowed"]
        ),
        account_created_at=row["account_created_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _refused(
    problem: Problem, command: RegisterPayer, errors: list[FieldError], *, is_new: bool
) -> Refused:
    entry = Entry(
        kind="payer.registered" if is_new else "payer.updated",
        subject=command.payer_id,
        outcome="failure",
        fields={"problem": problem.code},
    )
    return Refused(problem=problem, entries=(entry,), errors=tuple(errors))


HANDLERS: Final = (register_payer,)
