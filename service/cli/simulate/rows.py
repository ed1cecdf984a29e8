"""Payments and labels of the made-up world as rows of a table. Pure; opens no file."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from risk.simulation.shapes import Paid, Told
from service.kernel.money import EXPONENTS

# Column -> where its value stands in a request; the order is that of the file.
_PATHS: Final[dict[str, tuple[str, ...]]] = {
    "reference": ("reference",),
    "occurred_at": ("occurred_at",),
    "kind": ("kind",),
    "currency": ("amount", "currency"),
    "payer_id": ("payer", "payer_id"),
    "email": ("payer", "email"),
    "account_created_at": ("payer", "account_created_at"),
    "contact_changed_at": ("payer", "contact_changed_at"),
    "payee_id": ("payee", "payee_id"),
    "payee_type": ("payee", "type"),
    "payee_name": ("payee", "name"),
    "name_check": ("payee", "name_check"),
    "payee_added_at": ("payee", "added_at"),
    "instrument_id": ("instrument", "instrument_id"),
    "instrument_type": ("instrument", "type"),
    "network": ("instrument", "network"),
    "funding": ("instrument", "funding"),
    "bin": ("instrument", "bin"),
    "issuer_country": ("instrument", "issuer_country"),
    "instrument_added_at": ("instrument", "added_at"),
    "device_id": ("device", "device_id"),
    "platform": ("device", "platform"),
    "ip": ("device", "ip"),
    "ip_country": ("device", "ip_country"),
    "remote_access": ("device", "remote_access"),
    "call_active": ("device", "call_active"),
    "sign_in": ("authentication", "sign_in"),
    "signed_in_at": ("authentication", "at"),
    "balance_currency": ("balance_before", "currency"),
    "entry": ("entry",),
    "channel": ("channel",),
    "mcc": ("mcc",),
}
# Amounts stand in the file in major units, exactly.
_AMOUNTS: Final = {"amount": "amount", "balance_before": "balance_before"}
# The truth, which no label has to say; training must not look at it.
_TRUTH: Final = ("scenario", "level")
_LABEL: Final = ("intent", "source", "known_at")
COLUMNS: Final = (*_PATHS, *_AMOUNTS, *_LABEL, *_TRUTH)


def rows(events: Iterable[Paid | Told]) -> Iterator[dict[str, str]]:
    """Yield each payment as texts by column, "" where it has none, in the order of their times.

    All is held until the last label is there: a row holds its payment's label, which is known
    days later.
    """
    payments: list[Paid] = []
    labels: dict[str, Told] = {}
    for event in events:
        if isinstance(event, Paid):
            payments.append(event)
        else:
            labels[event.reference] = event
    for paid in payments:
        yield _row(paid, labels.get(paid.body["reference"]))


def _row(paid: Paid, told: Told | None) -> dict[str, str]:
    row = {name: _text(_at(paid.body, path)) for name, path in _PATHS.items()}
    for name, path in _AMOUNTS.items():
        row[name] = _major(paid.body.get(path))
    row["intent"] = told.intent if told else ""
    row["source"] = told.source if told else ""
    row["known_at"] = told.at.isoformat().replace("+00:00", "Z") if told else ""
    row["scenario"] = paid.scenario
    row["level"] = str(paid.level)
    return row


def _at(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = value.get(name) if value is not None else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _major(money: dict[str, Any] | None) -> str:
    if money is None:
        return ""
    exponent = EXPONENTS[money["currency"]]
    whole, part = divmod(money["value"], 10**exponent)
    return f"{whole}.{part:0{exponent}}" if exponent else str(whole)
