"""From checked trees to one Python function for all rules of a stage. No text is ever compiled.

The function is built node by node as Python's own syntax tree: places of values, constants and
operators of ours. Nothing that an author wrote reaches Python's parser, and no name of theirs
reaches the function. One function for a stage costs one call, however many rules there are.
"""

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NoReturn

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
)
from risk.vectors import Missing, MissingReason

# (values of features, other values, what is called with the number of a hit, of a failure)
Run = Callable[[Sequence[Any], Sequence[Any], Callable[[int], None], Callable[[int], None]], None]
# What a payment has, but we cannot tell: no author's default stands for it, or an attacker busy
# enough to be forgotten would count as new.
LOST: Final[frozenset[MissingReason]] = frozenset(
    {"not_at_stage", "not_loaded", "outside_kept_range"}
)
_ORDERS: Final[dict[Order, type[ast.cmpop]]] = {
    "<": ast.Lt,
    "<=": ast.LtE,
    ">": ast.Gt,
    ">=": ast.GtE,
    "==": ast.Eq,
    "!=": ast.NotEq,
}
_SIGNS: Final[dict[Sign, type[ast.operator]]] = {
    "+": ast.Add,
    "-": ast.Sub,
    "*": ast.Mult,
    "/": ast.Div,
}
INFINITE: Final = float("inf")


class Unanswered(Exception):  # noqa: N818  a rule that has no answer is no error of ours
    """A value is missing or no number; the rule is neither a hit nor none."""


class Places(dict[str, tuple[str, int]]):
    """Name of a field -> `v` for a feature or `x` for any other, and its place there."""


def make_places(features: Sequence[str], others: Sequence[str]) -> Places:
    """Return where the compiled function finds each value."""
    places = Places({name: ("v", place) for place, name in enumerate(features)})
    places.update({name: ("x", place) for place, name in enumerate(others)})
    return places


def compile_rules(trees: Mapping[int, Node], places: Places) -> Run:
    """Return one function that looks at all of these conditions, in the order of the mapping.

    Args:
        trees: Number of a rule -> its condition, checked.
        places: Where each of their fields stands.
    """
    body: list[ast.stmt] = [_one(number, node, places) for number, node in trees.items()]
    arguments = [ast.arg(arg=name) for name in ("v", "x", "hit", "failed")]
    function = ast.FunctionDef(
        name="run",
        args=ast.arguments(
            posonlyargs=[], args=arguments, kwonlyargs=[], kw_defaults=[], defaults=[]
        ),
        body=body or [ast.Pass()],
        decorator_list=[],
    )
    module = ast.fix_missing_locations(ast.Module(body=[function], type_ignores=[]))
    scope: dict[str, Any] = {
        "__builtins__": {},
        "FAULTS": (TypeError, ZeroDivisionError, OverflowError, Unanswered),
        "Missing": Missing,
        "gone": _gone,
        "absent": _absent,
    }
    exec(compile(module, "<rules>", "exec"), scope)  # noqa: S102  our own tree, see above
    run: Run = scope["run"]
    return run


def _gone(*_values: object) -> NoReturn:
    raise Unanswered


def _absent(why: Missing, instead: Any) -> Any:
    if why.missing in LOST:
        raise Unanswered
    return instead


def _one(number: int, node: Node, places: Places) -> ast.stmt:
    def told(name: str) -> ast.Expr:
        return ast.Expr(_call(name, ast.Constant(number)))

    return ast.Try(
        body=[ast.If(test=_Builder(places).flag(node), body=[told("hit")], orelse=[])],
        handlers=[ast.ExceptHandler(type=_load("FAULTS"), name=None, body=[told("failed")])],
        orelse=[],
        finalbody=[],
    )


