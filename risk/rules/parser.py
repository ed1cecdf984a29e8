"""From tokens to the closed tree, by recursive descent. Knows no types and no names of fields."""

from collections.abc import Callable
from typing import Final, cast, get_args

from risk.lists import ListKind
from risk.rules.lexer import UNITS, Kind, RuleError, Token, tokens
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

# There are no loops, so a tree of this many nodes takes at most this many steps.
STEPS_MAX: Final = 256
DEPTH_MAX: Final = 32
LIST_MAX: Final = 100
WORDS: Final = frozenset({"and", "or", "not", "in", "true", "false"})
FUNCTIONS: Final = ("known", "default", "on_list")
_ORDERS: Final = frozenset(get_args(Order))


def parse(source: str) -> Node:
    """Return the tree of an expression.

    Raises:
        RuleError: It is no expression, or larger or deeper than one may be.
    """
    return _Parser(tokens(source)).whole()


class _Parser:
    """Reads each token once, from left to right."""

    def __init__(self, found: list[Token]) -> None:
        self._tokens = found
        self._place = 0
        self._steps = 0
        self._depth = 0

    def whole(self) -> Node:
        node = self._any_of()
        if self._next.kind != "end":
            raise RuleError("the expression should end here, or go on with and, or", self._next.at)
        return node

    @property
    def _next(self) -> Token:
        return self._tokens[self._place]

    def _take(self) -> Token:
        token = self._next
        self._place += 1
        return token

    def _is(self, kind: Kind, *texts: str) -> bool:
        return self._next.kind == kind and self._next.text in texts

    def _expect(self, sign: str) -> Token:
        if not self._is("sign", sign):
            raise RuleError(f"{sign} is missing here", self._next.at)
        return self._take()

    def _made(self, node: Node) -> Node:
        self._steps += 1
        if self._steps > STEPS_MAX:
            raise RuleError(f"an expression takes at most {STEPS_MAX} steps", node.at)
        return node

    def _deeper(self, read: Callable[[], Node]) -> Node:
        """Read one level deeper; the bound keeps every walk over the tree far from Python's."""
        self._depth += 1
        if self._depth > DEPTH_MAX:
            raise RuleError(f"an expression is at most {DEPTH_MAX} levels deep", self._next.at)
        node = read()
        self._depth -= 1
        return node

    def _any_of(self) -> Node:
        at, found = self._next.at, [self._all()]
        while self._is("name", "or"):
            self._take()
            found.append(self._all())
        return found[0] if len(found) == 1 else self._made(AnyOf(at, tuple(found)))

    def _all(self) -> Node:
        at, found = self._next.at, [self._opposite()]
        while self._is("name", "and"):
            self._take()
            found.append(self._opposite())
        return found[0] if len(found) == 1 else self._made(All(at, tuple(found)))

    def _opposite(self) -> Node:
        if self._is("name", "not"):
            at = self._take().at
            return self._made(Not(at, self._deeper(self._opposite)))
        return self._comparison()

    def _comparison(self) -> Node:
        left = self._sum()
        sign = self._next
        if sign.kind == "sign" and sign.text in _ORDERS:
            self._take()
            order = cast("Order", sign.text)
            node = self._made(Compare(sign.at, order, left, self._sum()))
            if self._next.kind == "sign" and self._next.text in _ORDERS:
                raise RuleError("compare two values at a time and join with and", self._next.at)
            return node
        if self._is("name", "in"):
            at = self._take().at
            return self._made(In(at, left, self._list(), is_negated=False))
        if self._is("name", "not"):
            at = self._take().at
            if not self._is("name", "in"):
                raise RuleError("in is missing here", self._next.at)
            self._take()
            return self._made(In(at, left, self._list(), is_negated=True))
        return left

    def _sum(self) -> Node:
        return self._chain(self._product, "+", "-")

    def _product(self) -> Node:
        return self._chain(self._signed, "*", "/")

    def _chain(self, read: Callable[[], Node], *signs: str) -> Node:
        """Read operands and signs into a tree that leans left, one level deeper with each sign."""
        depth, node = self._depth, read()
        while self._is("sign", *signs):
            token = self._take()
            sign = cast("Sign", token.text)
            before = node
            self._depth += 1
            right = self._deeper(read)
            node = self._made(Arithmetic(token.at, sign, before, right))
        self._depth = depth
        return node

    def _signed(self) -> Node:
        if self._is("sign", "-"):
            at = self._take().at
            of = self._deeper(self._signed)
            if isinstance(of, Constant) and type(of.value) in (int, float):
                return Constant(at, -cast("float", of.value), of.is_time)
            return self._made(Negative(at, of))
        return self._primary()

    def _primary(self) -> Node:
        token = self._next
        if token.kind == "sign" and token.text == "(":
            self._take()
            node = self._deeper(self._any_of)
            self._expect(")")
            return node
        if token.kind == "name" and token.text not in WORDS:
            self._take()
            if self._is("sign", "("):
                return self._made(self._call(token))
            return self._made(Field(token.at, token.text))
        return self._made(self._constant())

    def _constant(self) -> Constant:
        token = self._take() if self._next.kind != "end" else self._next
        if token.kind == "text":
            return Constant(token.at, token.text)
        if token.kind == "number":
            return _number(token)
        if token.kind == "name" and token.text in ("true", "false"):
            return Constant(token.at, token.text == "true")
        raise RuleError("a value is missing here: a name, a number or a text", token.at)

    def _literal(self) -> Constant:
        """Read a constant that may have a sign, as in a list."""
        if not self._is("sign", "-"):
            return self._constant()
        at = self._take().at
        of = self._constant()
        if type(of.value) not in (int, float):
            raise RuleError("only a number has a sign", at)
        return Constant(at, -cast("float", of.value), of.is_time)

    def _list(self) -> tuple[Constant, ...]:
        if not self._is("sign", "["):
            raise RuleError('a list is missing here, as in ["CN", "HK"]', self._next.at)
        at = self._take().at
        found: list[Constant] = []
        while not found or self._is("sign", ","):
            if found:
                self._take()
            found.append(self._literal())
            if len(found) > LIST_MAX:
                raise RuleError(f"a list has at most {LIST_MAX} values", at)
        self._expect("]")
        return tuple(found)

    def _call(self, name: Token) -> Node:
        if name.text not in FUNCTIONS:
            known = ", ".join(FUNCTIONS)
            raise RuleError(f"there is no such function; there are {known}", name.at)
        self._expect("(")
        node: Node
        if name.text == "on_list":
            kind = self._text_argument()
            if kind not in get_args(ListKind):
                raise RuleError("a list is block, allow or watch", name.at)
            self._expect(",")
            node = Field(name.at, list_field(kind, self._text_argument()))
        else:
            field = self._take() if self._next.kind == "name" else self._next
            if field.kind != "name" or field.text in WORDS:
                raise RuleError("the name of a feature or fact is missing here", field.at)
            node = Known(name.at, field.text)
            if name.text == "default":
                self._expect(",")
                node = Default(name.at, field.text, self._literal())
        self._expect(")")
        return node

    def _text_argument(self) -> str:
        if self._next.kind != "text":
            raise RuleError(
                'a text is missing here, as in on_list("watch", "payee")', self._next.at
            )
        return self._take().text


def list_field(kind: str, entity: str) -> str:
    """Return the name of the field that says whether an entity is on a list.

    No author can write it as a name: it holds a colon.
    """
    return f"{kind}_list:{entity}"


def _number(token: Token) -> Constant:
    text, unit = token.text.replace("_", ""), UNITS.get(token.text[-1])
    digits = text if unit is None else text[:-1]
    value = float(digits) if "." in digits else int(digits)
    return Constant(token.at, value * (unit or 1), is_time=unit is not None)
