"""Rules over columns: what the compiled function says of one payment, for all rows at once.

The same tree is walked once, and every node is computed for all rows in double precision. `and`
and `or` go from left to right as online: what stands behind a decided word cannot fail a row.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from risk.rules.told import Type
from risk.rules.tree import (
    All,
    AnyOf,
    Arithmetic,
    Compare,
    Constant,
    Default,
    Field,
    In,
    Known,
    Negative,
    Node,
    Not,
    Order,
    Sign,
    fields_of,
)

Flags = npt.NDArray[np.bool_]
Results = npt.NDArray[np.int8]
HIT: Final = 1
NO_HIT: Final = 0
ERROR: Final = -1
_ORDERS: Final[dict[Order, np.ufunc]] = {
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
# What stands where a value is missing, and the type of the column.
_KINDS: Final[dict[Type, tuple[Any, Any]]] = {
    "number": (0.0, np.float64),
    "flag": (False, np.bool_),
    "text": (None, np.object_),
}
_SIGNS: Final[dict[Sign, np.ufunc]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


class Column(NamedTuple):
    """One field of all rows.

    Attributes:
        values: float64 for numbers, bool for flags, objects for texts; any value where missing.
        is_absent: The payment has none.
        is_lost: It has one that cannot be told, see risk/rules/compiler.py; such a row fails.
    """

    values: npt.NDArray[Any]
    is_absent: Flags
    is_lost: Flags


class _Found(NamedTuple):
    values: npt.NDArray[Any]
    failed: Flags


def number_column(values: npt.NDArray[np.int64], *, missing: int = -1) -> Column:
    """Return a feature's column of risk/offline/columns.py as rules read it."""
    absent = values == missing
    return Column(values.astype(np.float64), absent, np.zeros(len(values), np.bool_))


def fact_column(values: Sequence[Any], kind: Type) -> Column:
    """Return values as `make_read` gathers them as a column; None where there is none."""
    absent = np.array([one is None for one in values], np.bool_)
    fill, made = _KINDS[kind]
    filled = np.array([fill if one is None else one for one in values], made)
    return Column(filled, absent, np.zeros(len(values), np.bool_))


def evaluate(node: Node, columns: Mapping[str, Column]) -> Results:
    """Return `HIT`, `NO_HIT` or `ERROR` for each row.

    Args:
        node: A checked condition.
        columns: At least one for each of its fields, all of one length.

    Raises:
        KeyError: A field has no column.
    """
    size = len(columns[fields_of(node)[0]].values)
    with np.errstate(all="ignore"):
        found = _value(node, columns, size)
    return np.where(found.failed, ERROR, found.values.astype(np.int8)).astype(np.int8)


def _value(node: Node, columns: Mapping[str, Column], size: int) -> _Found:
    match node:
        case All() | AnyOf():
            return _joined(node, columns, size)
        case Not():
            of = _value(node.of, columns, size)
            return _Found(~of.values, of.failed)
        case Arithmetic() | Negative():
            return _finite(_real(node, columns, size))
        case Compare():
            return _compared(node, columns, size)
        case In():
            return _listed(node, columns, size)
        case _:
            return _read(node, columns, size)


def _read(
    node: Constant | Field | Known | Default, columns: Mapping[str, Column], size: int
) -> _Found:
    if isinstance(node, Constant):
        return _Found(_filled(node, size), np.zeros(size, np.bool_))
    column = columns[node.name]
    if isinstance(node, Known):
        return _Found(~column.is_absent, column.is_lost)
    if isinstance(node, Default):
        instead = _filled(node.value, size)
        return _Found(np.where(column.is_absent, instead, column.values), column.is_lost)
    return _Found(column.values, column.is_absent | column.is_lost)


def _filled(node: Constant, size: int) -> npt.NDArray[Any]:
    if isinstance(node.value, bool):
        return np.full(size, node.value, np.bool_)
    if isinstance(node.value, str):
        return np.full(size, node.value, np.object_)
    return np.full(size, float(node.value), np.float64)


def _joined(node: All | AnyOf, columns: Mapping[str, Column], size: int) -> _Found:
    is_all = isinstance(node, All)
    first = _value(node.of[0], columns, size)
    values, failed = first.values.astype(np.bool_), first.failed
    for one in node.of[1:]:
        following = _value(one, columns, size)
        goes_on = values if is_all else ~values
        failed = failed | (goes_on & following.failed)
        values = values & following.values if is_all else values | following.values
    return _Found(values, failed)


def _compared(node: Compare, columns: Mapping[str, Column], size: int) -> _Found:
    left, right = (_value(one, columns, size) for one in (node.left, node.right))
    failed = left.failed | right.failed
    # A missing text may be any object: it is compared with nothing, and its row has failed.
    values = np.zeros(size, np.bool_)
    rows = ~failed
    values[rows] = _ORDERS[node.sign](left.values[rows], right.values[rows]).astype(np.bool_)
    return _Found(values, failed)


def _listed(node: In, columns: Mapping[str, Column], size: int) -> _Found:
    left = _value(node.left, columns, size)
    values = np.zeros(size, np.bool_)
    for one in node.values:
        values |= (left.values == _filled(one, size)).astype(np.bool_)
    return _Found(~values if node.is_negated else values, left.failed)


def _real(node: Node, columns: Mapping[str, Column], size: int) -> _Found:
    match node:
        case Negative():
            of = _real(node.of, columns, size)
            return _Found(-of.values, of.failed)
        case Arithmetic():
            left, right = (_real(one, columns, size) for one in (node.left, node.right))
            if node.sign == "/":
                if isinstance(node.right, Arithmetic):
                    right = _finite(right)
                right = _Found(right.values, right.failed | (right.values == 0.0))
            values = _SIGNS[node.sign](left.values, right.values)
            return _Found(values, left.failed | right.failed)
        case _:
            return _value(node, columns, size)


def _finite(found: _Found) -> _Found:
    return _Found(found.values, found.failed | ~np.isfinite(found.values))