class _Builder:
    """Builds expressions.

    A missing value has no order and no arithmetic in Python, so `<`, `+` and their like fail by
    themselves; only where Python would answer anyway (`==`, `in`, truth) it is asked about.
    """

    def __init__(self, places: Places) -> None:
        self._places = places

    def flag(self, node: Node) -> ast.expr:
        match node:
            case Not():
                return ast.UnaryOp(op=ast.Not(), operand=self.flag(node.of))
            case All() | AnyOf():
                joined = ast.And() if isinstance(node, All) else ast.Or()
                return ast.BoolOp(op=joined, values=[self.flag(one) for one in node.of])
            case Compare():
                return self._compare(node)
            case In():
                values = ast.Tuple(
                    elts=[ast.Constant(one.value) for one in node.values], ctx=ast.Load()
                )
                sign = ast.NotIn() if node.is_negated else ast.In()
                return ast.Compare(left=self._sure(node.left), ops=[sign], comparators=[values])
            case Known():
                return self._known(node)
            case _:
                return self._sure(node)

    def _compare(self, node: Compare) -> ast.expr:
        read = self._sure if node.sign in ("==", "!=") else self._number
        return ast.Compare(
            left=read(node.left),
            ops=[_ORDERS[node.sign]()],
            comparators=[read(node.right)],
        )

    def _sure(self, node: Node) -> ast.expr:
        """Return a value that fails where it is missing."""
        match node:
            case Constant():
                return ast.Constant(node.value)
            case Field():
                return self._unless_missing(node.name, _call("gone", _load("t")))
            case Default():
                return self._default(node)
            case Arithmetic() | Negative():
                return self._finite(node)
            case _:
                return self.flag(node)

    def _number(self, node: Node) -> ast.expr:
        """Return a number for an order of size, which fails by itself where it is missing."""
        return self._value(node.name) if isinstance(node, Field) else self._sure(node)

    def _real(self, node: Node) -> ast.expr:
        """Return a number in double precision, as columns have it."""
        match node:
            case Constant():
                return ast.Constant(float(node.value))
            case Arithmetic():
                right = self._real(node.right)
                if node.sign == "/" and isinstance(node.right, Arithmetic):
                    right = _checked(right)
                return ast.BinOp(left=self._real(node.left), op=_SIGNS[node.sign](), right=right)
            case Negative():
                return ast.UnaryOp(op=ast.USub(), operand=self._real(node.of))
            case _:
                return ast.BinOp(left=ast.Constant(1.0), op=ast.Mult(), right=self._number(node))

    def _finite(self, node: Node) -> ast.expr:
        return _checked(self._real(node))

    def _default(self, node: Default) -> ast.expr:
        instead = ast.Constant(node.value.value)
        if self._places[node.name][0] == "v":
            return self._unless_missing(node.name, _call("absent", _load("t"), instead))
        return self._unless_missing(node.name, instead)

    def _known(self, node: Known) -> ast.expr:
        if self._places[node.name][0] == "v":
            lost = _call("absent", _load("t"), ast.Constant(value=False))
            return ast.BoolOp(op=ast.Or(), values=[self._is_there(node.name), lost])
        return ast.Compare(
            left=self._value(node.name), ops=[ast.IsNot()], comparators=[ast.Constant(None)]
        )

    def _unless_missing(self, name: str, otherwise: ast.expr) -> ast.expr:
        return ast.IfExp(test=self._is_there(name), body=_load("t"), orelse=otherwise)

    def _is_there(self, name: str) -> ast.expr:
        """Return a test that names the value `t` and says whether it is one."""
        named = ast.NamedExpr(target=ast.Name("t", ast.Store()), value=self._value(name))
        if self._places[name][0] == "v":
            kind = ast.Attribute(value=named, attr="__class__", ctx=ast.Load())
            return ast.Compare(left=kind, ops=[ast.IsNot()], comparators=[_load("Missing")])
        return ast.Compare(left=named, ops=[ast.IsNot()], comparators=[ast.Constant(None)])

    def _value(self, name: str) -> ast.expr:
        where, place = self._places[name]
        return ast.Subscript(value=_load(where), slice=ast.Constant(place), ctx=ast.Load())


def _checked(value: ast.expr) -> ast.expr:
    """Return a value that fails where it is infinite or no number."""
    named = ast.NamedExpr(target=ast.Name("t", ast.Store()), value=value)
    within = ast.Compare(
        left=ast.Constant(-INFINITE),
        ops=[ast.Lt(), ast.Lt()],
        comparators=[named, ast.Constant(INFINITE)],
    )
    return ast.IfExp(test=within, body=_load("t"), orelse=_call("gone"))


def _load(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(func=_load(name), args=list(arguments), keywords=[])
