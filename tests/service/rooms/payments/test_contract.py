"""What a payment may be asked as, and what is refused, by the contract alone."""

import json
import re
from typing import Any

import msgspec
import pytest

from service.http.contract import BodyContract, QueryContract
from service.kernel.errors import FieldError, Refusal
from service.rooms.payments import contract
from service.rooms.payments.contract import (
    CancelRequest,
    CreatePaymentRequest,
    EventRequest,
    ExecuteRequest,
    PaymentAnswer,
    PaymentFacts,
    PaymentQuery,
    TokenRequest,
    rule_errors,
)
from service.unit_of_work.commands import Command
from tests.service.rooms.payments.examples import ANSWER, REQUEST

TAKEN = [CreatePaymentRequest, ExecuteRequest, EventRequest, CancelRequest, TokenRequest]
LEAST = {
    "amount": {"value": 38000, "currency": "CNY"},
    "kind": "purchase",
    "payee": {"payee_id": "p_77"},
    "payer": {"payer_id": "c_17"},
    "occurred_at": "2026-11-23T08:12:31.402Z",
}
CREATION = BodyContract(CreatePaymentRequest)


def decode(**given: Any) -> CreatePaymentRequest:
    body = {name: value for name, value in {**LEAST, **given}.items() if value != "left out"}
    return CREATION.decode(json.dumps(body).encode())


def refused(**given: Any) -> set[str]:
    with pytest.raises(Refusal) as caught:
        decode(**given)
    return {f"{one.pointer} {one.code}" for one in caught.value.errors}


def schemas() -> dict[str, Any]:
    _, components = msgspec.json.schema_components([*TAKEN, PaymentQuery])
    return components


def strings(node: Any) -> list[dict[str, Any]]:
    """Return every schema of a string that is not a closed set of words or a time."""
    found = []
    if isinstance(node, dict):
        if node.get("type") == "string" and "format" not in node:
            found.append(node)
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            found += strings(one)
    return found


def test_the_request_of_the_design_is_taken() -> None:
    request = CREATION.decode(REQUEST.encode())

    assert request.reference == "ord-8831-1"
    assert rule_errors(request) == ()


def test_the_answer_of_the_design_is_given() -> None:
    answer = msgspec.json.decode(ANSWER, type=PaymentAnswer)

    assert msgspec.json.decode(msgspec.json.encode(answer)) == json.loads(ANSWER)


def test_the_least_is_enough() -> None:
    assert decode().initiator == "payer"


@pytest.mark.parametrize("name", LEAST)
def test_less_is_not_enough(name: str) -> None:
    assert refused(**{name: "left out"}) == {f"/{name} missing_field"}


OPTIONAL = set(CreatePaymentRequest.__struct_fields__) - set(LEAST) - {"initiator", "amount_is"}


@pytest.mark.parametrize("name", sorted(OPTIONAL))
def test_everything_else_may_be_null(name: str) -> None:
    assert getattr(decode(**{name: None}), name) is None


@pytest.mark.parametrize("minor", ["12", 12.0, True, -1, 10**15 + 1])
def test_an_amount_is_a_whole_number(minor: object) -> None:
    [found] = refused(amount={"value": minor, "currency": "CNY"})

    assert found.startswith("/amount/value ")


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ("kind", "gift", "/kind not_allowed"),
        ("occurred_at", "2026-11-23T08:12:31", "/occurred_at bad_format"),
        ("reference", "", "/reference too_short"),
        ("reference", "a" * 65, "/reference too_long"),
        ("reference", "订单", "/reference bad_format"),
        ("mcc", "57321", "/mcc too_long"),
        ("device", {"ip": "localhost"}, "/device/ip bad_format"),
        ("instalments", 1, "/instalments out_of_range"),
        ("metadata", {str(one): "" for one in range(21)}, "/metadata too_long"),
        ("metadata", {"k": "v" * 501}, "/metadata too_long"),
        ("metadata", {"k": 1}, "/metadata wrong_type"),
        ("payee", {"payee_id": "p", "name": "n" * 141}, "/payee/name too_long"),
        ("surprise", 1, " unknown_field"),
    ],
)
def test_what_is_against_the_contract_is_named(field: str, value: object, wrong: str) -> None:
    assert wrong in refused(**{field: value})


