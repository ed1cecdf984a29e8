"""The column map: from a row of a file to the request of one payment. Pure but for its reading."""

import datetime as dt
import re
import tomllib
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from service.cli.replay.labels import Label, LabelMap, known_at
from service.cli.screen import Failure
from service.kernel.money import EXPONENTS, VALUE_MAX

Row = Mapping[str, Any]
Body = dict[str, Any]

# Maps that come with the software, by name.
SHIPPED: Final = ("handbook", "handbook_labelled", "simulated")
REQUIRED: Final = ("reference", "kind", "occurred_at", "amount", "payee", "payer")
# Fields of a device that are true or false.
FLAGS: Final = ("remote_access", "call_active")
_FLAG_TEXTS: Final = {"true": True, "1": True, "false": False, "0": False}
# Digits before the point; beyond them a number is no amount, and takes long to make whole.
DIGITS_MAX: Final = 18
_COLUMN: Final = re.compile(r"\{([^{}]+)\}")


class RowRefused(Exception):  # noqa: N818  says what is wrong with the row
    """A row cannot be made a payment; the sentence names the column, never its value."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One payment as it will be sent.

    Attributes:
        reference: The merchant's own id of it; the idempotency key is made from it.
        payer: Who pays; one payer's payments are sent one after another.
        body: The request's body.
        is_rounded: The amount had more decimals than its currency.
        occurred_at: The time that is sent.
        label: What it turned out to be; None where the file says nothing.
    """

    reference: str
    payer: str
    body: Body
    is_rounded: bool
    occurred_at: dt.datetime
    label: Label | None = None


