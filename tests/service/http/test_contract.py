import datetime as dt
import json
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.contract import BodyContract, QueryContract
from service.http.problems import (
    BODY_INVALID,
    BODY_MALFORMED,
    CARD_NUMBER_NOT_ALLOWED,
    QUERY_INVALID,
    QUERY_MALFORMED,
)
from service.http.schema import ERRORS_MAX
from service.kernel.errors import Problem, Refusal
from service.kernel.money import Amount, Instant

Code = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Card(Strict, tag_field="type", tag="card"):
    last4: Annotated[str, msgspec.Meta(min_length=4, max_length=4)]


class Wallet(Strict, tag_field="type", tag="wallet"):
    wallet_id: str


class Line(Strict):
    sku: Annotated[str, msgspec.Meta(max_length=8)]
    quantity: Annotated[int, msgspec.Meta(ge=1, le=99)]


class Proof(Strict):
    text: bytes


class Order(Strict):
    amount: Amount
    at: Instant
    kind: Literal["purchase", "transfer"]
    code: Code | None = None
    lines: Annotated[list[Line], msgspec.Meta(max_length=50)] = []
    instrument: Card | Wallet | None = None
    note: str | None = None
    proof: Proof | None = None
    proofs: dict[str, Proof] = {}
    metadata: dict[Annotated[str, msgspec.Meta(max_length=8)], str | int] = {}
    first_line: Line | None = None

    def __post_init__(self) -> None:
        if self.note == "contradiction":
            raise ValueError("note: contradiction")


GOOD: dict[str, Any] = {
    "amount": {"value": 380, "currency": "CNY"},
    "at": "2026-11-23T08:12:31.402Z",
    "kind": "purchase",
}
ORDERS = BodyContract(Order)


def refused(body: object, contract: BodyContract[Any] = ORDERS) -> tuple[Problem, set[str]]:
    with pytest.raises(Refusal) as caught:
        contract.decode(body if isinstance(body, bytes) else json.dumps(body).encode())
    return caught.value.problem, {f"{one.code} {one.pointer}" for one in caught.value.errors}


def test_a_good_body_becomes_its_struct() -> None:
    order = ORDERS.decode(json.dumps(GOOD | {"code": "ABC"}).encode())

    assert order.amount == Amount(value=380, currency="CNY")
    assert order.at == dt.datetime(2026, 11, 23, 8, 12, 31, 402_000, tzinfo=dt.UTC)


def test_every_error_of_a_body_is_listed() -> None:
    body = {
        "amount": {"value": "380", "currency": "XXX"},
        "at": "2026-11-23T08:12:31",
        "code": "abc",
        "lines": [{"sku": "A" * 9, "quantity": 0}, {"quantity": 1.0}, 7],
        "instrument": {"type": "card", "last4": "12345"},
        "secret": 1,
        "metadata": {"a": [], "much-too-long": 1},
    }

    problem, errors = refused(body)

    assert problem is BODY_INVALID
    assert errors == {
        "wrong_type /amount/value",
        "not_allowed /amount/currency",
        "bad_format /at",
        "missing_field /kind",
        "bad_format /code",
        "too_long /lines/0/sku",
        "out_of_range /lines/0/quantity",
        "missing_field /lines/1/sku",
        "wrong_type /lines/1/quantity",
        "wrong_type /lines/2",
        "too_long /instrument/last4",
        "unknown_field ",
        "wrong_type /metadata",
        "bad_name /metadata",
    }


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"amount": {"value": 12.0, "currency": "CNY"}}, "wrong_type /amount/value"),
        ({"amount": {"value": True, "currency": "CNY"}}, "wrong_type /amount/value"),
        ({"amount": {"value": 10**15 + 1, "currency": "CNY"}}, "out_of_range /amount/value"),
        ({"amount": {"value": 10**30, "currency": "CNY"}}, "out_of_range /amount/value"),
        ({"amount": {"value": -1, "currency": "CNY"}}, "out_of_range /amount/value"),
        ({"amount": None}, "wrong_type /amount"),
        ({"at": "2026-11-23"}, "bad_format /at"),
        ({"at": "2026-13-23T00:00:00Z"}, "bad_format /at"),
        ({"at": 1763885551}, "wrong_type /at"),
        ({"kind": "refund"}, "not_allowed /kind"),
        ({"code": "ABC\n"}, "bad_format /code"),
        ({"code": "ABCD"}, "bad_format /code"),
        ({"code": 3}, "wrong_type /code"),
        ({"lines": [{"sku": "A", "quantity": 1}] * 51}, "too_long /lines"),
        ({"first_line": {"sku": "A", "quantity": 100}}, "out_of_range /first_line/quantity"),
        ({"first_line": []}, "wrong_type /first_line"),
        ({"instrument": {"type": "cheque"}}, "not_allowed /instrument/type"),
        ({"instrument": {"last4": "1234"}}, "missing_field /instrument/type"),
        ({"instrument": {"type": "wallet"}}, "missing_field /instrument/wallet_id"),
        ({"instrument": {"type": "card", "last4": "123"}}, "too_short /instrument/last4"),
        ({"instrument": 5}, "wrong_type /instrument"),
        ({"proof": {"text": "not base64!"}}, "bad_format /proof/text"),
        ({"proofs": {"text": {"text": "not base64!"}}}, "bad_format /proofs"),
        ({"metadata": {"a": 1.5}}, "wrong_type /metadata"),
        ({"metadata": []}, "wrong_type /metadata"),
        ({"note": "contradiction"}, "inconsistent "),
        ({"lines": [{"sku": "A", "quantity": 1, "colour": "red"}]}, "unknown_field /lines/0"),
    ],
)
def test_one_wrong_value_is_one_error(change: dict[str, Any], error: str) -> None:
    problem, errors = refused(GOOD | change)

    assert (problem, errors) == (BODY_INVALID, {error})