def test_items_of_an_order_are_limited() -> None:
    item = {"sku": "A", "quantity": 1, "amount": {"value": 1, "currency": "CNY"}}

    assert "/order/items too_long" in refused(order={"items": [item] * 101})


def test_every_error_is_listed() -> None:
    assert refused(kind="gift", mcc="x", reference="") >= {
        "/kind not_allowed",
        "/mcc bad_format",
        "/reference too_short",
    }


def test_every_text_has_a_length() -> None:
    assert [one for one in strings(schemas()) if "maxLength" not in one] == []


@pytest.mark.parametrize(
    "pattern", sorted({one["pattern"] for one in strings(schemas()) if "pattern" in one})
)
def test_no_pattern_takes_a_newline_at_the_end(pattern: str) -> None:
    taken = [one for one in SAMPLES if re.search(pattern, one)]

    assert taken, "give a sample that the pattern takes"
    assert not any(re.search(pattern, f"{one}\n") for one in taken)


SAMPLES = ("a", "CN", "zh-CN", "Asia/Shanghai", "5732", "621700", "203.0.113.9", "05", "2.2.0",
           "A" * 28, "f25084f0-5b16-4c0a-ae5d-b24808a95e4b")  # fmt: skip


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"payer": {}}, FieldError("/payer/payer_id", "missing_field")),
        ({"kind": "verification"}, FieldError("/amount/value", "inconsistent")),
        (
            {"amount": {"value": 0, "currency": "CNY"}},
            FieldError("/amount/value", "inconsistent"),
        ),
        (
            {"balance_before": {"value": 1, "currency": "USD"}},
            FieldError("/balance_before/currency", "inconsistent"),
        ),
    ],
)
def test_rules_between_fields(given: dict[str, Any], wrong: FieldError) -> None:
    assert rule_errors(decode(**given)) == (wrong,)


@pytest.mark.parametrize("payer", [{"email": "a@b.example"}, {"phone": "+86 10 1234 5678"}])
def test_a_guest_has_an_email_or_a_phone(payer: dict[str, str]) -> None:
    assert rule_errors(decode(payer=payer)) == ()


def test_what_is_kept_has_no_place_for_clear_contacts() -> None:
    kept = msgspec.json.schema(PaymentFacts)["$defs"]

    assert not {"email", "phone"} & kept["PayerKept"]["properties"].keys()
    assert "ip" not in kept["DeviceKept"]["properties"]
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**LEAST, "payer": {"payer_key": "c", "email": "a@b.c"}}, PaymentFacts)


def test_what_was_not_told_is_left_out_where_it_is_kept() -> None:
    kept = msgspec.convert({**LEAST, "payer": {"payer_key": "c_17"}}, PaymentFacts)

    assert json.loads(msgspec.json.encode(kept)).keys() == LEAST.keys()


@pytest.mark.parametrize("kind", TAKEN)
def test_each_body_is_strict(kind: type[msgspec.Struct]) -> None:
    with pytest.raises(Refusal):
        BodyContract(kind).decode(b'{"surprise": 1}')


def test_a_query_has_a_page() -> None:
    query = QueryContract(PaymentQuery).decode(b"status=held&limit=200")

    assert (query.status, query.limit) == ("held", 200)
    with pytest.raises(Refusal):
        QueryContract(PaymentQuery).decode(b"limit=201")


COMMANDS = [
    one
    for one in vars(contract).values()
    if isinstance(one, type) and issubclass(one, Command) and one is not Command
]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_says_what_it_gives(command: type[Command]) -> None:
    assert issubclass(command.gives, msgspec.Struct)
