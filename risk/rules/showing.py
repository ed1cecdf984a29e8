"""A rule with its real values: the comparison for officers, and the slots of its reason. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from risk.assessment import Amount, Slots
from risk.feature import Text
from risk.reasons import NOT_KNOWN, SlotKind
from risk.rules.compiler import Places
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

# Values of features, and all others.
Both = tuple[Sequence[Any], Sequence[Any]]

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


def make_said(text: Text, kinds: Mapping[str, SlotKind]) -> Text:
    """Return a reason's sentences with the kind of each slot behind its name.

    Done once: a reason then carries all that its words need, and a hit writes none of them.
    """
    return Text(
        en=SLOT.sub(lambda one: f"{{{one[1]}:{kinds[one[1]]}}}", text.en),
        zh=SLOT.sub(lambda one: f"{{{one[1]}:{kinds[one[1]]}}}", text.zh),
    )


class Shown(msgspec.Struct, frozen=True):
    """An expression as it was written, with a place for the value behind each field.

    Attributes:
        text: With `%s` where a value comes.
        names: Whose value, in that order.
    """

    text: str
    names: tuple[str, ...]


class Telling(msgspec.Struct, frozen=True):
    """What a rule tells when it hits or fails, with the places of values instead of names.

    Two values are read by it: those of features, and all others. Each place is which of the two,
    and where in it.

    Attributes:
        text: Of the expression, with `%s` where a value comes.
        shown: Places of these values, in that order.
        slots: Name of a slot of the reason, its kind, and the place of its value.
    """

    text: str
    shown: tuple[tuple[int, int], ...]
    slots: tuple[tuple[str, SlotKind, int, int], ...]

    def expression(self, both: Both) -> str:
        """Return the expression, each field with its value behind it."""
        # By the exact type, one look for each value: a payment may hit many rules.
        written = [
            _WRITES.get(type(value := both[which][at]), _value)(value) for which, at in self.shown
        ]
        text = self.text % tuple(written)
        return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"

    def reason(self, both: Both, currency: str) -> Slots:
        """Return the slots of the reason: name -> value, `NOT_KNOWN` where there is none."""
        slots: Slots = {}
        for name, kind, which, at in self.slots:
            value = both[which][at]
            if value is None or isinstance(value, Missing):
                slots[name] = NOT_KNOWN
            elif kind == "amount":
                slots[name] = Amount(int(value), currency, exponent_of(currency))
            else:
                slots[name] = str(value) if kind == "text" else int(value)
        return slots


def make_telling(shown: Shown, slots: Mapping[str, SlotKind], places: Places) -> Telling:
    """Return what a rule tells, once it is known where each value stands."""
    at = {name: ("vx".index(places[name][0]), places[name][1]) for name in (*shown.names, *slots)}
    return Telling(
        shown.text,
        tuple(at[name] for name in shown.names),
        tuple((name, kind, *at[name]) for name, kind in slots.items()),
    )


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
    if value is None:
        return "missing"
    if isinstance(value, Missing):
        return f"missing: {value.missing}"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


# Of all types that a value may have the two that most have.
_WRITES: Final[dict[type, Callable[[Any], str]]] = {int: str, float: "{:g}".format}
