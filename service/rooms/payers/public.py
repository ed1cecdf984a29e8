"""What handlers of rooms above may know of a payer, and tell. Never an undeclared read."""

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from service.db.statements import Bound
from service.rooms.payers import store
from service.rooms.payers.model import (
    UNREGISTERED,
    Link,
    LinkKind,
    Profile,
    consent_stands,
    device_is_known,
    payee_is_known,
    payee_is_new,
)
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Change

__all__ = [
    "Link",
    "LinkKind",
    "LinkTo",
    "Profile",
    "device_is_known",
    "fraud_change",
    "link_change",
    "links",
    "links_read",
    "owner",
    "payee_is_known",
    "payee_is_new",
    "payer_key",
    "payer_read",
    "profile",
]


class LinkTo(NamedTuple):
    """What a payer is linked with: a device, a payee or an instrument, by the merchant's id."""

    kind: LinkKind
    key: str


def payer_key(call: Call, payer_id: str) -> str:
    """Return the batch key of a payer: whoever reads or changes one names it."""
    return f"payer:{call.tenant_id}:{call.merchant_id}:{call.mode}:{payer_id}"


def owner(call: Call, payer_id: str) -> dict[str, str]:
    """Return the columns that say whose row it is."""
    return {
        "tenant_id": call.tenant_id,
        "merchant_id": call.merchant_id,
        "mode": call.mode,
        "payer_id": payer_id,
    }


def payer_read(call: Call, payer_id: str) -> Bound:
    """Return the read to declare for `profile`."""
    return store.PAYER_BY_ID(**owner(call, payer_id))


def links_read(call: Call, payer_id: str, to: Iterable[LinkTo]) -> Bound:
    """Return the read to declare for `links`; of each kind but instruments, one at most."""
    keys: dict[str, str | None] = {"payee_id": None, "device_id": None}
    keys.update((f"{one.kind}_id", one.key) for one in to)
    return store.LINKS_OF(**owner(call, payer_id), **keys)


def profile(view: View, call: Call, payer_id: str) -> Profile:
    """Return what a payer agreed to and is guarded by; of one never registered: nothing."""
    row = view.maybe(payer_read(call, payer_id))
    if row is None:
        return UNREGISTERED
    return Profile(
        has_small_consent=consent_stands(
            row["small_consent_at"], row["small_consent_withdrawn_at"]
        ),
        is_protected=row["is_protected"],
        is_protected_small_allowed=row["is_protected_small_allowed"],
        account_created_at=row["account_created_at"],
    )


def links(view: View, call: Call, payer_id: str, to: Iterable[LinkTo]) -> dict[LinkKind, Link]:
    """Return what connects a payer with a payee and a device, by kind; absent: nothing yet."""
    return {row["kind"]: Link(**row) for row in view.rows(links_read(call, payer_id, to))}


def link_change(ctx: Context, payer_id: str, to: LinkTo, *, level_proved: int) -> Change:
    """Return the change that records an executed payment with a device, payee or instrument.

    The first time that a link paid, and the first time that a proof came with it, are kept.

    Args:
        ctx: The command's; its `now` is when the payment was executed.
        payer_id: The merchant's id of the payer.
        to: What the payment was made with.
        level_proved: Strongest level of proof given for the payment, 0 for none.
    """
    bound = store.RECORD_LINK(
        **owner(ctx.call, payer_id),
        kind=to.kind,
        key=to.key,
        first_paid_at=ctx.now,
        proved_at=ctx.now if level_proved > 0 else None,
    )
    return Change(bound=bound)


def fraud_change(call: Call, payer_id: str, to: LinkTo, *, known_at: dt.datetime) -> Change:
    """Return the change that records that a payment with a device, payee or instrument was fraud.

    The first time is kept, whatever is said of that payment later: who was doubted once has to
    give proof.

    Args:
        call: Whose payer it is.
        payer_id: The merchant's id of the payer.
        to: What the payment was made with.
        known_at: When that became known.
    """
    bound = store.RECORD_FRAUD(**owner(call, payer_id), kind=to.kind, key=to.key, fraud_at=known_at)
    return Change(bound=bound)
