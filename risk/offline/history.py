"""Payments that were, as columns, and what rules and policy read of them besides features. Pure.

History does not say what a payer agreed to or was guarded by, nor what was counted: no payment
goes through without proof under an exemption, and no day has spent anything before. A payee is
new to a payer up to the first payment between them.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from risk.events import is_recently_changed
from risk.facts import Circumstances, Counter, Facts, Stage
from risk.lists import ListHit
from risk.offline.columns import ABSENT, Columns
from risk.offline.rules import Column
from risk.rules.fields import make_fields, make_read
from risk.strategy import Strategy

Ints = npt.NDArray[np.int64]
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
PRODUCT_MAX: Final = 2**62
# Who and what: many, and looked at by policy only as being there or not.
_IDS: Final = ("payer.payer_id", "device.device_id", "instrument.instrument_id")
KEYS: Final = frozenset(
    {
        *_IDS,
        *("payee.payee_id", "payer.email", "payer.phone", "device.ip", "instrument.bin"),
        *("order.shipping.address_id", "parent_id", "retry_of"),
    }
)
# The keys that a rule may name.
_NAMED: Final = {
    "payer_id": "payer.payer_id",
    "payee_id": "payee.payee_id",
    "instrument_id": "instrument.instrument_id",
    "device_id": "device.device_id",
    "retry_of": "retry_of",
}
# What follows from what was told alone; all else that is derived follows from the time as well.
_BY_FACTS: Final = frozenset({"exemption_limit_minor"})
_BY_AMOUNT: Final = frozenset({"balance_share"})
# `block_list:payee`: no other field has it in its name.
LIST_SIGN: Final = ":"
# A day begins on a whole minute in every preset, so an hour is the same all through a minute.
_BY_MINUTE: Final = frozenset({"local_hour"})


class Listed(NamedTuple):
    """Which entries of lists each payment matches.

    Attributes:
        code: By row, a place in `hits`.
        hits: Entries that some payment matches together; none that matches nothing may be one.
    """

    code: Ints
    hits: tuple[tuple[ListHit, ...], ...]

    def of(self, row: int) -> tuple[ListHit, ...]:
        """Return the entries that a row matches."""
        return self.hits[self.code[row]]


class History(NamedTuple):
    """Payments that were, in the order of event times and of coming to us.

    Attributes:
        columns: What features are made of; what was declined is judged anew.
        told: Field of a request, its parts joined by dots -> a number for each of its values, by
            row; `ABSENT` where there is none. All but times of the payment and amounts.
        facts: Returns the facts of a row, at the stage of a payment's creation.
        preset: Code of the preset under which all are judged.
        fraction_us: By row, what its time has beyond whole seconds; None where that is nothing.
        listed: Entries of lists that they match; None where there are no lists.
    """

    columns: Columns
    told: Mapping[str, Ints]
    facts: Callable[[int], Facts]
    preset: str
    fraction_us: Ints | None = None
    listed: Listed | None = None

    @property
    def size(self) -> int:
        """How many payments there are."""
        return len(self.columns.second)

    def known(self, facts: Facts, row: int, *, is_new: bool) -> Circumstances:
        """Return what is taken as known of a row besides its facts."""
        found = circumstances(facts, self.preset, is_new=is_new)
        if self.listed is None:
            return found
        return msgspec.structs.replace(found, lists=self.listed.of(row))

    @property
    def instant_us(self) -> Ints:
        """Event times in microseconds since 1970: an age is cut to seconds once it is one."""
        whole = self.columns.second * SECOND_US
        return whole if self.fraction_us is None else whole + self.fraction_us


class Told:
    """What was told of the payments of a history, read as rules read it.

    A value is made once for all rows that were told the same, by what makes it online.
    """

    def __init__(self, history: History, strategy: Strategy) -> None:
        self._history = history
        self._strategy = strategy
        self._preset = strategy.preset(history.preset)
        self._fields = make_fields(strategy.features)
        rest = [code for name, code in history.told.items() if name not in KEYS]
        keys = [history.told[name] == ABSENT for name in _IDS if name in history.told]
        self._rest = combined([*rest, *(one.astype(np.int64) for one in keys), _none(history)])
        _, self._rows, inverse = np.unique(self._rest, return_index=True, return_inverse=True)
        self._group = inverse.reshape(-1).astype(np.int64)
        self._facts = [history.facts(int(row)) for row in self._rows]

    @property
    def policy(self) -> Ints:
        """A number for each row, equal where all that was told is, but who pays whom by what."""
        return self._group

    @cached_property
    def is_new(self) -> Ints:
        """1 for each first payment from a payer to a payee, else 0."""
        columns = self._history.columns
        found = np.zeros(self._history.size, np.int64)
        if len(found):
            pairs = combined((columns.keys["payer"], columns.keys["payee"]))
            found[np.unique(pairs, return_index=True)[1]] = 1
        return found

    @cached_property
    def recent(self) -> Ints:
        """1 where contact or destination of a payout was changed a short time before, else 0."""
        events, known = self._strategy.events, Circumstances(preset=self._history.preset)
        found = self._by(
            lambda facts: is_recently_changed(facts, known, events),
            self._history.instant_us,
            _at,
            is_fixed=[
                facts.contact_changed_at is None and facts.instrument_added_at is None
                for facts in self._facts
            ],
        )
        values, group = found
        return np.array(values, np.int64)[group]

    def is_at(self, stages: Iterable[Stage]) -> npt.NDArray[np.bool_]:
        """Say which rows are judged at one of these stages."""
        wanted = set(stages)
        return np.array([one.stage in wanted for one in self._facts], np.bool_)[self._group]

    def column(self, name: str) -> Column:
        """Return a field that is no feature, as rules read it over columns."""
        columns = self._history.columns
        if name == "amount_minor":
            return _column(columns.amount_minor.astype(np.float64))
        if name == "payee_is_new":
            return _column(self.is_new.astype(np.bool_))
        if name in _NAMED:
            return self._key(name)
        listed = self._history.listed
        if LIST_SIGN in name and listed is not None:
            return self._on_list(name, listed)
        return self._read(name)

    def _read(self, name: str) -> Column:
        """Return what is read of each payment by itself."""
        amounts = self._history.columns.amount_minor
        read = make_read((name,), self._fields)

        def value(facts: Facts) -> Any:
            known = circumstances(facts, self._history.preset, is_new=False)
            return read(facts, known, self._preset)[0]

        if self._fields.by_name[name].source != "derived" or name in _BY_FACTS:
            return _objects([value(one) for one in self._facts], self._group)
        if name in _BY_AMOUNT:
            return _objects(*self._by(value, amounts, _amount, self._fixed(value)))
        step = MINUTE_US if name in _BY_MINUTE else 1
        by = self._history.instant_us // step * step
        is_fixed = self._fixed(value) if name not in _BY_MINUTE else [False] * len(self._facts)
        return _objects(*self._by(value, by, _at, is_fixed))

    def _fixed(self, value: Callable[[Facts], Any]) -> list[bool]:
        """Say of which facts a value is the same whatever amount and time: those that have none."""
        return [value(one) is None or isinstance(value(one), bool) for one in self._facts]

    def _by(
        self,
        value: Callable[[Facts], Any],
        by: Ints,
        change: Callable[[Facts, int], Facts],
        is_fixed: list[bool],
    ) -> tuple[list[Any], Ints]:
        """Return values and the place of each row's; one for all rows of equal facts and `by`."""
        if all(is_fixed):
            return [value(one) for one in self._facts], self._group
        fixed = np.array(is_fixed, np.bool_)[self._group]
        key = combined((self._group, np.where(fixed, 0, by)))
        _, rows, inverse = np.unique(key, return_index=True, return_inverse=True)
        told = [self._facts[self._group[row]] for row in rows]
        made = [
            value(one if fixed[row] else change(one, int(by[row])))
            for one, row in zip(told, rows, strict=True)
        ]
        return made, inverse.reshape(-1).astype(np.int64)

    def _on_list(self, name: str, listed: Listed) -> Column:
        """Return whether a list has a payment: it follows from the entries that match, alone."""
        read, some = make_read((name,), self._fields), self._facts[0]
        known = (Circumstances(preset=self._history.preset, lists=hits) for hits in listed.hits)
        return _objects([read(some, one, self._preset)[0] for one in known], listed.code)

    def _key(self, name: str) -> Column:
        path = _NAMED[name]
        if path not in self._history.told:
            return _objects([None], np.zeros(self._history.size, np.int64))
        code = self._history.told[path]
        _, rows, inverse = np.unique(code, return_index=True, return_inverse=True)
        values = [getattr(self._history.facts(int(row)), name) for row in rows]
        return _objects(values, inverse.reshape(-1).astype(np.int64))


