"""Finds full card numbers where none may be. Pure; says where, never which."""

import itertools
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, Final

from service.http.reader import Document

DIGITS_MIN: Final = 13
DIGITS_MAX: Final = 19

# Up to three spaces or dashes between two digits; NFKC has made them and the digits plain.
_GAP: Final = r"[\s\-\u2010-\u2015\u2212]{0,3}"
_RUN: Final = re.compile(rf"\d(?:{_GAP}\d){{{DIGITS_MIN - 1},}}+")
_GROUP: Final = re.compile(r"\d+")

# For the quick look at ASCII text: every digit becomes 0, gaps fall away, the rest becomes x.
_ALL_BYTES: Final = bytes(range(256))
_DIGITS_TO_ZERO: Final = b"".join(b"0" if bytes([byte]).isdigit() else b"x" for byte in _ALL_BYTES)
_GAP_BYTES: Final = b"-" + bytes(byte for byte in _ALL_BYTES if chr(byte).isspace())
_ZEROS: Final = b"0" * DIGITS_MIN

# Issuer ranges with the lengths that their schemes use. Without the lengths a phone's IMEI, which
# carries a Luhn digit and often begins with 35, would pass for a card.
_SCHEMES: Final = re.compile(
    r"""(?:
      4\d{12}(?:\d{3}|\d{6})?                                     # Visa
    | 5[1-5]\d{14}                                                # Mastercard
    | 2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}           # Mastercard
    | 220[0-4]\d{12,15}                                           # Mir
    | 3[47]\d{13}                                                 # American Express
    | 3(?:0[0-59]|[689]\d)\d{11,16}                               # Diners Club
    | 35(?:2[89]|[3-8]\d)\d{12,15}                                # JCB
    | 6\d{12,18}                                                  # UnionPay, Discover, Maestro
    | 5[06-8]\d{11,17}                                            # Maestro
    | 81\d{14,17}                                                 # UnionPay
    | 9792\d{12}                                                  # Troy
    )""",
    re.VERBOSE | re.ASCII,
)

# A digest or UUID has long runs of digits now and then (one UUID in a thousand would be refused
# as a card). The letters tell it from track data in hexadecimal, which has two at most.
_HEX_WORD: Final = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f](?:-?[0-9A-Fa-f]){31,}(?![0-9A-Za-z])")
_HEX_LETTERS_MIN: Final = 4

_AMOUNT_MEMBERS: Final = {"value", "currency"}
_DOUBLED: Final = tuple(digit * 2 // 10 + digit * 2 % 10 for digit in range(10))


def may_hold_card(document: Document) -> bool:
    """Say cheaply whether a body needs a closer look; never no where `card_places` finds one."""
    text = document.text
    if "\\" in text:
        return True
    if text.isascii():
        if _ZEROS not in text.encode("ascii").translate(_DIGITS_TO_ZERO, _GAP_BYTES):
            return False
        # A quote ends every run, so that those of the text hold those of its strings, whole
        # groups each; digests and amounts are looked at as well, which only says "maybe".
        return any(_holds_card(run.group()) for run in _RUN.finditer(text))
    return _RUN.search(unicodedata.normalize("NFKC", text)) is not None


def card_places(tree: Any) -> Iterator[tuple[str | int, ...]]:
    """Return where a tree holds what looks like a full card number, as steps from its root.

    Strings, names of members and whole numbers are looked at, but not the value of an amount of
    money. A name that is a card number is reported at the object that has it.
    """
    waiting: list[tuple[tuple[str | int, ...], Any]] = [((), tree)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, str):
            if is_card(node):
                yield place
        elif isinstance(node, dict):
            if any(map(is_card, node)):
                yield place
            is_amount = node.keys() == _AMOUNT_MEMBERS
            waiting.extend(
                ((*place, name), one)
                for name, one in node.items()
                if not (is_amount and name == "value")
            )
        elif isinstance(node, list):
            waiting.extend(((*place, index), one) for index, one in enumerate(node))
        elif isinstance(node, int) and is_card(str(node)):
            yield place


def is_card(text: str) -> bool:
    """Say whether a text holds a full card number.

    That is: digits of any script, spaces and dashes between them allowed, in an issuer's range
    with a length that it uses, and with the right Luhn digit.
    """
    if len(text) < DIGITS_MIN:
        return False
    plain = _HEX_WORD.sub(_without_digest, unicodedata.normalize("NFKC", text))
    return any(_holds_card(run.group()) for run in _RUN.finditer(plain))


def _without_digest(word: re.Match[str]) -> str:
    letters = sum(map(str.isalpha, word.group()))
    return "/" if letters >= _HEX_LETTERS_MIN else word.group()


def _holds_card(run: str) -> bool:
    """Look at every stretch of whole groups, for a date or a number may stand beside the card.

    Linear in the length of the run: the two running sums make each stretch's Luhn sum one
    subtraction, so that a body full of spaced digits costs milliseconds.
    """
    groups = _GROUP.findall(run)
    digits = "".join(groups)
    values = list(map(int, digits))  # of any script; NFKC leaves most of them as they are
    ends = set(itertools.accumulate(map(len, groups)))
    sums = (_running_sums(values, doubled=0), _running_sums(values, doubled=1))
    for start in sorted({0, *ends}):
        for end in range(start + DIGITS_MIN, min(start + DIGITS_MAX, len(values)) + 1):
            # The digit before the last is doubled, and every second one to its left.
            one = sums[end % 2]
            if end in ends and (one[end] - one[start]) % 10 == 0:
                card = "".join(map(str, values[start:end]))
                if _SCHEMES.fullmatch(card):
                    return True
    return False


def _running_sums(values: list[int], *, doubled: int) -> list[int]:
    """Return sums of the first n values, with those at even (0) or odd (1) places doubled."""
    terms = (_DOUBLED[one] if place % 2 == doubled else one for place, one in enumerate(values))
    return [0, *itertools.accumulate(terms)]
