"""What somebody does in the made-up world, as the body of the request that tells of it. Pure."""

import datetime as dt
import functools
from typing import Any, Final, Literal

import msgspec

from risk.simulation.people import HOME_COUNTRY, Card, Device, Payee, Payer

CURRENCY: Final = "CNY"
AMOUNT_MIN: Final = 100
AMOUNT_MAX: Final = 20_000_000
FINE_MAX: Final = 3_000
ROUND_MIN: Final = 20_000
DATES_KEPT: Final = 4_096
_EPOCH_DAY: Final = dt.date(1970, 1, 1).toordinal()
_MINUTES: Final = tuple(f"T{hour:02}:{minute:02}:" for hour in range(24) for minute in range(60))
_SECONDS: Final = tuple(f"{second:02}Z" for second in range(60))


class Deed(msgspec.Struct, frozen=True, kw_only=True):
    """A payment that somebody makes; times are seconds since 1970.

    Attributes:
        payer: None for a guest, who is known by an e-mail address alone.
        signed_in_s: How long before the payment they signed in; None: not at all.
        payee_added: When the payee was put on the payer's list; None: not told.
        balance_minor: Of the account before; None: not told.
        tells: How much is told: all; ids of payer, card and device; or the least there may be.
    """

    second: int
    amount_minor: int
    payee: Payee
    card: Card
    device: Device
    ip: str
    payer: Payer | None
    email: str | None = None
    country: str = HOME_COUNTRY
    name_check: str | None = None
    payee_added: int | None = None
    contact_changed: int | None = None
    signed_in_s: int | None = None
    has_call: bool = False
    has_remote: bool = False
    balance_minor: int | None = None
    tells: Literal["all", "ids", "least"] = "all"


def body(deed: Deed, reference: str) -> dict[str, Any]:
    """Return the request to create the payment: all values plain, money in minor units."""
    payee, device = deed.payee, deed.device
    if deed.tells != "all":
        return _brief(deed, reference)
    is_phone = device.platform not in {"windows", "macos"}
    told: dict[str, Any] = {
        "reference": reference,
        "kind": "transfer" if payee.type != "merchant" else "purchase",
        "occurred_at": text(deed.second),
        "amount": {"value": deed.amount_minor, "currency": CURRENCY},
        "payer": _payer(deed),
        "payee": _payee(deed),
        "instrument": {
            "instrument_id": deed.card.instrument_id,
            "type": "card",
            "network": deed.card.network,
            "funding": deed.card.funding,
            "bin": deed.card.bin,
            "issuer_country": HOME_COUNTRY,
            "added_at": text(deed.card.added),
        },
        "device": {
            "device_id": device.device_id,
            "platform": device.platform,
            "ip": deed.ip,
            "ip_country": deed.country,
            "remote_access": deed.has_remote,
            "call_active": deed.has_call,
        },
        "entry": "app" if is_phone else "web",
        "channel": "mobile_app" if is_phone else "website",
    }
    if deed.signed_in_s is None:
        told["authentication"] = {"sign_in": "none"}
    else:
        at = text(deed.second - deed.signed_in_s)
        told["authentication"] = {"sign_in": "password", "at": at}
    if payee.mcc is not None:
        told["mcc"] = payee.mcc
    if deed.balance_minor is not None:
        told["balance_before"] = {"value": deed.balance_minor, "currency": CURRENCY}
    return told


def _brief(deed: Deed, reference: str) -> dict[str, Any]:
    assert deed.payer is not None
    told: dict[str, Any] = {
        "reference": reference,
        "kind": "purchase",
        "occurred_at": text(deed.second),
        "amount": {"value": deed.amount_minor, "currency": CURRENCY},
        "payer": {"payer_id": deed.payer.payer_id},
        "payee": {"payee_id": deed.payee.payee_id},
    }
    if deed.tells == "ids":
        told["instrument"] = {"instrument_id": deed.card.instrument_id}
        told["device"] = {"device_id": deed.device.device_id}
    return told


def text(second: int) -> str:
    """Return an instant as RFC 3339 text, by tables: a world writes millions of them."""
    day, rest = divmod(second, 86_400)
    minute, rest = divmod(rest, 60)
    return _date(day) + _MINUTES[minute] + _SECONDS[rest]


def amount(minor: float) -> int:
    """Return an amount as people pay it: larger ones are rounder."""
    if minor > ROUND_MIN:
        minor = round(minor / 1_000) * 1_000
    elif minor > FINE_MAX:
        minor = round(minor / 50) * 50
    return min(max(int(minor), AMOUNT_MIN), AMOUNT_MAX)


@functools.lru_cache(DATES_KEPT)
def _date(day: int) -> str:
    return dt.date.fromordinal(_EPOCH_DAY + day).isoformat()


def _payer(deed: Deed) -> dict[str, Any]:
    if deed.payer is None:
        return {"email": deed.email}
    told: dict[str, Any] = {
        "payer_id": deed.payer.payer_id,
        "account_created_at": text(deed.payer.joined),
    }
    changed = deed.contact_changed
    if changed is not None and changed <= deed.second:
        told["contact_changed_at"] = text(changed)
    return told


def _payee(deed: Deed) -> dict[str, Any]:
    payee = deed.payee
    told: dict[str, Any] = {"payee_id": payee.payee_id, "type": payee.type, "name": payee.name}
    if deed.name_check is not None:
        told["name_check"] = deed.name_check
    if deed.payee_added is not None:
        told["added_at"] = text(deed.payee_added)
    return told
