"""A rule with its real values: the comparison for officers, and the slots of its reason. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from risk.assessment import Amount, Slots
from risk.feature import Text
from risk.reasons import NOT_KNOWN, SlotKind
from risk.rules.told import RuleField
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

SHOWN_MAX: Final = 600
SLOT: Final = re.compile(r"\{([a-z][a-z0-9_]{0,63})\}")
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


def filled(kinds: Mapping[str, SlotKind], value_of: Callable[[str], Any], currency: str) -> Slots:
    """Return the slots of a reason: name -> value, `NOT_KNOWN` where the payment has none."""
    return {name: _slot(kind, value_of(name), currency) for name, kind in kinds.items()}


def make_said(text: Text, kinds: Mapping[str, SlotKind]) -> Text:
    """Return a reason's sentences with the kind of each slot behind its name.

    Done once: a reason then carries all that its words need, and a hit writes none of them.
    """
    return Text(
        en=SLOT.sub(lambda one: f"{{{one[1]}:{kinds[one[1]]}}}", text.en),
        zh=SLOT.sub(lambda one: f"{{{one[1]}:{kinds[one[1]]}}}", text.zh),
    )


def _slot(kind: SlotKind, value: Any, currency: str) -> int | str | Amount:
    if value is None or isinstance(value, Missing):
        return NOT_KNOWN
    if kind == "amount":
        return Amount(int(value), currency, exponent_of(currency))
    if kind == "text":
        return str(value)
    return int(value)


class Shown(msgspec.Struct, frozen=True):
    """An expression as it was written, with a place for the value behind each field.

    Attributes:
        text: With `%s` where a value comes.
        names: Whose value, in that order.
    """

    text: str
    names: tuple[str, ...]

    def filled(self, value_of: Callable[[str], Any]) -> str:
        """Return the expression, each field with its value behind it."""
        text = self.text % tuple([_value(value_of(name)) for name in self.names])
        return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def make_shown(node: Node) -> Shown:
    """Return how an expression is shown; done once, so that a hit costs no walk over the tree."""
    names: list[str] = []
    return Shown(_written(node, names), tuple(names))


def _written(node: Node, names: list[str]) -> str:
    if isinstance(node, Constant):
        return _constant(node)
    if isinstance(node, Field | Known | Default):
        names.append(node.name)
        return f"{_read(node)} (%s)"
    parts = [_inside(node, one, names) for one in children(node)]
    return _joined(node, parts)


def _read(node: Field | Known | Default) -> str:
    match node:
        case Field():
            return node.name
        case Known():
            return f"known({node.name})"
        case Default():
            return f"default({node.name}, {_constant(node.value)})"


def _joined(
    node: Not | All | AnyOf | Compare | Arithmetic | In | Negative, parts: Sequence[str]
) -> str:
    match node:
        case Not():
            return f"not {parts[0]}"
        case All():
            return " and ".join(parts)
        case AnyOf():
            return " or ".join(parts)
        case Compare() | Arithmetic():
            return f"{parts[0]} {node.sign} {parts[1]}"
        case In():
            listed = ", ".join(_constant(one) for one in node.values)
            return f"{parts[0]} {'not in' if node.is_negated else 'in'} [{listed}]"
        case Negative():
            return f"-{parts[0]}"


def _inside(outer: Node, inner: Node, names: list[str]) -> str:
    text = _written(inner, names)
    if isinstance(inner, Constant | Field | Known | Default):
        return text
    # `and` over comparisons, and comparisons over sums, read well without parentheses.
    is_plain = isinstance(outer, All | AnyOf) and isinstance(inner, Compare | In | Not)
    is_sum = isinstance(outer, Compare | In) and isinstance(inner, Arithmetic | Negative)
    return text if is_plain or is_sum else f"({text})"


def _constant(node: Constant) -> str:
    return _written_constant(node).replace("%", "%%")


def _written_constant(node: Constant) -> str:
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, str):
        return f'"{node.value}"'
    return _value(node.value)


def _value(value: Any) -> str:
    if type(value) is int:  # most are
        return str(value)
    if value is None:
        return "missing"
    if isinstance(value, Missing):
        return f"missing: {value.missing}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)
