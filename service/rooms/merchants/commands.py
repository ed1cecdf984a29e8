"""Handlers of merchants and keys. Pure; never see a key in clear."""

import datetime as dt
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import msgspec

from service.db.statements import Bound, Row
from service.kernel.errors import MERCHANT_SUSPENDED, FieldError, Problem
from service.rooms.merchants import contract, model, store
from service.rooms.merchants.contract import Key
from service.unit_of_work.commands import HOUSE, Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

NO_LIMITS: Final = "{}"
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


def _merchant_read(call: Call) -> Bound:
    return store.MERCHANT_BY_ID(tenant_id=call.tenant_id, merchant_id=call.merchant_id)


def _key_read(key_id: str, call: Call) -> Bound:
    return store.KEY_BY_ID(tenant_id=call.tenant_id, merchant_id=call.merchant_id, key_id=key_id)


def _merchant_key(_command: Command, call: Call) -> Sequence[str]:
    return (f"merchant:{call.tenant_id}:{call.merchant_id}",)


def _merchant_only(_command: Command, call: Call) -> Sequence[Bound]:
    return (_merchant_read(call),)


def _joined_tenant(command: contract.CreateMerchant, _call: Call) -> Sequence[Bound]:
    if command.tenant_id is None:
        return ()
    return (store.TENANT_BY_ID(tenant_id=command.tenant_id),)


@handles(contract.CreateMerchant, keys=lambda _command, _call: (), reads=_joined_tenant)
def create_merchant(view: View, command: contract.CreateMerchant, ctx: Context) -> Outcome:
    """Create a merchant, and its tenant unless it joins a network."""
    # No route leads here; a merchant that could make merchants would be a mistake of ours.
    assert ctx.call.tenant_id == HOUSE
    kind = "merchant.created"
    changes = []
    tenant_id = command.tenant_id
    if tenant_id is None:
        tenant_id = ctx.new_id("ten")
        changes.append(
            Change(bound=store.INSERT_TENANT(tenant_id=tenant_id, shard=0, created_at=ctx.now))
        )
    elif view.maybe(store.TENANT_BY_ID(tenant_id=tenant_id)) is None:
        return _refused(contract.TENANT_NOT_FOUND, kind, tenant_id)
    merchant_id = ctx.new_id("mer")
    row = {
        "tenant_id": tenant_id,
        "merchant_id": merchant_id,
        "name": command.name,
        "preset": command.preset,
        "review_mode": "hold",
        "limits": NO_LIMITS,
        "status": "active",
        "created_at": ctx.now,
        "version": 1,
    }
    changes.append(Change(bound=store.INSERT_MERCHANT(**row)))
    fields = {"tenant_id": tenant_id, "name": command.name, "preset": command.preset}
    return Accepted(
        reply=model.shown(row),
        entries=(Entry(kind=kind, subject=merchant_id, fields=fields),),
        changes=tuple(changes),
    )


@handles(contract.SetPreset, keys=_merchant_key, reads=_merchant_only)
def set_preset(view: View, command: contract.SetPreset, ctx: Context) -> Outcome:
    """Change which rules on proof hold for payments from now on."""
    return _set(view, ctx, "merchant.preset_set", preset=command.preset)


@handles(contract.SetReviewMode, keys=_merchant_key, reads=_merchant_only)
def set_review_mode(view: View, command: contract.SetReviewMode, ctx: Context) -> Outcome:
    """Change what review stops."""
    return _set(view, ctx, "merchant.review_mode_set", review_mode=command.review_mode)


@handles(contract.SetLimits, keys=_merchant_key, reads=_merchant_only)
def set_limits(view: View, command: contract.SetLimits, ctx: Context) -> Outcome:
    """Replace the limits for times without a score."""
    limits = msgspec.json.encode(command.limits, order="sorted").decode()
    return _set(view, ctx, "merchant.limits_set", limits=limits)


