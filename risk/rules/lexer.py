"""From the text of an expression to tokens with their places. Never decides what they mean."""

import re
from typing import Final, Literal, NamedTuple, cast

CHARS_MAX: Final = 2_000
TOKENS_MAX: Final = 512
NAME_CHARS_MAX: Final = 64
TEXT_CHARS_MAX: Final = 140
DIGITS_MAX: Final = 15
Kind = Literal["number", "name", "text", "sign", "end"]
# Seconds in a unit that may follow a number: 15m, 24h.
UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
# Each alternative takes a bounded step and none can match in two ways: no backtracking.
_TOKEN: Final = re.compile(
    r"""(?P<number>[0-9]++(?:_[0-9]++)*+(?:\.[0-9]++)?[smhd]?(?![A-Za-z0-9_.]))
      | (?P<name>[a-z][a-z0-9_]*(?![A-Z]))
      | "(?P<text>[^"\\\x00-\x1f\x7f]*)"
      | (?P<sign>==|!=|<=|>=|[<>+\-*/(),\[\]])
      | (?P<space>[ \t\r\n]+)""",
    re.VERBOSE | re.ASCII,
)


class RuleError(ValueError):
    """A rule cannot be read, or says what cannot be.

    Attributes:
        what: One sentence for its author; repeats nothing but names and signs of the language.
        at: Place in the expression, from 0.
    """

    def __init__(self, what: str, at: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.at = at


class Token(NamedTuple):
    """One word of an expression.

    Attributes:
        text: As it was written; of a text without its quotes.
        at: Place of its first character, from 0.
    """

    kind: Kind
    text: str
    at: int


def tokens(source: str) -> list[Token]:
    """Return the tokens of an expression, an `end` last.

    Raises:
        RuleError: It is too long, or holds what is no token.
    """
    if len(source) > CHARS_MAX:
        raise RuleError(f"an expression has at most {CHARS_MAX:,} characters", CHARS_MAX)
    found: list[Token] = []
    at = 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise RuleError(_what(source[at]), at)
        if match.lastgroup != "space":
            kind = cast("Kind", match.lastgroup)
            found.append(Token(kind, _bounded(kind, match[kind], at), at))
        at = match.end()
        if len(found) > TOKENS_MAX:
            raise RuleError(f"an expression has at most {TOKENS_MAX} words and signs", at)
    return [*found, Token("end", "", len(source))]


def _bounded(kind: Kind, text: str, at: int) -> str:
    if kind == "name" and len(text) > NAME_CHARS_MAX:
        raise RuleError(f"a name has at most {NAME_CHARS_MAX} characters", at)
    if kind == "text" and len(text) > TEXT_CHARS_MAX:
        raise RuleError(f"a text has at most {TEXT_CHARS_MAX} characters", at)
    if kind == "number" and sum(map(str.isdigit, text)) > DIGITS_MAX:
        raise RuleError(f"a number has at most {DIGITS_MAX} digits", at)
    return text


def _what(char: str) -> str:
    if char == '"':
        return 'a text begins and ends with " on one line and holds no \\'
    if char == "'":
        return 'a text stands in double quotes: "CN"'
    if char == "=":
        return "one = compares nothing; write =="
    if char.isdigit():
        return "not a number; write 5, 5_000, 0.8, 15m or 24h"
    if char.isalpha():
        return "names are in small letters, digits and _"
    return "this character is no part of the language"
