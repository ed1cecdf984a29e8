"""What rules can never do, proved from their text: hit at all, or add to another rule. Pure.

It finds what follows from comparisons of a field with constants, and no more: what it does not
name may still be in vain. Nothing is refused for it.
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from risk.assessment import STRENGTH
from risk.rules.parser import parse
from risk.rules.shapes import Rule
from risk.rules.tree import (
    All,
    AnyOf,
    Compare,
    Constant,
    Default,
    Field,
    In,
    Known,
    Node,
    Not,
    Order,
    Value,
)

_OPPOSITE: Final[dict[Order, Order]] = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
}  # fmt: skip
_TURNED: Final[dict[Order, Order]] = {
    "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=",
}  # fmt: skip

_ORDER: Final[dict[Order, Callable[[Any, Any], bool]]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class Doubt(NamedTuple):
    """A rule that is in vain, and why."""

    rule: str
    what: str


class _Bound(NamedTuple):
    """One comparison that has to hold of a field.

    Attributes:
        name: The field.
        standing: What stands in where the payment has none; None where it must have one.
    """

    name: str
    standing: Value | None
    sign: Order
    values: tuple[Value, ...]


class _Read(NamedTuple):
    rule: Rule
    parts: frozenset[str]


def doubts(rules: Sequence[Rule]) -> tuple[Doubt, ...]:
    """Return the rules that never hit, and those that add nothing but their reason to another."""
    found, sound = [], []
    for rule in rules:
        node = parse(rule.when)
        if never_hits(node):
            found.append(Doubt(rule.code, "never hits: its comparisons contradict each other"))
        else:
            sound.append(_Read(rule, frozenset(map(_text, _parts(node)))))
    for place, one in enumerate(sound):
        wider = next(
            (
                other.rule.code
                for at, other in enumerate(sound)
                if at != place and _covers(other, one, is_earlier=at < place)
            ),
            None,
        )
        if wider is not None:
            what = f"adds nothing but its reason: {wider} hits whenever it does, as strongly"
            found.append(Doubt(one.rule.code, what))
    return tuple(found)


def never_hits(node: Node) -> bool:
    """Say whether a condition cannot hold; of each `or` every branch is tried, one at a time."""
    parts = tuple(_parts(node))
    return _contradict(parts) or any(
        all(_contradict([*parts, *_parts(branch)]) for branch in one.of)
        for one in parts
        if isinstance(one, AnyOf)
    )


def _covers(wide: _Read, narrow: _Read, *, is_earlier: bool) -> bool:
    """Say whether a rule hits whenever another does, and asks for as much; of two alike, once."""
    strong, weak = wide.rule, narrow.rule
    if weak.points or weak.list is not msgspec.UNSET or not set(weak.stages) <= set(strong.stages):
        return False
    if strong.points or strong.list is not msgspec.UNSET or not wide.parts <= narrow.parts:
        return False
    strength = (STRENGTH[strong.outcome], strong.level), (STRENGTH[weak.outcome], weak.level)
    is_same = strength[0] == strength[1] and wide.parts == narrow.parts
    return strength[0] >= strength[1] and (
        not is_same or is_earlier or set(weak.stages) < set(strong.stages)
    )


def _parts(node: Node) -> Iterator[Node]:
    """Yield what has to hold all together."""
    if isinstance(node, All):
        for one in node.of:
            yield from _parts(one)
    else:
        yield node


def _text(node: Node) -> str:
    """Return a node as text, wherever it stands."""
    return msgspec.json.encode(_nowhere(node), order="sorted").decode()


def _nowhere(node: Any) -> Any:
    """Return a node as plain values without its places, which say nothing of what it means."""
    if isinstance(node, tuple):
        return [_nowhere(one) for one in node]
    if not isinstance(node, msgspec.Struct):
        return node
    names = [name for name in node.__struct_fields__ if name != "at"]
    return [type(node).__name__, *(_nowhere(getattr(node, name)) for name in names)]


def _contradict(parts: Iterable[Node]) -> bool:
    bounds = [bound for part in parts for bound in _bounds(part)]
    known = {part.name for part in parts if isinstance(part, Known)}
    absent = {
        part.of.name for part in parts if isinstance(part, Not) and isinstance(part.of, Known)
    }
    # Where a field is read that must be there, what stands in for it is never read.
    needed = {one.name for one in bounds if one.standing is None}
    if absent & (known | needed):
        return True
    by_field: dict[tuple[str, Value | None], list[_Bound]] = {}
    for one in bounds:
        place = None if one.name in known | needed else one.standing
        by_field.setdefault((one.name, place), []).append(one)
    return any(_is_empty(found) for found in by_field.values())


def _bounds(part: Node, *, is_true: bool = True) -> Iterator[_Bound]:
    """Yield what a part says of one field and constants; nothing where it says something else."""
    match part:
        case Not():
            yield from _bounds(part.of, is_true=not is_true)
        case Field() | Default():
            yield _bound(part, "==", (is_true,))
        case In(left=Field() | Default() as field):
            sign: Order = "==" if part.is_negated is not is_true else "!="
            yield _bound(field, sign, tuple(one.value for one in part.values))
        case Compare():
            yield from _compared(part, is_true=is_true)
        case _:
            pass


def _compared(part: Compare, *, is_true: bool) -> Iterator[_Bound]:
    sign = part.sign if is_true else _OPPOSITE[part.sign]
    match part.left, part.right:
        case (Field() | Default()) as field, Constant(value=value):
            yield _bound(field, sign, (value,))
        case Constant(value=value), (Field() | Default()) as field:
            yield _bound(field, _TURNED[sign], (value,))
        case _:
            pass


def _bound(field: Field | Default, sign: Order, values: tuple[Value, ...]) -> _Bound:
    standing = field.value.value if isinstance(field, Default) else None
    return _Bound(field.name, standing, sign, values)


def _is_empty(bounds: Sequence[_Bound]) -> bool:
    """Say whether no value keeps all of these."""
    equal = [set(one.values) for one in bounds if one.sign == "=="]
    if equal:
        return not any(all(_holds(value, one) for one in bounds) for value in equal[0])
    low: Any = max((one.values[0] for one in bounds if one.sign in {">", ">="}), default=-math.inf)
    high: Any = min((one.values[0] for one in bounds if one.sign in {"<", "<="}), default=math.inf)
    is_open = any(one.sign in {"<", ">"} and one.values[0] in {low, high} for one in bounds)
    return low > high or (low == high and is_open)


def _holds(value: Value, bound: _Bound) -> bool:
    """Say whether a value keeps a comparison."""
    if bound.sign in {"==", "!="}:
        return (value in bound.values) is (bound.sign == "==")
    # Texts are compared for being equal and nothing else, so that these two are numbers.
    one: Any = value
    other: Any = bound.values[0]
    return bool(_ORDER[bound.sign](one, other))