@handles(contract.SuspendMerchant, keys=_merchant_key, reads=_merchant_only)
def suspend_merchant(view: View, command: contract.SuspendMerchant, ctx: Context) -> Outcome:
    """Stop a merchant; doing so twice changes nothing more."""
    told = {} if command.reason is None else {"reason": command.reason}
    return _set(view, ctx, "merchant.suspended", told, status="suspended")


@handles(contract.ResumeMerchant, keys=_merchant_key, reads=_merchant_only)
def resume_merchant(view: View, _command: contract.ResumeMerchant, ctx: Context) -> Outcome:
    """Let a merchant go on; doing so twice changes nothing more."""
    return _set(view, ctx, "merchant.resumed", status="active")


@handles(contract.CreateKey, keys=_merchant_key, reads=_merchant_only)
def create_key(view: View, command: contract.CreateKey, ctx: Context) -> Outcome:
    """Add a key to an active merchant, unless its chain has enough that work."""
    kind = "key.created"
    refused = _no_keys_now(view.maybe(_merchant_read(ctx.call)), kind, ctx.call)
    if refused is not None:
        return refused
    if command.mode == "live" and contract.SANDBOX_SCOPES & set(command.scopes):
        error = FieldError("/scopes", "not_allowed")
        return _refused(contract.SCOPE_SANDBOX_ONLY, kind, ctx.call.merchant_id, error)
    key = Key(
        key_id=ctx.new_id("key"),
        merchant_id=ctx.call.merchant_id,
        mode=command.mode,
        scopes=tuple(sorted(set(command.scopes))),
        label=command.label,
        state="active",
        expires_at=None,
    )
    return Accepted(
        reply=key,
        entries=(Entry(kind=kind, subject=key.key_id, fields=_fields(key)),),
        changes=(_insert(key, command.secret_hash, kind=kind, ctx=ctx),),
    )


def _merchant_and_key(command: contract.RotateKey, call: Call) -> Sequence[Bound]:
    return (_merchant_read(call), _key_read(command.key_id, call))


@handles(contract.RotateKey, keys=_merchant_key, reads=_merchant_and_key)
def rotate_key(view: View, command: contract.RotateKey, ctx: Context) -> Outcome:
    """Add a successor; the key itself ends when the overlap is over, or before if it had to."""
    kind = "key.rotated"
    refused = _no_keys_now(view.maybe(_merchant_read(ctx.call)), kind, ctx.call)
    if refused is not None:
        return refused
    row = view.maybe(_key_read(command.key_id, ctx.call))
    if row is None:
        return _refused(contract.KEY_NOT_FOUND, kind, command.key_id)
    replaced = _key(row)
    if not _works(replaced, ctx.now):
        return _refused(contract.KEY_NOT_ACTIVE, kind, command.key_id)
    ends_at = ctx.now + dt.timedelta(seconds=command.overlap_s)
    if replaced.expires_at is not None:
        ends_at = min(ends_at, replaced.expires_at)
    successor = msgspec.structs.replace(replaced, key_id=ctx.new_id("key"), expires_at=None)
    replaced = msgspec.structs.replace(replaced, expires_at=ends_at)
    expire = store.EXPIRE_KEY(
        of_tenant=ctx.call.tenant_id,
        of_merchant=ctx.call.merchant_id,
        of_key=replaced.key_id,
        now=ctx.now,
        ends_at=ends_at,
    )
    fields = {**_fields(successor), "successor": successor.key_id, "overlap_s": command.overlap_s}
    return Accepted(
        reply=contract.Rotated(successor=successor, replaced=replaced),
        entries=(Entry(kind=kind, subject=replaced.key_id, fields=fields),),
        # First the old key's end: without overlap it leaves its place to the new one.
        changes=(
            Change(bound=expire),
            _insert(successor, command.secret_hash, kind=kind, ctx=ctx),
        ),
    )


def _key_only(command: contract.RevokeKey, call: Call) -> Sequence[Bound]:
    return (_key_read(command.key_id, call),)