@pytest.mark.parametrize("tail", [b"ABC\\n", b"ABC\\u000a", b"ABC\\u000A"])
def test_a_trailing_newline_does_not_pass_a_pattern(tail: bytes) -> None:
    body = json.dumps(GOOD | {"code": "ABC"}).encode().replace(b'"ABC"', b'"' + tail + b'"')

    assert refused(body) == (BODY_INVALID, {"bad_format /code"})


def test_a_trailing_newline_in_free_text_is_kept() -> None:
    order = ORDERS.decode(json.dumps(GOOD | {"note": "line\n"}).encode())

    assert order.note == "line\n"


@pytest.mark.parametrize("root", [[], 1, None, "text"])
def test_a_body_of_another_kind_is_one_error(root: object) -> None:
    assert refused(root) == (BODY_INVALID, {"wrong_type "})


def test_a_body_that_cannot_be_read_is_malformed() -> None:
    assert refused(b'{"amount": ') == (BODY_MALFORMED, set())
    assert refused(b'{"unknown": 1, "unknown": 2}') == (BODY_MALFORMED, set())
    assert refused(json.dumps(GOOD).encode() + b"x") == (BODY_MALFORMED, set())


SECRET = "hunter2-Sésame"


@pytest.mark.parametrize(
    "body",
    [
        {SECRET: 1},
        GOOD | {"kind": SECRET},
        GOOD | {"at": SECRET},
        GOOD | {"code": SECRET},
        GOOD | {"metadata": {SECRET: 1}},
        GOOD | {"metadata": {"a": {SECRET: SECRET}}},
        GOOD | {"instrument": {"type": SECRET}},
        GOOD | {"kind": f"x - at `$.{SECRET}`"},
        {f"x` - at `$.{SECRET}": 1},
        GOOD | {"lines": [{SECRET: 4}]},
    ],
)
def test_a_refusal_never_repeats_values_or_names_of_the_callers_own(body: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as caught:
        ORDERS.decode(json.dumps(body, ensure_ascii=False).encode())

    told = f"{caught.value!r} {caught.value.__dict__!r}"
    assert "hunter2" not in told
    assert caught.value.errors
    assert caught.value.__cause__ is None


def test_the_list_of_errors_has_an_end() -> None:
    lines = [{"sku": "A" * 9, "quantity": 0}] * 1_000

    _, errors = refused(GOOD | {"lines": lines})

    assert len(errors) == ERRORS_MAX


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"note": "pay with 4111 1111 1111 1111"}, "/note"),
        ({"metadata": {"a": "4111111111111111"}}, "/metadata"),
        ({"metadata": {"a": 4111111111111111}}, "/metadata"),
        ({"metadata": {"4111111111111111": "a"}}, "/metadata"),
        ({"lines": [{"sku": "4111-1111-1111-1111", "quantity": 1}]}, "/lines/0/sku"),
        ({"4111111111111111": 1}, ""),
        ({"unknown": {"note": "4111111111111111"}}, ""),
    ],
)
def test_a_card_number_is_refused_at_its_place(change: dict[str, Any], place: str) -> None:
    for ascii_only in (True, False):
        body = json.dumps(GOOD | change, ensure_ascii=ascii_only).encode()
        assert refused(body) == (CARD_NUMBER_NOT_ALLOWED, {f"card_number_not_allowed {place}"})


def test_a_card_number_in_escapes_is_refused() -> None:
    digits = "".join(f"\\u{ord(digit):04x}" for digit in "4111111111111111")
    body = json.dumps(GOOD | {"note": "@"}).replace("@", digits).encode()

    assert refused(body) == (CARD_NUMBER_NOT_ALLOWED, {"card_number_not_allowed /note"})


