import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.problems import BODY_MALFORMED
from service.http.reader import DEPTH_MAX, read
from service.kernel.errors import Refusal

# Valid JSON that two readers may read differently, or that no database stores as text.
REFUSED_ON_PURPOSE = {
    "y_object_duplicated_key.json",
    "y_object_duplicated_key_and_value.json",
    "y_object_escaped_null_in_key.json",
    "y_string_null_escape.json",
}
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def is_read(body: bytes) -> bool:
    try:
        read(body)
    except Refusal as refusal:
        if refusal.problem is not BODY_MALFORMED or refusal.errors or refusal.fields:
            raise
        return False
    return True


def suite(material: Path, kind: str) -> dict[str, bytes]:
    folder = material / "attack" / "JSONTestSuite" / "test_parsing"
    return {path.name: path.read_bytes() for path in folder.glob(f"{kind}_*.json")}


def test_every_malformed_text_of_the_suite_is_refused(material: Path) -> None:
    bodies = suite(material, "n")

    taken = {name for name, body in bodies.items() if is_read(body)}

    assert len(bodies) == 188
    assert taken == set()


def test_every_good_text_of_the_suite_is_read_but_what_strictness_refuses(material: Path) -> None:
    bodies = suite(material, "y")

    refused = {name for name, body in bodies.items() if not is_read(body)}

    assert len(bodies) == 95
    assert refused == REFUSED_ON_PURPOSE


def test_undefined_texts_of_the_suite_are_read_or_refused_and_nothing_else(material: Path) -> None:
    bodies = suite(material, "i")

    answers = {is_read(body) for body in bodies.values()}

    assert len(bodies) == 35
    assert answers == {True, False}


@given(TREES)
def test_what_is_written_is_read_back(tree: object) -> None:
    assert read(json.dumps(tree).encode()).tree == tree
    assert read(json.dumps(tree, ensure_ascii=False).encode()).tree == tree


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    assert is_read(body) in {True, False}


@given(st.text(alphabet='{}[]",:\\u0dD8123e.-truefalsn ', max_size=40))
def test_what_is_read_the_contract_decoder_reads_too(text: str) -> None:
    body = text.encode()

    if is_read(body):
        msgspec.json.decode(body)


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_garbage_around_a_body_is_refused(before: bytes, after: bytes) -> None:
    body = before + b'{"a": 1}' + after

    is_clean = (before + after).strip(b" \t\r\n") == b""
    assert is_read(body) is is_clean


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"[1e400]",
        b"[-1e400]",
        b"[" + b"1" * 400 + b".0e0]",
        b'{"a": 1, "a": 1}',
        b'[{"b": {"a": 1, "\\u0061": 2}}]',
        b'"a\x00b"',
        b'"\\u0000"',
        b'"\\\\\\u0000"',
        b'{"\\u0000": 1}',
        b'["\\ud800"]',
        b'["\\uDC00\\uD800"]',
        b'{"a": {"\\udfff": 1}}',
        b'"\xed\xa0\x80"',
        b'"\xff"',
        b'"\xc0\x80"',
        b"\xef\xbb\xbf{}",
        '{"a": 1}'.encode("utf-16"),
        '{"a": 1}'.encode("utf-16-le"),
        '{"a": 1}'.encode("utf-32"),
        b"{}{}",
        b"{} //",
        b"[1,]",
        b"'a'",
        b"[01]",
        b"[+1]",
        b"[\xef\xbc\x91]",
        b"1" * 5_000,
        b"[" * 65_536,
        b'{"a":' * 13_000,
        b"[" * 500 + b"]" * 500,
    ],
)
def test_what_could_be_read_two_ways_is_refused(body: bytes) -> None:
    assert not is_read(body)


@pytest.mark.parametrize(
    "body",
    [
        b'"\\\\u0000"',
        b'"\\ud83d\\ude00"',
        b'{"a": 1, "A": 1}',
        b'[{"a": 1}, {"a": 2}]',
        b"[1e-400]",
        b'"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["',
        b'["\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["]',
        b" \r\n\t{} \n",
    ],
)
def test_what_only_looks_odd_is_read(body: bytes) -> None:
    assert is_read(body)


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_nesting_ends_at_the_limit(opening: bytes, closing: bytes) -> None:
    def nested(depth: int) -> bytes:
        return opening * depth + (b"1" if opening != b"[" else b"") + closing * depth

    assert is_read(nested(DEPTH_MAX))
    assert not is_read(nested(DEPTH_MAX + 1))


def test_many_shallow_objects_are_no_depth() -> None:
    assert is_read(b"[" + b"{}," * 1_000 + b"[]]")


def test_a_refusal_says_nothing_of_the_body() -> None:
    with pytest.raises(Refusal) as caught:
        read(b'{"password": "hunter2"')

    assert "hunter2" not in repr(caught.value.__dict__)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
