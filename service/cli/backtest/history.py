"""A file of payments as columns: each different value is made once, not once a row.

The same column maps as `payguard replay` say which column is what. Contacts and addresses are
pseudonyms under a key of nothing: they are compared with each other and kept nowhere.
"""

import datetime as dt
import functools
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, get_args

import msgspec
import numpy as np
import numpy.typing as npt

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.facts import Facts
from risk.feature import Entity, Other
from risk.offline.columns import ABSENT, Columns
from risk.offline.history import KEYS, SECOND_US, History, combined
from service.cli.backtest.fields import Coded, Fields, Ints, Values, coded, merged
from service.cli.replay.columns import ColumnMap, RowRefused, columns_of, value_of
from service.cli.replay.labels import LabelMap
from service.kernel import facts as kernel
from service.rooms.payments.commands.translate import judged_facts
from service.rooms.payments.contract import CreatePaymentRequest, PaymentFacts, rule_errors

MERCHANT: Final = "backtest"
_KEY: Final = bytes(32)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_REFERENCE: Final = ("reference",)
_METADATA: Final = "metadata"
# Looked at row by row.
_READ: Final[frozenset[tuple[str, ...]]] = frozenset({("occurred_at",), ("amount", "value")})
_CONTACTS: Final[tuple[tuple[tuple[str, ...], Entity], ...]] = (
    (("payer", "email"), "email"),
    (("payer", "phone"), "phone"),
    (("device", "ip"), "ip"),
)


class Loaded(NamedTuple):
    """A history with what became of the file's rows.

    Attributes:
        row: The file's row of each payment of the history, from 0.
        refused: How many rows are no payments.
        rounded: How many amounts had more decimals than their currency.
    """

    history: History
    row: Ints
    refused: int
    rounded: int


def load_history(values: Values, columns: ColumnMap, *, preset: str) -> Loaded:
    """Return the payments of a file, in the order of their times.

    Args:
        values: The file's columns, of one length.
        columns: Says which column is what.
        preset: Code of the preset under which they are judged.
    """
    size = len(next(iter(values.values()), ()))
    fields = Fields(values, columns, size)
    instant_us = instants_of(fields.raw(("occurred_at",)), size)
    second = instant_us // SECOND_US
    amount, is_rounded, currency = fields.money
    is_sound = (second >= 0) & (amount >= 0) & fields.has(_REFERENCE)
    keys = _keys(fields)
    is_sound &= (keys["payer"] != ABSENT) & (keys["payee"] != ABSENT)
    is_sound &= _named(fields, keys)
    chosen = np.flatnonzero(is_sound)
    chosen = chosen[_taken(values, columns, fields, chosen)[chosen]]
    chosen = chosen[np.argsort(second[chosen], kind="stable")]
    found = Columns(
        second=second[chosen],
        amount_minor=amount[chosen],
        currency=currency[chosen],
        is_declined=np.zeros(len(chosen), np.int64),
        keys={entity: key[chosen] for entity, key in keys.items()},
    )
    history = History(
        columns=found,
        told={".".join(path): fields.of(path).code[chosen] for path in fields.paths()},
        facts=_facts(values, columns, chosen),
        preset=preset,
        fraction_us=(instant_us % SECOND_US)[chosen],
    )
    refused = size - len(chosen)
    return Loaded(history, chosen, refused, int(is_rounded[chosen].sum()))


def labelled(values: Values, label: LabelMap) -> npt.NDArray[np.bool_]:
    """Return which rows are fraud by a map's labels; one without a label is not."""
    names = columns_of(label.intent)
    columns = [coded(values[name]).code for name in names]
    _, rows, group = np.unique(combined(columns), return_index=True, return_inverse=True)
    told = [value_of(label.intent, {name: values[name][row] for name in names}) for row in rows]
    intents = [label.intents.get(str(one)) for one in told]
    found = np.array([one not in {None, "normal"} for one in intents], np.bool_)
    return found[group.reshape(-1)]


def seconds_of(values: Any, size: int) -> Ints:
    """Return event times in whole seconds; -1 for what is no time."""
    return instants_of(values, size) // SECOND_US