def test_a_route_may_take_card_numbers() -> None:
    contract = BodyContract(Order, takes_cards=True)

    order = contract.decode(json.dumps(GOOD | {"note": "4111111111111111"}).encode())

    assert order.note == "4111111111111111"


def test_a_large_amount_is_no_card_number() -> None:
    body = GOOD | {"amount": {"value": 411111111111116, "currency": "IRR"}}

    assert ORDERS.decode(json.dumps(body).encode()).amount.value == 411111111111116


@given(st.binary(max_size=80))
def test_any_bytes_are_refused_with_a_client_error(body: bytes) -> None:
    problem, _ = refused(body)

    assert problem in {BODY_MALFORMED, BODY_INVALID}


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False)
        | st.text(max_size=9),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(sorted(Order.__struct_fields__)) | st.text(max_size=3), inner
            )
        ),
        max_leaves=12,
    )
)
def test_any_tree_is_taken_or_refused(tree: object) -> None:
    body = json.dumps(tree, ensure_ascii=True).encode()

    try:
        ORDERS.decode(body)
    except Refusal as refusal:
        if refusal.problem.status not in {400, 422}:
            raise


@pytest.mark.parametrize("strict", [{"frozen": True}, {"forbid_unknown_fields": True}])
def test_a_contract_that_is_not_strict_is_not_mounted(strict: dict[str, bool]) -> None:
    kind = msgspec.defstruct("Loose", [("a", int)], **strict)  # type: ignore[call-overload]  # one each

    with pytest.raises(TypeError, match="Loose"):
        BodyContract(kind)


def test_a_pattern_that_ends_in_the_middle_is_not_mounted() -> None:
    kind = msgspec.defstruct(
        "Odd",
        [("a", Annotated[str, msgspec.Meta(pattern="^a$|^b$")])],
        frozen=True,
        forbid_unknown_fields=True,
    )

    with pytest.raises(ValueError, match="end only"):
        BodyContract(kind)


class Filters(Strict):
    limit: Annotated[int, msgspec.Meta(ge=1, le=200)] = 50
    reference: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    since: Instant | None = None
    is_open: bool = False
    status: Literal["held", "approved"] | None = None
    code: Code | None = None


FILTERS = QueryContract(Filters)


def query_refused(query: bytes) -> tuple[Problem, set[str]]:
    with pytest.raises(Refusal) as caught:
        FILTERS.decode(query)
    return caught.value.problem, {f"{one.code} {one.pointer}" for one in caught.value.errors}


def test_a_query_becomes_its_struct() -> None:
    query = b"limit=7&reference=a%20b+c%E4%B8%AD&since=2026-01-01T00%3A00%3A00Z&is_open=true"

    assert FILTERS.decode(query) == Filters(
        limit=7,
        reference="a b c中",
        since=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        is_open=True,
    )
    assert FILTERS.decode(b"") == Filters()
    assert FILTERS.decode(b"reference=") == Filters(reference="")
    assert FILTERS.decode(b"reference=null") == Filters(reference="null")


@pytest.mark.parametrize(
    ("query", "errors"),
    [
        (b"limit=1e1", {"wrong_type query:limit"}),
        (b"limit=12.0", {"wrong_type query:limit"}),
        (b"limit=%EF%BC%91", {"wrong_type query:limit"}),
        (b"limit=0", {"out_of_range query:limit"}),
        (b"limit=201", {"out_of_range query:limit"}),
        (b"limit=1&limit=1", {"duplicate_parameter query:limit"}),
        (
            b"limit=x&limit=1&colour=red",
            {"duplicate_parameter query:limit", "unknown_field query:"},
        ),
        (b"since=1700000000", {"bad_format query:since"}),
        (b"is_open=TRUE", {"wrong_type query:is_open"}),
        (b"status=lost", {"not_allowed query:status"}),
        (b"code=ABC%0A", {"bad_format query:code"}),
        (b"hunter2=1", {"unknown_field query:"}),
    ],
)
def test_a_query_against_the_contract_is_refused(query: bytes, errors: set[str]) -> None:
    assert query_refused(query) == (QUERY_INVALID, errors)


@pytest.mark.parametrize(
    "query",
    [
        b"limit",
        b"=1",
        b"&",
        b"limit=1&",
        b"reference=%zz",
        b"reference=%ff",
        b"reference=%00",
        b"&".join(b"a%d=1" % place for place in range(51)),
    ],
)
def test_a_query_that_cannot_be_read_is_malformed(query: bytes) -> None:
    assert query_refused(query) == (QUERY_MALFORMED, set())


def test_a_card_number_in_a_query_is_refused() -> None:
    assert query_refused(b"reference=4111+1111+1111+1111")[0] is CARD_NUMBER_NOT_ALLOWED
