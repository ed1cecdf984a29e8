"""A rule with its real values: the comparison for officers, and the slots of its reason. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from risk.assessment import Amount, Slots
from risk.rules.fields import RuleField
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
)
from risk.vectors import Missing

SlotKind = Literal["amount", "count", "age", "share", "text", "flag"]
SHOWN_MAX: Final = 600
SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63})\}")
# What a slot holds whose value the payment does not have.
NOT_KNOWN: Final = ""
# Digits behind the point, ISO 4217; two for every other currency. A test compares with the door's.
# fmt: off
_EXPONENTS: Final = {
    **dict.fromkeys((
        "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND",
        "VUV", "XAF", "XOF", "XPF",
    ), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}
# fmt: on


def exponent_of(currency: str) -> int:
    """Return how many digits a currency has behind the point."""
    return _EXPONENTS.get(currency, 2)


def slots_of(sentence: str) -> set[str]:
    """Return the names of a sentence's slots.

    Raises:
        ValueError: It holds a brace that is no slot.
    """
    if set("{}") & set(SLOT.sub("", sentence)):
        raise ValueError("a brace in a reason encloses the name of a field and nothing else")
    return set(SLOT.findall(sentence))


def slot_kind(field: RuleField) -> SlotKind:
    """Return how a field's value is written in a sentence."""
    if field.type != "number":
        return "text" if field.type == "text" else "flag"
    kinds: dict[str | None, SlotKind] = {
        "minor": "amount",
        "thousandths": "share",
        "seconds": "age",
    }
    return kinds.get(field.unit, "count")


def filled(kinds: Mapping[str, SlotKind], values: Mapping[str, Any], currency: str) -> Slots:
    """Return the slots of a reason: name -> value, `NOT_KNOWN` where the payment has none."""
    return {name: _slot(kind, values[name], currency) for name, kind in kinds.items()}


def _slot(kind: SlotKind, value: Any, currency: str) -> int | str | Amount:
    if value is None or isinstance(value, Missing):
        return NOT_KNOWN
    if kind == "amount":
        return Amount(int(value), currency, exponent_of(currency))
    if kind == "text":
        return str(value)
    return int(value)


def shown(node: Node, values: Mapping[str, Any]) -> str:
    """Return an expression as it was written, each field with its value behind it."""
    text = _written(node, values)
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def _written(node: Node, values: Mapping[str, Any]) -> str:
    parts = [_inside(node, one, values) for one in children(node)]
    text = ""
    match node:
        case Constant():
            text = _constant(node)
        case Field() | Known() | Default():
            text = f"{_named(node)} ({_value(values[node.name])})"
        case Not() | Negative():
            text = f"{'not ' if isinstance(node, Not) else '-'}{parts[0]}"
        case All() | AnyOf():
            text = (" and " if isinstance(node, All) else " or ").join(parts)
        case Compare() | Arithmetic():
            text = f"{parts[0]} {node.sign} {parts[1]}"
        case In():
            listed = ", ".join(_constant(one) for one in node.values)
            text = f"{parts[0]} {'not in' if node.is_negated else 'in'} [{listed}]"
    return text


def _named(node: Field | Known | Default) -> str:
    if isinstance(node, Known):
        return f"known({node.name})"
    if isinstance(node, Default):
        return f"default({node.name}, {_constant(node.value)})"
    return node.name


def _inside(outer: Node, inner: Node, values: Mapping[str, Any]) -> str:
    text = _written(inner, values)
    if isinstance(inner, Constant | Field | Known | Default):
        return text
    # `and` over comparisons, and comparisons over sums, read well without parentheses.
    is_plain = isinstance(outer, All | AnyOf) and isinstance(inner, Compare | In | Not)
    is_sum = isinstance(outer, Compare | In) and isinstance(inner, Arithmetic | Negative)
    return text if is_plain or is_sum else f"({text})"


def _constant(node: Constant) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, str):
        return f'"{node.value}"'
    return _value(node.value)


def _value(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, Missing):
        return f"missing: {value.missing}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