class _Map(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    payment: dict[str, Any]
    zero: dict[str, Any] = {}
    label: LabelMap | None = None
    origin: Literal["trained", "simulated"] = "trained"


class ColumnMap:
    """Says which columns of a file make which fields of a payment.

    Args:
        content: The parsed TOML: a table `payment` shaped like the request, and a table `zero`
            with what differs where the amount is 0; perhaps a table `label`, see `LabelMap`;
            perhaps an `origin`.

    Attributes:
        columns: Those that payments need.
        label_columns: Those that labels need besides; empty where the map has none.
        origin: `simulated` where the payments happened to nobody, so that a model of them judges
            nobody's money.

    Raises:
        Failure: It is not a map.
    """

    def __init__(self, content: Mapping[str, Any], *, name: str) -> None:
        try:
            self._map = msgspec.convert(content, _Map)
        except msgspec.ValidationError as error:
            raise _map_refused(name, str(error)) from error
        missing = [field for field in REQUIRED if field not in self._map.payment]
        if missing:
            raise _map_refused(name, f"[payment] has no {', '.join(missing)}")
        self.payment: Final = self._map.payment
        self.zero: Final = self._map.zero
        self.label: Final = self._map.label
        label = self.label
        wrong = None if label is None else label.wrong()
        if wrong is not None:
            raise _map_refused(name, wrong)
        self.columns: Final = columns_of(self._map.payment, self._map.zero)
        named = () if label is None else columns_of(label.texts)
        self.label_columns: Final = tuple(one for one in named if one not in self.columns)
        self.origin: Final = self._map.origin
        self.has_labels: Final = label is not None

    def request(self, row: Row, *, now: dt.datetime | None) -> Request:
        """Return the payment of a row.

        Args:
            row: Values by column.
            now: Sent instead of the row's own time; None sends that.

        Raises:
            RowRefused: A value cannot be what the map takes it for.
        """
        body = _filled(self._map.payment, row)
        if not isinstance(body.get("reference"), str):
            raise RowRefused("reference: empty")
        amount = body.get("amount")
        if not isinstance(amount, dict) or "value" not in amount:
            raise RowRefused("amount: empty")
        value, is_rounded = minor_of(amount["value"], str(amount.get("currency")))
        body["amount"] = {**amount, "value": value}
        if value == 0:
            body.update(_filled(self._map.zero, row))
        _typed(body)
        occurred_at = _instant(body.get("occurred_at") if now is None else now, "occurred_at")
        body["occurred_at"] = occurred_at.isoformat().replace("+00:00", "Z")
        return Request(
            reference=body["reference"],
            payer=str(body.get("payer")),
            body=body,
            is_rounded=is_rounded,
            occurred_at=occurred_at,
        )

    def labelled(self, request: Request, row: Row) -> Request:
        """Return a payment with its label, where the row has one.

        Raises:
            RowRefused: A value of the label cannot be what the map takes it for.
        """
        label = self._map.label
        if label is None:
            return request
        filled = _filled(label.texts, row)
        intent = label.intents.get(str(filled.get("intent")))
        if intent is None:
            return request
        if not {"source", "external_id"} <= filled.keys():
            raise RowRefused("label: source or external_id empty")
        at = known_at(label, filled, paid_at=request.occurred_at)
        told = {name: str(filled[name]) for name in ("source", "external_id")}
        return msgspec.structs.replace(
            request,
            label=Label(
                reference=request.reference,
                payer=request.payer,
                known_at=_instant(at, "label.known_at"),
                told={"intent": intent, **told},
            ),
        )


def _typed(body: Body) -> None:
    """Give flags and the balance the types that the request has; a CSV file has texts alone.

    Raises:
        RowRefused: A value cannot be what its field is.
    """
    device = body.get("device")
    for name in FLAGS:
        if isinstance(device, dict) and isinstance(device.get(name), str):
            told = _FLAG_TEXTS.get(device[name].lower())
            if told is None:
                raise RowRefused(f"device.{name}: neither true nor false")
            device[name] = told
    balance = body.get("balance_before")
    if not isinstance(balance, dict):
        return
    if "value" not in balance:
        # A currency alone, where the map gives it to every row.
        del body["balance_before"]
        return
    minor, _ = minor_of(balance["value"], str(balance.get("currency")))
    body["balance_before"] = {**balance, "value": minor}


def load_map(name: str) -> ColumnMap:
    """Return a map that comes with the software, by its name, or one of a file.

    Raises:
        Failure: There is no such map, or it is none.
    """
    try:
        if name in SHIPPED:
            text = (resources.files("service.cli.replay") / "maps" / f"{name}.toml").read_text()
        else:
            text = Path(name).read_text("utf-8")
        return ColumnMap(tomllib.loads(text), name=name)
    except OSError as error:
        raise Failure(
            "map_unreadable",
            f"the column map {name} cannot be read: {error.strerror}",
            then=f"give the path of a TOML file, or one of: {', '.join(SHIPPED)}",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _map_refused(name, str(error)) from error


def _map_refused(name: str, why: str) -> Failure:
    return Failure(
        "map_invalid",
        f"{name} is no column map: {why}",
        then="docs/replay.md shows a whole one; `--map handbook` is one",
    )


def columns_of(*templates: Any) -> tuple[str, ...]:
    """Return the columns that templates name, each once."""
    texts = (text for template in templates for text in _texts(template))
    return tuple(dict.fromkeys(column for text in texts for column in _COLUMN.findall(text)))


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)


def _filled(template: Mapping[str, Any], row: Row) -> Body:
    """Return a table with its columns filled in; what stays empty is left out."""
    filled = ((name, value_of(part, row)) for name, part in template.items())
    return {name: value for name, value in filled if value is not None}


def value_of(template: Any, row: Row) -> Any:
    """Return a template with its columns filled in; None where one of them is empty."""
    if isinstance(template, dict):
        return _filled(template, row) or None
    if not isinstance(template, str):
        return template
    whole = _COLUMN.fullmatch(template)
    if whole:
        # A lone column keeps its type: times and amounts are read from it, not from its text.
        value = row[whole[1]]
        return None if _is_empty(value) else value if _is_special(value) else str(value)
    if any(_is_empty(row[column]) for column in _COLUMN.findall(template)):
        return None
    return _COLUMN.sub(lambda found: str(row[found[1]]), template)


def _is_empty(value: Any) -> bool:
    return value is None or value == ""


def _is_special(value: Any) -> bool:
    return isinstance(value, bool | dt.datetime | float | Decimal)


def minor_of(value: Any, currency: str) -> tuple[int, bool]:
    """Return an amount in minor units, and whether it had to be rounded.

    A float stands for the decimal number that it is written as: 57.16, not 57.1599999...
    """
    try:
        major = Decimal(repr(value) if isinstance(value, float) else str(value).strip())
    except InvalidOperation:
        raise RowRefused("amount.value: no number") from None
    exponent = EXPONENTS.get(currency)
    if exponent is None:
        raise RowRefused("amount.currency: no ISO 4217 code")
    # A giant exponent would take minutes to become an integer, so it is looked at first.
    if not major.is_finite() or major.adjusted() > DIGITS_MAX or major < 0:
        raise RowRefused("amount.value: not an amount of money")
    exact = major.scaleb(exponent)
    minor = int(exact.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    if minor > VALUE_MAX:
        raise RowRefused("amount.value: larger than a payment may be")
    return minor, exact != minor


def _instant(value: Any, name: str) -> dt.datetime:
    """Return a time with its offset; one without an offset is UTC."""
    try:
        at = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise RowRefused(f"{name}: no time") from None
    return at.replace(tzinfo=dt.UTC) if at.tzinfo is None else at