def circumstances(facts: Facts, preset: str, *, is_new: bool) -> Circumstances:
    """Return what is taken as known of a payment of history besides its facts."""
    scopes: dict[Any, str | None] = {
        "payer": facts.payer_key,
        "instrument": facts.instrument_id,
        "device": facts.device_id,
    }
    return Circumstances(
        preset=preset,
        payee_is_new=is_new,
        counters={scope: Counter(0, 0) for scope, key in scopes.items() if key is not None},
        spent_today_minor={1: 0, 2: 0},
        static_qr_today_minor=0,
    )


def combined(columns: Iterable[Ints]) -> Ints:
    """Return a number for each row, equal where all of these columns are equal."""
    found: Ints | None = None
    most = 0
    for column in columns:
        low, high = int(column.min(initial=0)), int(column.max(initial=0))
        codes, width = column.astype(np.int64) - low, high - low + 1
        if found is None:
            found, most = codes, width
        elif width > 1:
            if most * width > PRODUCT_MAX:
                found = _dense(found)
                most = int(found.max(initial=0)) + 1
            if most * width > PRODUCT_MAX:
                codes = _dense(codes)
                width = int(codes.max(initial=0)) + 1
            found, most = found * width + codes, most * width
    assert found is not None
    return found


def _dense(codes: Ints) -> Ints:
    """Return numbers from 0 without gaps, equal where those given are equal."""
    return np.unique(codes, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _none(history: History) -> Ints:
    return np.zeros(history.size, np.int64)


def _at(facts: Facts, instant_us: int) -> Facts:
    at = EPOCH + dt.timedelta(microseconds=instant_us)
    return msgspec.structs.replace(facts, occurred_at=at)


def _amount(facts: Facts, minor: int) -> Facts:
    return msgspec.structs.replace(facts, amount_minor=minor)


def _column(values: npt.NDArray[Any]) -> Column:
    none = np.zeros(len(values), np.bool_)
    return Column(values, none, none)


def _objects(values: list[Any], group: Ints) -> Column:
    """Return values by group as a column of the type that rules compare."""
    absent = np.array([one is None for one in values], np.bool_)
    kinds = {type(one) for one in values if one is not None}
    if kinds <= {bool}:
        made: npt.NDArray[Any] = np.array([bool(one) for one in values], np.bool_)
    elif kinds <= {int, float}:
        made = np.array([0.0 if one is None else float(one) for one in values], np.float64)
    else:
        made = np.array(values, np.object_)
    return Column(made[group], absent[group], np.zeros(len(group), np.bool_))
