"""How an expression binds, and what is refused, at which place."""

import pytest

from risk.rules.lexer import RuleError
from risk.rules.parser import DEPTH_MAX, STEPS_MAX, parse
from risk.rules.showing import make_shown
from risk.rules.tree import Compare, Constant


def bound(source: str) -> str:
    """Return an expression with the parentheses that its tree needs."""
    node = parse(source)
    shown = make_shown(node)
    return (shown.text % (("1",) * len(shown.names))).replace(" (1)", "")


@pytest.mark.parametrize(
    ("source", "means"),
    [
        ("a or b and c", "a or (b and c)"),
        ("not a and b", "not a and b"),
        ("not (a and b)", "not (a and b)"),
        ("a < b + c * d", "a < b + (c * d)"),
        ("a - b - c < 1", "(a - b) - c < 1"),
        ("a / b * c < 1", "(a / b) * c < 1"),
        ("-a < -1", "-a < -1"),
        ("a in [1, -2] or b not in [3]", "a in [1, -2] or b not in [3]"),
        ('known(a) and default(b, "x") == "y"', 'known(a) and default(b, "x") == "y"'),
        ("((a))", "a"),
    ],
)
def test_how_words_and_signs_bind(source, means) -> None:
    assert bound(source) == means


@pytest.mark.parametrize(
    ("written", "value"),
    [("5_000", 5_000), ("0.5", 0.5), ("30s", 30), ("15m", 900), ("24h", 86_400), ("1.5d", 129_600)],
)
def test_numbers_and_times(written, value) -> None:
    node = parse(f"a < {written}")

    assert isinstance(node, Compare)
    assert isinstance(node.right, Constant)
    assert node.right.value == value
    assert node.right.is_time == written[-1].isalpha()


@pytest.mark.parametrize(
    ("source", "at", "what"),
    [
        ("", 0, "a value is missing"),
        ("a <", 3, "a value is missing"),
        ("a < 1 < 2", 6, "two values at a time"),
        ("a b", 2, "should end here"),
        ("(a", 2, "\\) is missing"),
        ("a in b", 5, "a list is missing"),
        ("a in []", 6, "a value is missing"),
        ("a in [b]", 6, "a value is missing"),
        ("a in [1,]", 8, "a value is missing"),
        ("a in [-true]", 6, "only a number"),
        ("a not 1", 6, "in is missing"),
        ("and a", 0, "a value is missing"),
        ("eval(a)", 0, "no such function"),
        ("known(1)", 6, "name of a feature"),
        ("known(a, b)", 7, "\\) is missing"),
        ("default(a)", 9, ", is missing"),
        ("default(a, b)", 11, "a value is missing"),
        ('on_list("grey", "ip")', 0, "block, allow or watch"),
        ("on_list(block)", 8, "a text is missing"),
        ("a[0] == 1", 1, "should end here"),
        ("a(b)", 0, "no such function"),
        ("(" * 40 + "a" + ")" * 40, DEPTH_MAX + 1, "levels deep"),
        ("a" + " + 1" * 40 + " < 2", 4 * DEPTH_MAX, "levels deep"),
        ("a in [" + "1," * 100 + "1]", 5, "at most 100 values"),
        (" or ".join(["a"] * (STEPS_MAX // 2 + 1)) + " or a < 1" * 60, None, "steps|words"),
    ],
)
def test_what_is_no_expression_is_named_with_its_place(source, at, what) -> None:
    with pytest.raises(RuleError, match=what) as caught:
        parse(source)

    assert at is None or caught.value.at == at
