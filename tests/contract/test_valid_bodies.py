"""Bodies made from the types that validate: taken, or refused as documented; never a fault."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import inspect

from service.rooms.assessments.contract import AssessRequest
from service.rooms.payers.contract import RegisterPayer
from service.rooms.payments.contract import CreatePaymentRequest, EventRequest
from tests.contract.conftest import People, Sized
from tests.contract.house import START, House
from tests.contract.places import action, at
from tests.contract.shapes import main_type

ITEMS_MAX: Final = 3
# What no type says: an address is one, an amount of nothing is a verification's, and so on.
BETWEEN_FIELDS: Final = {
    *("/payer/payer_id", "/payer/email", "/payer/phone", "/device/ip", "/amount/value"),
    *("/balance_before/currency", "/parent_id", "/retry_of", "/occurred_at"),
}
OF_ACTIONS: Final = {
    *("/payer/payer_id", "/payer/email", "/payer/phone", "/device/ip", "/amount/value"),
    *("/payee", "/amount", "/changes", "/destination", "/occurred_at"),
}
OF_PAYERS: Final = {"payer_time_in_future", "payer_device_twice", "payer_protection_kept"}
CHARACTERS: Final = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
TIMES: Final = st.one_of(
    st.datetimes(
        START.replace(tzinfo=None) - dt.timedelta(hours=23),
        START.replace(tzinfo=None),
        timezones=st.timezones(),
    ),
    st.datetimes(timezones=st.just(dt.UTC)),
    st.datetimes(timezones=st.timezones()),
)
# JSON has times to the second in an offset to the minute; older zones had odd seconds.
WRITTEN: Final = TIMES.filter(
    lambda at: at.utcoffset() is not None and at.utcoffset() % dt.timedelta(minutes=1) == NONE
).map(dt.datetime.isoformat)
NONE: Final = dt.timedelta(0)
JSON: Final = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS), inner),
    max_leaves=6,
)


def bodies(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    """Return bodies of a Struct: all that is required, and any of the rest."""
    return _any_of(inspect.type_info(kind))


def _any_of(kind: inspect.Type) -> st.SearchStrategy[Any]:
    main = main_type(kind)
    match main:
        case inspect.StructType(fields=fields):
            required = {one.encode_name: _any_of(one.type) for one in fields if one.required}
            rest = {one.encode_name: _any_of(one.type) for one in fields if not one.required}
            return st.fixed_dictionaries(required, optional=rest)
        case inspect.DictType(key_type=name, value_type=value, max_length=most):
            return st.dictionaries(_any_of(name), _any_of(value), max_size=min(most or 9, 9))
        case inspect.CollectionType(item_type=item) | inspect.VarTupleType(item_type=item):
            return st.lists(_any_of(item), max_size=ITEMS_MAX)
        case inspect.AnyType():
            return JSON
        case other:
            return _scalar(other)


def _scalar(kind: inspect.Type) -> st.SearchStrategy[Any]:
    match kind:
        case inspect.StrType(pattern=None, min_length=least, max_length=most):
            return st.text(CHARACTERS, min_size=least or 0, max_size=min(most or 99, 99))
        case inspect.StrType(pattern=str(pattern), min_length=least, max_length=most):
            found = st.from_regex(pattern)
            return found.filter(lambda text: (least or 0) <= len(text) <= (most or 9_999))
        case inspect.IntType(ge=least, le=most):
            return st.integers(least or 0, 10**15 if most is None else most)
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.BoolType():
            return st.booleans()
        case inspect.DateTimeType():
            return WRITTEN
        case _:
            raise AssertionError(f"no strategy for {kind}")


def probable(drawn: dict[str, Any], house: House) -> dict[str, Any]:
    """Return a payment's body in which what no type says holds, as far as it is easily made to."""
    body = drawn | {"reference": f"ord-{house.next()}", "parent_id": None, "retry_of": None}
    body["occurred_at"] = house.clock.now().isoformat()
    body["payer"] = body["payer"] | {"payer_id": f"c_{house.next()}", "email": None, "phone": None}
    if body.get("device"):
        body["device"] = body["device"] | {"ip": "2001:db8::7"}
    is_none = body["kind"] == "verification"
    value = 0 if is_none else max(body["amount"]["value"], 1)
    body["amount"] = body["amount"] | {"value": value}
    if body.get("balance_before"):
        body["balance_before"]["currency"] = body["amount"]["currency"]
    return body


