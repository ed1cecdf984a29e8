"""Handlers of endpoints and their keys. Pure; never see a secret in clear."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from service.db.statements import Bound, Row
from service.kernel.errors import FieldError, Problem
from service.rooms.webhooks import contract, model, store
from service.rooms.webhooks.contract import Endpoint, PublicKeyShown
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Outcome, Refused

NAMED = (
    contract.UpdateEndpoint
    | contract.RotateSecret
    | contract.DisableEndpoint
    | contract.EnableEndpoint
    | contract.DeleteEndpoint
)


def endpoint_key(endpoint_id: str) -> str:
    """Return the batch key of an endpoint."""
    return f"webhook_endpoint:{endpoint_id}"


def endpoint_read(endpoint_id: str, call: Call) -> Bound:
    """Return the read of the caller's endpoint."""
    return store.ENDPOINT(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        endpoint_id=endpoint_id,
    )


def secrets_read(endpoint_id: str, call: Call) -> Bound:
    """Return the read of the public halves of an endpoint's keys."""
    return store.SECRETS_SHOWN(tenant_id=call.tenant_id, endpoint_id=endpoint_id)


def refused(problem: Problem, kind: str, subject: str, *errors: FieldError) -> Refused:
    """Return a refusal with its entry."""
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields={"problem": problem.code})
    return Refused(problem=problem, entries=(entry,), errors=errors)


def changed(row: Row, call: Call, **values: Any) -> Change:
    """Return the change of an endpoint's row from what was read."""
    new = {**row, **values}
    return Change(
        bound=store.UPDATE_ENDPOINT(
            of_tenant=call.tenant_id,
            of_endpoint=row["endpoint_id"],
            of_version=row["version"],
            url=new["url"],
            description=new["description"],
            kinds=new["kinds"],
            to_state=new["state"],
            because=new["disabled_because"],
            failing_since=new["failing_since"],
        )
    )


def _keys(command: NAMED, _call: Call) -> Sequence[str]:
    return (endpoint_key(command.endpoint_id),)


def _reads(command: NAMED, call: Call) -> Sequence[Bound]:
    return (
        endpoint_read(command.endpoint_id, call),
        secrets_read(command.endpoint_id, call),
    )


def _creation_keys(_command: Command, call: Call) -> Sequence[str]:
    return (f"webhook_endpoints:{call.tenant_id}:{call.merchant_id}:{call.mode}",)


@handles(contract.CreateEndpoint, keys=_creation_keys, reads=lambda _command, _call: ())
def create_endpoint(_view: View, command: contract.CreateEndpoint, ctx: Context) -> Outcome:
    """Add an endpoint with its keys, unless its merchant has enough in this mode."""
    kind, call = "webhook_endpoint.created", ctx.call
    if not model.may_be_sent_to(command.url, call.mode):
        return _no_url(kind, call.merchant_id)
    row = {
        "tenant_id": call.tenant_id,
        "endpoint_id": ctx.new_id("whe"),
        "merchant_id": call.merchant_id,
        "mode": call.mode,
        "url": command.url,
        "description": command.description,
        "kinds": " ".join(sorted(set(command.kinds))),
        "created_at": ctx.now,
    }
    full = refused(contract.ENDPOINTS_LIMIT, kind, call.merchant_id)
    shown = _shown(
        {**row, "state": "enabled", "disabled_because": None, "failing_since": None},
        (PublicKeyShown(public_key=command.public_key, expires_at=None),),
    )
    return Accepted(
        reply=shown,
        entries=(Entry(kind=kind, subject=shown.id, fields=_fields(shown)),),
        changes=(
            Change(bound=store.INSERT_ENDPOINT(**row), refusal=full),
            _insert_secret(command, shown.id, ctx),
            Change(bound=store.START_CURSOR(tenant_id=call.tenant_id)),
        ),
    )


@handles(contract.UpdateEndpoint, keys=_keys, reads=_reads)
def update_endpoint(view: View, command: contract.UpdateEndpoint, ctx: Context) -> Outcome:
    """Change what is named; deliveries that wait go where it says now."""
    kind = "webhook_endpoint.updated"
    values: dict[str, Any] = {}
    if command.url is not None:
        if not model.may_be_sent_to(command.url, ctx.call.mode):
            return _no_url(kind, command.endpoint_id)
        values["url"] = command.url
    if command.description is not None:
        values["description"] = command.description
    if command.kinds is not None:
        values["kinds"] = " ".join(sorted(set(command.kinds)))
    return _set(view, command, ctx, kind, **values)


@handles(contract.DisableEndpoint, keys=_keys, reads=_reads)
def disable_endpoint(view: View, command: contract.DisableEndpoint, ctx: Context) -> Outcome:
    """Stop an endpoint's deliveries; doing so twice changes nothing more."""
    kind = "webhook_endpoint.disabled"
    return _set(view, command, ctx, kind, state="disabled", disabled_because="merchant")


@handles(contract.EnableEndpoint, keys=_keys, reads=_reads)
def enable_endpoint(view: View, command: contract.EnableEndpoint, ctx: Context) -> Outcome:
    """Let an endpoint get deliveries again, and forget that it failed."""
    kind = "webhook_endpoint.enabled"
    values = {"state": "enabled", "disabled_because": None, "failing_since": None}
    return _set(view, command, ctx, kind, **values)


