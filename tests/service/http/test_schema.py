import json
from typing import Annotated, Any, Literal

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.schema import ERRORS_MAX, Schema
from service.kernel.money import Amount, Instant


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Leaf(Strict, tag_field="type", tag="leaf"):
    size: Annotated[int, msgspec.Meta(ge=0, lt=10, multiple_of=2)] = 0


class Tree(Strict, tag_field="type", tag="tree"):
    left: "Tree | Leaf | None" = None
    names: Annotated[list[str], msgspec.Meta(min_length=1, max_length=2)] | None = None


class Body(Strict):
    tree: Tree | Leaf
    amount: Amount
    at: Instant | None = None
    word: Annotated[str, msgspec.Meta(min_length=1, max_length=3, pattern="^[a-z]+$")] = "a"
    choice: Literal["a", "b", 1] | None = None
    either: str | int | list[bool] | None = None
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    extra: dict[str, Any] = {}
    counts: dict[Annotated[str, msgspec.Meta(max_length=2)], int] = {}


def oracle(kind: type[msgspec.Struct]) -> Any:
    """Return the common validator, made to see integers and the end of a text as msgspec does."""
    checker = jsonschema.Draft202012Validator.TYPE_CHECKER
    strict = jsonschema.validators.extend(
        jsonschema.Draft202012Validator,
        type_checker=checker.redefine("integer", lambda _, one: type(one) is int),
    )
    (root,), components = msgspec.json.schema_components([kind], ref_template="#/$defs/{name}")
    formats = jsonschema.FormatChecker(formats=())
    formats.checks("date-time", raises=msgspec.ValidationError)(
        lambda one: not isinstance(one, str) or bool(msgspec.convert(one, Instant))
    )
    return strict({**root, "$defs": components}, format_checker=formats)


SCHEMA = Schema(Body)
ORACLE = oracle(Body)
NAMES = ["tree", "amount", "at", "word", "choice", "either", "share", "extra", "counts", "x"]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 12)
    | st.sampled_from([0.5, 1.0, 12.0, -1.5])
    | st.sampled_from(["", "a", "abcd", "A", "leaf", "tree", "CNY", "2026-01-01T00:00:00Z", "2026"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["type", "left", "size", "names", "value", "currency", "abc"]), inner
        )
        | st.fixed_dictionaries(
            {"type": st.sampled_from(["leaf", "tree"])}, optional={"left": inner}
        )
        | st.fixed_dictionaries({"value": inner, "currency": st.sampled_from(["CNY", "XXX"])})
    ),
    max_leaves=8,
)
BODIES = st.dictionaries(st.sampled_from(NAMES), VALUES) | st.fixed_dictionaries(
    {
        "tree": st.just({"type": "tree"}) | VALUES,
        "amount": st.just({"value": 1, "currency": "CNY"}) | VALUES,
    },
    optional=dict.fromkeys(NAMES[2:9], VALUES),
)


@given(BODIES)
def test_a_value_has_errors_when_the_common_validator_says_so(body: dict[str, Any]) -> None:
    assert bool(SCHEMA.errors(body)) is not ORACLE.is_valid(body)


@given(BODIES)
def test_a_value_has_no_errors_when_msgspec_takes_it(body: dict[str, Any]) -> None:
    try:
        msgspec.json.decode(json.dumps(body), type=Body)
    except msgspec.ValidationError as refused:
        assert SCHEMA.errors(body), refused  # noqa: PT017  either side is the test
    else:
        assert SCHEMA.errors(body) == []


def test_looking_ends_with_the_list_of_errors() -> None:
    found: dict[tuple[str, str], None] = {}

    SCHEMA._check({"either": [1] * 10_000}, "", found)

    assert ERRORS_MAX <= len(found) <= ERRORS_MAX + 10


def test_a_contract_may_contain_itself() -> None:
    inner = {"type": "tree", "left": {"type": "tree", "left": {"type": "leaf", "size": 3}}}
    body = {"tree": inner, "amount": {"value": 1, "currency": "CNY"}}

    (error,) = SCHEMA.errors(body)

    assert (error.pointer, error.code) == ("/tree/left/left/size", "out_of_range")


@pytest.mark.parametrize(
    ("either", "codes"),
    [
        (1, []),
        ("a", []),
        ([True], []),
        (None, []),
        (1.5, ["wrong_type /either"]),
        ([1], ["wrong_type /either/0"]),
        ({}, ["wrong_type /either"]),
    ],
)
def test_a_union_is_judged_by_the_branch_that_was_meant(either: object, codes: list[str]) -> None:
    body = {"tree": {"type": "tree"}, "amount": {"value": 1, "currency": "CNY"}, "either": either}

    assert [f"{one.code} {one.pointer}" for one in SCHEMA.errors(body)] == codes


def test_a_schema_that_the_checks_do_not_know_is_not_mounted() -> None:
    class Odd(Strict):
        pair: tuple[int, str]

    with pytest.raises(ValueError, match="prefixItems"):
        Schema(Odd)


def test_a_format_that_the_checks_do_not_know_is_not_mounted() -> None:
    class Odd(Strict):
        day: msgspec.Raw | Annotated[str, msgspec.Meta(extra_json_schema={"format": "email"})]

    with pytest.raises(ValueError, match="format"):
        Schema(Odd)