def run(check: Callable[[Any], None], kind: type[msgspec.Struct], examples: int) -> None:
    """Run a check over bodies of a Struct."""
    settled = settings(
        max_examples=examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
    )
    settled(given(bodies(kind))(check))()


@pytest.mark.long
def test_valid_payments_are_taken_or_refused_as_documented(
    house: House, people: People, thinned: Sized
) -> None:
    taken: list[int] = []

    def check(drawn: Any) -> None:
        for body in (drawn, probable(drawn, house)):
            answer = house.send("POST", "/v1/payments", key=people.ada, body=body)
            taken.append(answer.status)
            if answer.status == 201:
                house.get(f"/v1/payments/{answer.json['id']}", people.ada)
                continue
            assert 400 <= answer.status < 500, answer
            pointers = {one["pointer"] for one in answer.json.get("errors", ())}
            by_chance = answer.code in {"card_number_not_allowed", "reference_taken"}
            # A time at either end of the calendar is none in UTC.
            at_an_end = {one for one in pointers if one.endswith(("_at", "/at", "/since"))}
            assert by_chance or pointers - at_an_end <= BETWEEN_FIELDS, answer

    run(check, CreatePaymentRequest, thinned(quick=60, ci=200, full=5_000))

    assert taken.count(201) >= len(taken) * 0.4


@pytest.mark.long
def test_valid_actions_are_judged_or_refused_as_documented(
    house: House, people: People, thinned: Sized
) -> None:
    taken: list[int] = []

    def check(drawn: Any) -> None:
        for body in (drawn, fitting(drawn, house)):
            answer = house.send("POST", "/v1/assessments", key=people.ada, body=body)
            taken.append(answer.status)
            if answer.status == 201:
                house.get(f"/v1/assessments/{answer.json['id']}", people.ada)
                continue
            assert 400 <= answer.status < 500, answer
            pointers = {one["pointer"] for one in answer.json.get("errors", ())}
            at_an_end = {one for one in pointers if one.endswith(("_at", "/at"))}
            is_card = answer.code == "card_number_not_allowed"
            assert is_card or pointers - at_an_end <= OF_ACTIONS, answer

    run(check, AssessRequest, thinned(quick=60, ci=200, full=5_000))

    assert taken.count(201) >= len(taken) * 0.4


def fitting(drawn: dict[str, Any], house: House) -> dict[str, Any]:
    """Return an action's body in which what belongs to its event is there and nothing else."""
    body = drawn | {"occurred_at": house.clock.now().isoformat()}
    body["payer"] = body["payer"] | {"payer_id": f"c_{house.next()}", "email": None, "phone": None}
    if body.get("device"):
        body["device"] = body["device"] | {"ip": "2001:db8::7"}
    good = action(house, body["event"])
    for name in ("payee", "amount", "changes"):
        body[name] = good.get(name)
    if body["event"] != "payout":
        body["destination"] = None
    return body


@pytest.mark.long
def test_valid_events_are_taken(house: House, people: People, thinned: Sized) -> None:
    payment_id = at(house, people.ada, "executing")["id"]
    taken: list[int] = []

    def check(drawn: Any) -> None:
        path = f"/v1/payments/{payment_id}/events"
        in_cny = {"amount": {"value": 1, "currency": "CNY"}, "external_id": f"e-{house.next()}"}
        for body in (drawn, drawn | in_cny):
            answer = house.send("POST", path, key=people.ada, body=body)
            taken.append(answer.status)
            of_events = {"currency_mismatch", "event_amount_invalid"}
            assert answer.status < 500, answer
            assert answer.code in {*of_events, "body_invalid", "card_number_not_allowed", None}, (
                answer
            )

    run(check, EventRequest, thinned(quick=60, ci=200, full=5_000))

    assert taken.count(200) >= len(taken) * 0.3
    house.get(f"/v1/payments/{payment_id}", people.ada)


def test_valid_payers_are_registered(house: House, people: People, thinned: Sized) -> None:
    def check(drawn: Any) -> None:
        answer = house.send("POST", "/v1/payers", key=people.ada, body=drawn)
        assert answer.status < 500, answer
        assert answer.status == 200 or answer.code in {*OF_PAYERS, "body_invalid"}, answer

    run(check, RegisterPayer, thinned(quick=40, ci=150, full=2_000))
