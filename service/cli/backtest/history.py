"""A file of payments as columns: each different value is made once, not once a row.

The same column maps as `payguard replay` say which column is what. Contacts and addresses are
pseudonyms under a key of nothing: they are compared with each other and kept nowhere.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from keys.pseudonyms import Kind, ip_pseudonyms, pseudonym
from risk.facts import Facts
from risk.feature import Entity
from risk.offline.columns import ABSENT, Columns
from risk.offline.history import History, combined
from service.cli.replay.columns import ColumnMap, RowRefused, columns_of, minor_of, value_of
from service.cli.replay.labels import LabelMap
from service.kernel import facts as kernel
from service.rooms.payments.commands.translate import judged_facts
from service.rooms.payments.contract import CreatePaymentRequest, PaymentFacts, rule_errors

Ints = npt.NDArray[np.int64]
# The columns of a file: numpy arrays, or lists.
Values = Mapping[str, Any]
MERCHANT: Final = "backtest"
_KEY: Final = bytes(32)
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# What no two payments need share, and neither policy nor any rule looks at; see risk.facts.
_UNSEEN: Final = frozenset(
    {
        ("reference",),
        ("occurred_at",),
        ("amount", "value"),
        ("payee", "name"),
        ("payee", "account"),
        ("device", "session_id"),
        ("device", "user_agent"),
        ("order", "order_id"),
        ("order", "quote"),
    }
)


class Coded(NamedTuple):
    """A field of payments: a number for each different value.

    Attributes:
        code: By row; `ABSENT` where there is none.
        values: By number.
    """

    code: Ints
    values: list[Any]


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
    fields = _Fields(values, columns, size)
    second = _seconds(fields.raw(("occurred_at",)), size)
    amount, is_rounded, currency = fields.money
    is_sound = (second >= 0) & (amount >= 0) & fields.has(("reference",))
    keys = _keys(fields)
    is_sound &= (keys["payer"] != ABSENT) & (keys["payee"] != ABSENT)
    chosen = np.flatnonzero(is_sound)
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
    )
    refused = size - len(chosen)
    return Loaded(history, chosen, refused, int(is_rounded[chosen].sum()))


def labelled(values: Values, label: LabelMap) -> npt.NDArray[np.bool_]:
    """Return which rows are fraud by a map's labels; one without a label is not."""
    names = columns_of(label.intent)
    columns = [_coded(values[name]).code for name in names]
    _, rows, group = np.unique(combined(columns), return_index=True, return_inverse=True)
    told = [value_of(label.intent, {name: values[name][row] for name in names}) for row in rows]
    intents = [label.intents.get(str(one)) for one in told]
    found = np.array([one not in {None, "normal"} for one in intents], np.bool_)
    return found[group.reshape(-1)]