@handles(contract.RevokeKey, keys=_merchant_key, reads=_key_only)
def revoke_key(view: View, command: contract.RevokeKey, ctx: Context) -> Outcome:
    """End a key at once; also one of a suspended merchant."""
    kind = "key.revoked"
    row = view.maybe(_key_read(command.key_id, ctx.call))
    if row is None:
        return _refused(contract.KEY_NOT_FOUND, kind, command.key_id)
    if row["state"] != "active":
        return _refused(contract.KEY_NOT_ACTIVE, kind, command.key_id)
    key = msgspec.structs.replace(_key(row), state="revoked")
    revoke = store.REVOKE_KEY(
        of_tenant=ctx.call.tenant_id,
        of_merchant=ctx.call.merchant_id,
        of_key=key.key_id,
        now=ctx.now,
    )
    return Accepted(
        reply=key,
        entries=(Entry(kind=kind, subject=key.key_id, fields=_fields(key)),),
        changes=(Change(bound=revoke),),
    )


def _set(
    view: View, ctx: Context, kind: str, told: Mapping[str, str] = NOTHING, **values: str
) -> Outcome:
    row = view.maybe(_merchant_read(ctx.call))
    if row is None:
        return _refused(contract.MERCHANT_NOT_FOUND, kind, ctx.call.merchant_id)
    changed = {**row, **values}
    update = store.UPDATE_MERCHANT(
        of_tenant=ctx.call.tenant_id,
        of_merchant=ctx.call.merchant_id,
        of_version=row["version"],
        preset=changed["preset"],
        review_mode=changed["review_mode"],
        limits=changed["limits"],
        status=changed["status"],
    )
    before = {f"{name}_before": row[name] for name in values}
    return Accepted(
        reply=model.shown(changed),
        entries=(
            Entry(kind=kind, subject=ctx.call.merchant_id, fields={**values, **before, **told}),
        ),
        changes=(Change(bound=update),),
    )


def _no_keys_now(merchant: Row | None, kind: str, call: Call) -> Refused | None:
    """Refuse where the merchant is not there or may have no new keys."""
    if merchant is None:
        return _refused(contract.MERCHANT_NOT_FOUND, kind, call.merchant_id)
    if merchant["status"] != "active":
        return _refused(MERCHANT_SUSPENDED, kind, call.merchant_id)
    return None


def _insert(key: Key, secret_hash: bytes, *, kind: str, ctx: Context) -> Change:
    bound = store.INSERT_KEY(
        tenant_id=ctx.call.tenant_id,
        key_id=key.key_id,
        merchant_id=key.merchant_id,
        mode=key.mode,
        scopes=" ".join(key.scopes),
        secret_hash=secret_hash,
        label=key.label,
        created_at=ctx.now,
    )
    full = _refused(contract.KEYS_ACTIVE_LIMIT, kind, key.merchant_id)
    return Change(bound=bound, refusal=full)


def _works(key: Key, now: dt.datetime) -> bool:
    return key.state == "active" and (key.expires_at is None or now < key.expires_at)


def _key(row: Row) -> Key:
    return Key(
        key_id=row["key_id"],
        merchant_id=row["merchant_id"],
        mode=row["mode"],
        scopes=tuple(row["scopes"].split(" ")),
        label=row["label"],
        state=row["state"],
        expires_at=row["expires_at"],
    )


def _fields(key: Key) -> dict[str, Any]:
    return {"mode": key.mode, "scopes": list(key.scopes), "label": key.label}


def _refused(problem: Problem, kind: str, subject: str, *errors: FieldError) -> Refused:
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields={"problem": problem.code})
    return Refused(problem=problem, entries=(entry,), errors=errors)


HANDLERS: Final = (
    create_merchant,
    set_preset,
    set_review_mode,
    set_limits,
    suspend_merchant,
    resume_merchant,
    create_key,
    rotate_key,
    revoke_key,
)