def instants_of(values: Any, size: int) -> Ints:
    """Return event times in microseconds; -1 for what is no time."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return values.astype("datetime64[us]").astype(np.int64)
    return np.fromiter((_instant_us(one) for one in values), np.int64, size)


def _instant_us(value: Any) -> int:
    try:
        at = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        return -1
    at = at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)
    return (at - _EPOCH) // dt.timedelta(microseconds=1)


def _keys(fields: Fields) -> dict[Other, Ints]:
    """Return a number for each key of every entity, as the door would make the keys."""
    email = _mapped(fields.of(("payer", "email")), _pseudonym(Kind.EMAIL))
    phone = _mapped(fields.of(("payer", "phone")), _pseudonym(Kind.PHONE))
    payer_id = fields.of(("payer", "payer_id")).code
    # A guest is known by a contact; each kind of key has numbers of its own.
    stride = 1 + max(int(one.max(initial=0)) for one in (payer_id, email, phone))
    guest = np.where(
        email != ABSENT, email + stride, np.where(phone != ABSENT, phone + 2 * stride, ABSENT)
    )
    ip = fields.of(("device", "ip"))
    return {
        "payer": np.where(payer_id != ABSENT, payer_id, guest),
        "payee": fields.of(("payee", "payee_id")).code,
        "email": email,
        "phone": phone,
        "device": fields.of(("device", "device_id")).code,
        "instrument": fields.of(("instrument", "instrument_id")).code,
        "bin": fields.of(("instrument", "bin")).code,
        "issuer_country": fields.of(("instrument", "issuer_country")).code,
        "address": fields.of(("order", "shipping", "address_id")).code,
        "ip": _mapped(ip, lambda one: _network(one, -1)),
        "ip_24": _mapped(ip, lambda one: _network(one, -2)),
        "merchant": np.zeros_like(payer_id),
    }


def _mapped(field: Coded, make: Callable[[str], str]) -> Ints:
    made: list[str | None] = []
    for one in field.values:
        try:
            made.append(make(str(one)))
        except ValueError:
            made.append(None)
    return merged(field.code, made).code


def _pseudonym(kind: Kind) -> Callable[[str], str]:
    return lambda value: pseudonym(_KEY, kind, value, tenant_id=MERCHANT)


def _network(value: str, place: int) -> str:
    return ip_pseudonyms(_KEY, value, tenant_id=MERCHANT)[place]


def _facts(values: Values, columns: ColumnMap, chosen: Ints) -> Callable[[int], Facts]:
    def facts(row: int) -> Facts:
        place = chosen[row]
        told = {name: _plain(values[name][place]) for name in columns.columns}
        return facts_of(columns.request(told, now=None).body)

    return facts


def _named(fields: Fields, keys: Mapping[Other, Ints]) -> npt.NDArray[np.bool_]:
    """Return which rows say of each payment alone what the door takes."""
    found = np.ones_like(keys["payer"], np.bool_)
    grouped = {path for path in fields.paths() if ".".join(path) not in KEYS}
    for path in fields.leaves:
        # Numbers are printable, and there is one for each row: looking would take seconds.
        if path in grouped | _READ or (path == _REFERENCE and not fields.has_texts(path)):
            continue
        field = fields.of(path)
        wrong = [number for number, one in enumerate(field.values) if not _is_fit(one, path)]
        found &= ~np.isin(field.code, wrong)
    for path, entity in _CONTACTS:
        found &= (fields.of(path).code == ABSENT) == (keys[entity] == ABSENT)
    return found


def _is_fit(value: Any, path: tuple[str, ...]) -> bool:
    """Say whether the contract takes a value; a field that it does not know is refused later."""
    kind, told = _kind(path), value
    if path[0] == _METADATA:
        kind, told = kernel.Metadata, {".".join(path[1:]): value}
    try:
        msgspec.convert(told, kind)
    except msgspec.ValidationError:
        return False
    return True


@functools.cache
def _kind(path: tuple[str, ...]) -> Any:
    """Return the type of a field of a request."""
    kind: Any = CreatePaymentRequest
    for name in path:
        blocks = [one for one in (kind, *get_args(kind)) if hasattr(one, "__struct_fields__")]
        told = {one.name: one.type for block in blocks for one in msgspec.structs.fields(block)}
        kind = told.get(name, Any)
    return kind


def _taken(
    values: Values, columns: ColumnMap, fields: Fields, chosen: Ints
) -> npt.NDArray[np.bool_]:
    """Return which rows the door would take; one is tried of all that were told the same."""
    found = np.ones(len(fields.money[0]), np.bool_)
    if not len(chosen):
        return found
    told = [fields.of(path).code for path in fields.paths() if ".".join(path) not in KEYS]
    told.append((fields.money[0] == 0).astype(np.int64))
    _, rows, group = np.unique(
        combined([one[chosen] for one in told]), return_index=True, return_inverse=True
    )
    is_taken = [_is_taken(values, columns, int(chosen[row])) for row in rows]
    found[chosen] = np.array(is_taken, np.bool_)[group.reshape(-1)]
    return found


def _is_taken(values: Values, columns: ColumnMap, place: int) -> bool:
    told = {name: _plain(values[name][place]) for name in columns.columns}
    try:
        # The reference is this row's own, and says nothing of the others.
        facts_of({**columns.request(told, now=None).body, "reference": MERCHANT})
    except RowRefused:
        return False
    return True


def _plain(value: Any) -> Any:
    if isinstance(value, np.datetime64):
        return value.astype("datetime64[us]").item()
    return value.item() if isinstance(value, np.generic) else value


def facts_of(body: Mapping[str, Any]) -> Facts:
    """Return the facts that a request's body leads to.

    Raises:
        RowRefused: The door would not take it; the sentence names the field, never its value.
    """
    try:
        asked = msgspec.convert(body, CreatePaymentRequest)
    except msgspec.ValidationError as error:
        raise RowRefused(str(error)) from None
    errors = rule_errors(asked)
    if errors:
        raise RowRefused(", ".join(f"{one.pointer}: {one.code}" for one in errors))
    told = msgspec.structs.asdict(asked)
    payer, device = asked.payer, asked.device
    try:
        email = payer.email and _pseudonym(Kind.EMAIL)(payer.email)
        phone = payer.phone and _pseudonym(Kind.PHONE)(payer.phone)
        told["payer"] = kernel.PayerKept(
            payer_key=payer.payer_id or email or phone or "",
            payer_id=payer.payer_id,
            account_created_at=payer.account_created_at,
            contact_changed_at=payer.contact_changed_at,
            email_key=email,
            phone_key=phone,
        )
        if device is not None:
            seen = msgspec.structs.asdict(device)
            ip = seen.pop("ip")
            ip_keys = () if ip is None else ip_pseudonyms(_KEY, ip, tenant_id=MERCHANT)
            told["device"] = kernel.DeviceKept(**seen, ip_keys=ip_keys)
    except ValueError:
        raise RowRefused("a contact or an address is malformed") from None
    kept = PaymentFacts(**told)
    return judged_facts(
        kept,
        stage="payout" if kept.kind == "payout" else "pre_payment",
        occurred_at=kept.occurred_at,
        amount=kept.amount,
        merchant_id=MERCHANT,
    )
