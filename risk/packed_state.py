"""How a state is packed: its schema, and how every earlier one is read. Pure."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec

from risk.amounts import Usual, Weighted
from risk.packed import PackedSeries

SCHEMA: Final = 5

Upcaster = Callable[[list[Any]], list[Any]]


class Packed(msgspec.Struct, array_like=True):
    """A state as it is stored."""

    schema: int
    has_other_currencies: bool
    currencies: list[str]
    series: list[PackedSeries]
    times: list[int]
    amounts: dict[str, Weighted]
    frauds: list[list[int]]
    usuals: dict[str, Usual]
    gap: tuple[int, float]
    abnormal_at: int | None
    last_uses: dict[str, list[int]]
    let_go: list[str]
    unrated_at: int | None


class Head(msgspec.Struct, array_like=True):
    """What is read of any schema."""

    schema: int


def _from_1(body: list[Any]) -> list[Any]:
    """Return a body of counts and sums alone with what came later empty."""
    series = [[*one, {}, [], [], {}] for one in body[2]]
    currencies = sorted(body[2][-1][3]) if body[2] else []
    return [2, body[1], currencies, series, [], {}]


def _from_2(body: list[Any]) -> list[Any]:
    """Return a body of before labels with none."""
    return [3, *body[1:], []]


def _from_3(body: list[Any]) -> list[Any]:
    """Return a body of before usual amounts and labels that say normal, with none of them."""
    frauds = body[6]
    if frauds:
        floor, *payments = frauds
        frauds = [floor, [], [], [], [], *payments]
    return [4, *body[1:6], frauds, {}, [0, 0.0], None, {}, []]


def _from_4(body: list[Any]) -> list[Any]:
    """Return a body of before it was said what older events lack."""
    return [5, *body[1:], None]


# Schema number -> a pure function from its body to the body of the next schema.
UPCASTERS: Final[Mapping[int, Upcaster]] = MappingProxyType(
    {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4}
)


def upcast(body: list[Any], *, to: int, upcasters: Mapping[int, Upcaster]) -> list[Any]:
    """Return a packed body, carried step by step to a schema.

    Raises:
        ValueError: No step leads from a schema on the way, or it is from a later version.
    """
    schema = body[0]
    while schema != to:
        if schema > to or schema not in upcasters:
            raise ValueError(f"no way from schema {schema} of a packed state to {to}")
        body = upcasters[schema](body)
        schema += 1
    return body
