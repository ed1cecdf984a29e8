"""Types of an expression: what may be compared with what, and what is known where. Total."""

from typing import NamedTuple

from risk.facts import Stage
from risk.rules.fields import Fields
from risk.rules.lexer import RuleError
from risk.rules.told import RuleField, Type
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
    children,
    fields_of,
)

_NAMES: dict[Type, str] = {
    "number": "a number",
    "text": "a text",
    "flag": "true or false",
}


class Typed(NamedTuple):
    """What a node is.

    Attributes:
        unit: Of a number; `seconds` for a constant with a unit of time; None where it has none.
        field: The field that it is, or whose default it is.
    """

    type: Type
    unit: str | None = None
    field: RuleField | None = None


def check(node: Node, fields: Fields, stages: tuple[Stage, ...]) -> None:
    """Hold that an expression is a condition over what may be known at these stages.

    Raises:
        RuleError: It is not; with the place.
    """
    if _type(node, fields, stages).type != "flag":
        raise RuleError("a condition is true or false; compare the value with something", node.at)
    if not fields_of(node):
        raise RuleError("the condition reads nothing, so it is always the same", node.at)


def _type(node: Node, fields: Fields, stages: tuple[Stage, ...]) -> Typed:
    match node:
        case Constant():
            return _constant(node)
        case Field() | Known() | Default():
            return _named(node, fields, stages)
        case Compare():
            left, right = (_type(one, fields, stages) for one in (node.left, node.right))
            _check_compare(node, left, right)
            return Typed("flag")
        case In():
            left = _type(node.left, fields, stages)
            for value in node.values:
                _check_pair(left, _constant(value), value)
            return Typed("flag")
        case Not() | All() | AnyOf():
            for one in children(node):
                _want("flag", _type(one, fields, stages), one)
            return Typed("flag")
        case Arithmetic() | Negative():
            for one in children(node):
                _want("number", _type(one, fields, stages), one)
            return Typed("number")


def _constant(node: Constant) -> Typed:
    if isinstance(node.value, bool):
        return Typed("flag")
    if isinstance(node.value, str):
        return Typed("text")
    return Typed("number", "seconds" if node.is_time else None)


def _named(node: Field | Known | Default, fields: Fields, stages: tuple[Stage, ...]) -> Typed:
    field = fields.by_name.get(node.name)
    if field is None:
        raise RuleError(_unknown(node.name), node.at)
    for stage in stages:
        if stage not in field.stages:
            raise RuleError(f"{node.name} is not known at stage {stage}", node.at)
    if isinstance(node, Field):
        return Typed(field.type, field.unit, field)
    if not field.is_optional:
        raise RuleError(f"{node.name} is always known", node.at)
    if isinstance(node, Known):
        return Typed("flag")
    found = Typed(field.type, field.unit, field)
    value = _constant(node.value)
    if value.type != field.type:
        raise RuleError(f"{node.name} is {_NAMES[field.type]}", node.value.at)
    _check_unit(found, value, node.value)
    return found


def _unknown(name: str) -> str:
    if ":" in name:
        return "there is no list of such values; docs/lists.md has them all"
    return f"there is no feature or fact {name}"


def _want(wanted: Type, found: Typed, node: Node) -> None:
    if found.type != wanted:
        raise RuleError(f"{_NAMES[wanted]} belongs here, this is {_NAMES[found.type]}", node.at)


def _check_compare(node: Compare, left: Typed, right: Typed) -> None:
    if left.type != right.type:
        what = f"{_NAMES[left.type]} is never compared with {_NAMES[right.type]}"
        raise RuleError(what, node.at)
    if node.sign not in ("==", "!=") and left.type != "number":
        raise RuleError(f"{node.sign} compares numbers only", node.at)
    if isinstance(node.left, Constant) and isinstance(node.right, Constant):
        raise RuleError("two constants are always the same", node.at)
    _check_pair(left, right, node.right)
    _check_pair(right, left, node.left)


def _check_pair(left: Typed, right: Typed, node: Node) -> None:
    """Hold that `right`, which is `node`, can be equal to `left`."""
    if left.type != right.type:
        raise RuleError(f"{_NAMES[left.type]} belongs here", node.at)
    _check_unit(left, right, node)
    values = left.field.values if left.field is not None else ()
    if values and isinstance(node, Constant) and node.value not in values:
        name = left.field.name if left.field is not None else ""
        raise RuleError(f"{name} is one of {', '.join(values)}", node.at)


def _check_unit(left: Typed, right: Typed, node: Node) -> None:
    if left.unit is not None and right.unit is not None and left.unit != right.unit:
        raise RuleError(f"{left.unit} are never compared with {right.unit}", node.at)
