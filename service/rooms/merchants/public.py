"""What handlers of rooms above may know of a merchant. Never of its keys."""

from dataclasses import dataclass

import msgspec

from service.db.statements import Bound
from service.rooms.merchants import store
from service.rooms.merchants.contract import Limits, Preset, ReviewMode
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import View

_LIMITS = msgspec.json.Decoder(dict[str, Limits])


@dataclass(frozen=True, slots=True, kw_only=True)
class MerchantSettings:
    """How a merchant's payments are judged.

    Attributes:
        preset: Which rules on proof hold.
        review_mode: Whether review stops execution or capture.
        is_active: A suspended merchant's commands may still wait in the queue: check it.
        limits: What may go on while the scorer is down, by currency.
    """

    preset: Preset
    review_mode: ReviewMode
    is_active: bool
    limits: dict[str, Limits]


def settings_read(call: Call) -> Bound:
    """Return the read that a command declares to know its merchant's settings."""
    return store.MERCHANT_BY_ID(tenant_id=call.tenant_id, merchant_id=call.merchant_id)


def settings(view: View, call: Call) -> MerchantSettings | None:
    """Return the calling merchant's settings from the declared read; None: no such merchant."""
    row = view.maybe(settings_read(call))
    if row is None:
        return None
    return MerchantSettings(
        preset=row["preset"],
        review_mode=row["review_mode"],
        is_active=row["status"] == "active",
        limits=_LIMITS.decode(row["limits"]),
    )
