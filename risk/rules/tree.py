"""The closed tree of an expression: these nodes and no others. Plain values; computes nothing."""

from typing import Literal, TypeAlias

import msgspec

Order = Literal["<", "<=", ">", ">=", "==", "!="]
Sign = Literal["+", "-", "*", "/"]
Value: TypeAlias = int | float | str | bool


class _At(msgspec.Struct, frozen=True):
    """Base of all nodes: where in the expression it begins, from 0."""

    at: int


class Constant(_At, frozen=True):
    """A number, a text, true or false; `is_time` where a unit of time was written with it."""

    value: Value
    is_time: bool = False


class Field(_At, frozen=True):
    """The value of a feature or fact; an error where it is missing."""

    name: str


class Known(_At, frozen=True):
    """Whether the payment has a value."""

    name: str


class Default(_At, frozen=True):
    """The value of a feature or fact, or a constant where the payment has none."""

    name: str
    value: Constant


class Not(_At, frozen=True):
    """The opposite."""

    of: "Node"


class All(_At, frozen=True):
    """`and`: from left to right, up to the first that is false."""

    of: tuple["Node", ...]


class AnyOf(_At, frozen=True):
    """`or`: from left to right, up to the first that is true."""

    of: tuple["Node", ...]


class Compare(_At, frozen=True):
    """One comparison of two values."""

    sign: Order
    left: "Node"
    right: "Node"


class In(_At, frozen=True):
    """Whether a value is one of a list of constants, or none of them."""

    left: "Node"
    values: tuple[Constant, ...]
    is_negated: bool


class Arithmetic(_At, frozen=True):
    """Two numbers and a sign, in double precision."""

    sign: Sign
    left: "Node"
    right: "Node"


class Negative(_At, frozen=True):
    """A number with the other sign."""

    of: "Node"


Node: TypeAlias = (
    Constant | Field | Known | Default | Not | All | AnyOf | Compare | In | Arithmetic | Negative
)


def children(node: Node) -> tuple[Node, ...]:
    """Return the nodes right below a node, in their order; constants of a list are none."""
    match node:
        case Not() | Negative():
            return (node.of,)
        case All() | AnyOf():
            return node.of
        case Compare() | Arithmetic():
            return (node.left, node.right)
        case In():
            return (node.left,)
        case Constant() | Field() | Known() | Default():
            return ()


def fields_of(node: Node) -> list[str]:
    """Return the names of all features and facts below a node, each once, as first written."""
    found: dict[str, None] = {}
    if isinstance(node, Field | Known | Default):
        found[node.name] = None
    for child in children(node):
        found.update(dict.fromkeys(fields_of(child)))
    return list(found)