class _Fields:
    """The fields of all payments, made when they are asked for."""

    def __init__(self, values: Values, columns: ColumnMap, size: int) -> None:
        self._values = values
        self._map = columns
        self._size = size
        self._coded: dict[str, Coded] = {}
        self._found: dict[tuple[str, ...], Coded] = {}

    def raw(self, path: tuple[str, ...]) -> Any:
        """Return a field that is a column of the file and nothing else, as it is there."""
        template = _at(self._map.payment, path)
        [column] = columns_of(template) or [None]
        if column is None or template != f"{{{column}}}":
            return [value_of(template, {})] * self._size
        return self._values[column]

    def of(self, path: tuple[str, ...]) -> Coded:
        """Return a field by its path in the request."""
        if path not in self._found:
            usual = self._of(_at(self._map.payment, path))
            if path[0] in self._map.zero and path != ("amount", "value"):
                usual = self._with_zero(usual, self._of(_at(self._map.zero, path)))
            self._found[path] = usual
        return self._found[path]

    @cached_property
    def money(self) -> tuple[Ints, npt.NDArray[np.bool_], Ints]:
        """Return amounts in minor units (-1: none), whether each was rounded, and currencies."""
        return _money(self)

    def paths(self) -> list[tuple[str, ...]]:
        """Return every field that somebody may look at, by its path."""
        found = dict.fromkeys((*_leaves(self._map.payment, ()), *_leaves(self._map.zero, ())))
        return [path for path in found if path not in _UNSEEN and path[0] != "metadata"]

    def has(self, path: tuple[str, ...]) -> npt.NDArray[np.bool_]:
        """Return where a field is, without making values that no two payments share."""
        template = _at(self._map.payment, path)
        found = np.full(self._size, template is not None)
        for name in columns_of(template):
            column = self._values[name]
            if not isinstance(column, np.ndarray):
                found &= np.fromiter((one not in {None, ""} for one in column), np.bool_)
        return found

    def column(self, name: str) -> Coded:
        """Return a column of the file."""
        if name not in self._coded:
            self._coded[name] = _coded(self._values[name])
        return self._coded[name]

    def _of(self, template: Any) -> Coded:
        names = tuple(dict.fromkeys(columns_of(template)))
        if not names:
            value = None if template is None else value_of(template, {})
            code = np.full(self._size, ABSENT if value is None else 0, np.int64)
            return Coded(code, [] if value is None else [value])
        columns = [self.column(name) for name in names]
        if len(columns) == 1:
            [one], [name] = columns, names
            return _merged(one.code, [value_of(template, {name: value}) for value in one.values])
        group = combined([one.code for one in columns])
        _, rows, group = np.unique(group, return_index=True, return_inverse=True)
        made = [
            value_of(template, {name: self._values[name][row] for name in names}) for row in rows
        ]
        return _merged(group.reshape(-1).astype(np.int64), made)

    def _with_zero(self, usual: Coded, zero: Coded) -> Coded:
        amount = self.money[0]
        moved = np.where(zero.code == ABSENT, ABSENT, zero.code + len(usual.values))
        both = np.where(amount == 0, moved, usual.code)
        return _merged(both, [*usual.values, *zero.values])


def _leaves(template: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field that a map fills in."""
    if not isinstance(template, dict):
        yield path
        return
    for name, part in template.items():
        yield from _leaves(part, (*path, name))


def _merged(code: Ints, values: list[Any]) -> Coded:
    """Return values with those that are equal under one number, and those that are None absent."""
    places: dict[Any, int] = {}
    number = [ABSENT if one is None else places.setdefault(one, len(places)) for one in values]
    found = np.array([*number, ABSENT], np.int64)[code]
    return Coded(found, list(places))


def _coded(values: Any) -> Coded:
    if isinstance(values, np.ndarray) and values.dtype.kind in "iufM":
        different, code = np.unique(values, return_inverse=True)
        return Coded(code.reshape(-1).astype(np.int64), different.tolist())
    places: dict[Any, int] = {}
    code = np.fromiter((places.setdefault(one, len(places)) for one in values), np.int64)
    return Coded(code, list(places))


def _at(template: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        template = template.get(name) if isinstance(template, dict) else None
    return template


def _seconds(values: Any, size: int) -> Ints:
    """Return event times in whole seconds; -1 for what is no time."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M":
        return values.astype("datetime64[s]").astype(np.int64)
    return np.fromiter((_second(one) for one in values), np.int64, size)


def _second(value: Any) -> int:
    try:
        at = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        return -1
    at = at if at.tzinfo is not None else at.replace(tzinfo=dt.UTC)
    return (at - _EPOCH) // dt.timedelta(seconds=1)


def _money(fields: _Fields) -> tuple[Ints, npt.NDArray[np.bool_], Ints]:
    """Return amounts in minor units (-1: none), whether each was rounded, and its currency."""
    value, currency = fields.of(("amount", "value")), fields.of(("amount", "currency"))
    minor, rounded = np.full(len(value.code), -1, np.int64), np.zeros(len(value.code), np.bool_)
    for number, name in enumerate(currency.values):
        made = [_minor(one, str(name)) for one in value.values]
        amounts = np.array([*(one[0] for one in made), -1], np.int64)[value.code]
        is_rounded = np.array([*(one[1] for one in made), False], np.bool_)[value.code]
        own = currency.code == number
        minor, rounded = np.where(own, amounts, minor), np.where(own, is_rounded, rounded)
    return minor, rounded, currency.code


def _minor(value: Any, currency: str) -> tuple[int, bool]:
    try:
        return minor_of(value, currency)
    except RowRefused:
        return -1, False


def _keys(fields: _Fields) -> dict[Entity, Ints]:
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
    return _merged(field.code, made).code


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
