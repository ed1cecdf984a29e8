import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import canonical
from keys.canonical import DEPTH_MAX, INTEGER_MAX, NotCanonical, digest, encode

texts = st.text(st.characters(codec="utf-8"), max_size=12)
integers = st.integers(-INTEGER_MAX, INTEGER_MAX)
scalars = st.none() | st.booleans() | integers | texts


def nested(leaves: st.SearchStrategy, names: st.SearchStrategy) -> st.SearchStrategy:
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
        max_leaves=12,
    )


values = nested(scalars, texts)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@given(values)
def test_reading_the_text_gives_the_value_back(value: object) -> None:
    assert json.loads(encode(value)) == value


@given(st.dictionaries(texts, scalars, min_size=2, max_size=8), st.randoms())
def test_the_order_of_members_does_not_matter(value: dict, shuffler) -> None:
    members = list(value.items())
    shuffler.shuffle(members)

    assert encode(dict(members)) == encode(value)


@given(nested(scalars, st.text('abcXYZ\x00 "\\~', max_size=6)))
def test_the_fast_way_and_the_reference_write_the_same(value: object) -> None:
    assert canonical._is_simple(value, DEPTH_MAX)
    assert encode(value) == canonical._write(value, DEPTH_MAX).encode()


@given(numbers)
def test_a_float_reads_back_as_itself(value: float) -> None:
    assert float(encode(value)) == value


@pytest.mark.parametrize(
    ("bits", "text"),
    [
        # RFC 8785 appendix B.
        ("0000000000000000", "0"),
        ("8000000000000000", "0"),
        ("0000000000000001", "5e-324"),
        ("8000000000000001", "-5e-324"),
        ("7fefffffffffffff", "1.7976931348623157e+308"),
        ("ffefffffffffffff", "-1.7976931348623157e+308"),
        ("4340000000000000", "9007199254740992"),
        ("c340000000000000", "-9007199254740992"),
        ("4430000000000000", "295147905179352830000"),
        ("44b52d02c7e14af5", "9.999999999999997e+22"),
        ("44b52d02c7e14af6", "1e+23"),
        ("44b52d02c7e14af7", "1.0000000000000001e+23"),
        ("444b1ae4d6e2ef4e", "999999999999999700000"),
        ("444b1ae4d6e2ef4f", "999999999999999900000"),
        ("444b1ae4d6e2ef50", "1e+21"),
        ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"),
        ("3eb0c6f7a0b5ed8d", "0.000001"),
        ("41b3de4355555553", "333333333.3333332"),
        ("41b3de4355555554", "333333333.33333325"),
        ("41b3de4355555555", "333333333.3333333"),
        ("41b3de4355555556", "333333333.3333334"),
        ("41b3de4355555557", "333333333.33333343"),
        ("becbf647612f3696", "-0.0000033333333333333333"),
        ("43143ff3c1cb0959", "1424953923781206.2"),
    ],
)
def test_numbers_are_written_as_the_standard_lists_them(bits: str, text: str) -> None:
    value = memoryview(bytes.fromhex(bits)[::-1]).cast("d")[0]

    assert encode(value) == text.encode()


def test_names_are_ordered_by_utf_16_units() -> None:
    assert encode({"\ufb33": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ufb33":1}'.encode()


def test_text_is_escaped_only_where_it_must_be() -> None:
    assert encode('\x08\x0c\n\r\t\x1f\x7f"\\/é') == '"\\b\\f\\n\\r\\t\\u001f\x7f\\"\\\\/é"'.encode()


class Word(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        INTEGER_MAX + 1,
        -INTEGER_MAX - 1,
        float("nan"),
        float("inf"),
        float("-inf"),
        "\ud800",
        {"\ud800": 1},
        {1: "a"},
        {None: "a"},
        {True: "a"},
        b"bytes",
        {"set"},
        Word("word"),
        {Word("word"): 1},
        [...],
    ],
    ids=repr,
)
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        encode(value)
    with pytest.raises(NotCanonical):
        encode({"a": [value], "é": 1.5})


def test_a_value_nested_too_deeply_is_refused() -> None:
    value: list = []
    value.append(value)

    with pytest.raises(NotCanonical, match="levels"):
        encode(value)


def test_the_deepest_value_allowed_is_written() -> None:
    value: object = 1
    for _ in range(DEPTH_MAX):
        value = [value]

    assert encode(value) == b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX


def test_a_refusal_never_shows_the_value() -> None:
    with pytest.raises(NotCanonical) as refused:
        encode({"card": 6217000000000000000000})

    assert "6217" not in str(refused.value)


def test_a_digest_names_its_hash() -> None:
    # printf '{"a":1}' | sha256sum
    expected = "015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862"

    assert digest({"a": 1}) == f"sha256:{expected}"
