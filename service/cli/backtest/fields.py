"""The fields of a file's payments as numbers: each different value is made once. Reads no file."""

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.offline.columns import ABSENT
from risk.offline.history import combined
from service.cli.replay.columns import ColumnMap, RowRefused, columns_of, minor_of, value_of

Ints = npt.NDArray[np.int64]
# The columns of a file: numpy arrays, or lists.
Values = Mapping[str, Any]
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


class Fields:
    """The fields of all payments, made when they are asked for."""

    def __init__(self, values: Values, columns: ColumnMap, size: int) -> None:
        self._values = values
        self._map = columns
        self._size = size
        self._coded: dict[str, Coded] = {}
        self._found: dict[tuple[str, ...], Coded] = {}

    def raw(self, path: tuple[str, ...]) -> Any:
        """Return a field by row; one that is a column and nothing else, as it is in the file."""
        template = _at(self._map.payment, path)
        names = columns_of(template)
        if names and template == f"{{{names[0]}}}":
            return self._values[names[0]]
        return [
            value_of(template, {name: self._values[name][row] for name in names})
            for row in range(self._size)
        ]

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

    @cached_property
    def leaves(self) -> list[tuple[str, ...]]:
        """Every field, by its path."""
        return list(dict.fromkeys((*_leaves(self._map.payment, ()), *_leaves(self._map.zero, ()))))

    def paths(self) -> list[tuple[str, ...]]:
        """Return every field that somebody may look at, by its path."""
        return [path for path in self.leaves if path not in _UNSEEN and path[0] != "metadata"]

    def has_texts(self, path: tuple[str, ...]) -> bool:
        """Say whether a field is made of more than numbers and times without gaps."""
        names = columns_of(_at(self._map.payment, path))
        return not all(isinstance(self._values[name], np.ndarray) for name in names)

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
            self._coded[name] = coded(self._values[name])
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
            return merged(one.code, [value_of(template, {name: value}) for value in one.values])
        group = combined([one.code for one in columns])
        _, rows, group = np.unique(group, return_index=True, return_inverse=True)
        made = [
            value_of(template, {name: self._values[name][row] for name in names}) for row in rows
        ]
        return merged(group.reshape(-1).astype(np.int64), made)

    def _with_zero(self, usual: Coded, zero: Coded) -> Coded:
        amount = self.money[0]
        moved = np.where(zero.code == ABSENT, ABSENT, zero.code + len(usual.values))
        both = np.where(amount == 0, moved, usual.code)
        return merged(both, [*usual.values, *zero.values])


def _leaves(template: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the path of every field that a map fills in."""
    if not isinstance(template, dict):
        yield path
        return
    for name, part in template.items():
        yield from _leaves(part, (*path, name))


def merged(code: Ints, values: list[Any]) -> Coded:
    """Return values with those that are equal under one number, and those that are None absent."""
    places: dict[Any, int] = {}
    number = [ABSENT if one is None else places.setdefault(one, len(places)) for one in values]
    found = np.array([*number, ABSENT], np.int64)[code]
    return Coded(found, list(places))


def coded(values: Any) -> Coded:
    """Return values by row as a field."""
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


def _money(fields: Fields) -> tuple[Ints, npt.NDArray[np.bool_], Ints]:
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