@handles(contract.DeleteEndpoint, keys=_keys, reads=_reads)
def delete_endpoint(view: View, command: contract.DeleteEndpoint, ctx: Context) -> Outcome:
    """Destroy an endpoint's keys; its row stays for the deliveries that name it."""
    kind = "webhook_endpoint.deleted"
    row = view.maybe(endpoint_read(command.endpoint_id, ctx.call))
    if row is None:
        return refused(contract.ENDPOINT_NOT_FOUND, kind, command.endpoint_id)
    gone = {"state": "deleted", "disabled_because": None}
    shown = _shown({**row, **gone}, ())
    keys = store.DELETE_SECRETS(of_tenant=ctx.call.tenant_id, of_endpoint=shown.id)
    return Accepted(
        reply=shown,
        entries=(Entry(kind=kind, subject=shown.id, fields=_fields(shown)),),
        changes=(
            changed(row, ctx.call, **gone),
            Change(bound=keys),
        ),
    )


@handles(contract.RotateSecret, keys=_keys, reads=_reads)
def rotate_secret(view: View, command: contract.RotateSecret, ctx: Context) -> Outcome:
    """Add new keys; the newest old ones sign on during the overlap, those before end at once."""
    kind = "webhook_endpoint.secret_rotated"
    row = view.maybe(endpoint_read(command.endpoint_id, ctx.call))
    if row is None:
        return refused(contract.ENDPOINT_NOT_FOUND, kind, command.endpoint_id)
    ends_at = ctx.now + dt.timedelta(seconds=command.overlap_s)
    before = view.rows(secrets_read(command.endpoint_id, ctx.call))
    [newest] = [one for one in before if one["expires_at"] is None]
    old = PublicKeyShown(public_key=newest["public_key"], expires_at=ends_at)
    new = PublicKeyShown(public_key=command.public_key, expires_at=None)
    of = {"of_tenant": ctx.call.tenant_id, "of_endpoint": command.endpoint_id}
    fields = {"public_key": command.public_key, "overlap_s": command.overlap_s}
    return Accepted(
        reply=_shown(row, (new, old)),
        entries=(Entry(kind=kind, subject=command.endpoint_id, fields=fields),),
        # Never more than two: a delivery that carries six signatures is refused by receivers.
        changes=(
            Change(bound=store.DELETE_OLD_SECRETS(**of)),
            Change(bound=store.EXPIRE_SECRET(**of, ends_at=ends_at)),
            _insert_secret(command, command.endpoint_id, ctx),
        ),
    )


def _set(view: View, command: NAMED, ctx: Context, kind: str, **values: Any) -> Outcome:
    row = view.maybe(endpoint_read(command.endpoint_id, ctx.call))
    if row is None:
        return refused(contract.ENDPOINT_NOT_FOUND, kind, command.endpoint_id)
    keys = view.rows(secrets_read(command.endpoint_id, ctx.call))
    shown = _shown({**row, **values}, _public(keys, ctx.now))
    return Accepted(
        reply=shown,
        entries=(Entry(kind=kind, subject=shown.id, fields=_fields(shown)),),
        changes=(changed(row, ctx.call, **values),),
    )


def _insert_secret(
    command: contract.CreateEndpoint | contract.RotateSecret, endpoint_id: str, ctx: Context
) -> Change:
    return Change(
        bound=store.INSERT_SECRET(
            tenant_id=ctx.call.tenant_id,
            secret_id=command.secret_id,
            endpoint_id=endpoint_id,
            public_key=command.public_key,
            sealed=command.sealed,
            created_at=ctx.now,
            expires_at=None,
        )
    )


def _public(rows: Sequence[Row], now: dt.datetime) -> tuple[PublicKeyShown, ...]:
    return tuple(
        PublicKeyShown(public_key=row["public_key"], expires_at=row["expires_at"])
        for row in rows
        if row["expires_at"] is None or row["expires_at"] > now
    )


def _shown(row: Row, public_keys: tuple[PublicKeyShown, ...]) -> Endpoint:
    return Endpoint(
        id=row["endpoint_id"],
        url=row["url"],
        description=row["description"],
        kinds=tuple(row["kinds"].split()),
        state=row["state"],
        disabled_because=row["disabled_because"],
        failing_since=row["failing_since"],
        public_keys=public_keys,
        created_at=row["created_at"],
    )


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    """Return what an entry tells; of the URL its host alone, since paths hold passwords."""
    return {
        "host": urlsplit(endpoint.url).hostname or "",
        "kinds": list(endpoint.kinds),
        "state": endpoint.state,
        "public_keys": [one.public_key for one in endpoint.public_keys],
    }


def _no_url(kind: str, subject: str) -> Refused:
    return refused(contract.URL_NOT_ALLOWED, kind, subject, FieldError("/url", "not_allowed"))


HANDLERS: Final = (
    create_endpoint,
    update_endpoint,
    disable_endpoint,
    enable_endpoint,
    delete_endpoint,
    rotate_secret,
)
