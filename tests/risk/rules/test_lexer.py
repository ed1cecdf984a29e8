"""Tokens: where they stand, what is none, and how much is read."""

import pytest

from risk.rules.lexer import CHARS_MAX, RuleError, tokens


def test_every_token_has_its_kind_and_place() -> None:
    found = tokens('a_1 >= 24h\n  and b not in ["x", 0.5]')

    assert [(one.kind, one.text) for one in found] == [
        ("name", "a_1"),
        ("sign", ">="),
        ("number", "24h"),
        ("name", "and"),
        ("name", "b"),
        ("name", "not"),
        ("name", "in"),
        ("sign", "["),
        ("text", "x"),
        ("sign", ","),
        ("number", "0.5"),
        ("sign", "]"),
        ("end", ""),
    ]
    assert [one.at for one in found][:4] == [0, 4, 7, 13]


@pytest.mark.parametrize(
    ("source", "at", "what"),
    [
        ("a = 1", 2, "write =="),
        ("a == 'CN'", 5, "double quotes"),
        ('a == "CN', 5, "begins and ends"),
        ('a == "C\\n"', 5, "begins and ends"),
        ("a == 5x", 5, "not a number"),
        ("a == 1.2.3", 5, "not a number"),
        ("a == 1e9", 5, "not a number"),
        ("A == 1", 0, "small letters"),
        ("a.b == 1", 1, "no part of the language"),
        ("a; b", 1, "no part of the language"),
        ("a == \uff11", 5, "not a number"),
        ("a == 1234567890123456", 5, "15 digits"),
        (f"{'a' * 65} == 1", 0, "64 characters"),
        (f'a == "{"b" * 141}"', 5, "140 characters"),
        ("a " * 513, 1025, "512 words"),
        ("a" * (CHARS_MAX + 1), CHARS_MAX, "2,000 characters"),
    ],
)
def test_what_is_no_token_is_named_with_its_place(source, at, what) -> None:
    with pytest.raises(RuleError, match=what) as caught:
        tokens(source)

    assert caught.value.at == at
