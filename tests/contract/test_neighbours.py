"""What is another's is not there: on every route, in every body, under every key and cursor."""

from typing import Any, Final

import pytest

from service import wsgi
from service.http.routes import Route
from tests.contract.conftest import People
from tests.contract.house import Holder, House
from tests.contract.places import (
    approved,
    assessed,
    at,
    delivery,
    event,
    execution,
    list_entry,
)

# Whose ids they are, and who asks: another tenant's merchant, a neighbour in one tenant, and
# the merchant itself in its other mode.
STRANGERS: Final = ("bob", "bob_live", "ann", "ada_live")
# Models are the house's: every merchant whose key may read them sees the same ones.
OF_ALL: Final = "model_id"
WITH_ID: Final = [
    route for route in wsgi.ROUTES if route.parameters and OF_ALL not in route.parameters
]


def ids_of(house: House, key: Holder) -> dict[str, str]:
    """Return one id of each kind that a path may hold, all of them known and in use."""
    challenged = at(house, key, "challenge_required")
    held = at(house, key, "held")
    told = delivery(house, key)
    return {
        "payment_id": challenged["id"],
        "challenge_id": challenged["challenge"]["id"],
        "hold_id": held["hold"]["id"],
        "delivery_id": told["id"],
        "endpoint_id": told["endpoint_id"],
        "assessment_id": assessed(house, key)["id"],
        "entry_id": house.post("/v1/lists/entries", key, list_entry(house), status=201)["id"],
    }


def body_of(route: Route, house: House, owner: Holder) -> dict[str, Any] | None:
    """Return a good body for a route; an execution carries the owner's own token."""
    if route.takes is None:
        return None
    if route.path.endswith("/events"):
        return event(house, "captured")
    if route.path.endswith("/execute"):
        return dict(approved(house, owner)["execution"])
    return {}


def plain(answer: Any) -> tuple[int, str, bytes]:
    """Return an answer without what belongs to the single request."""
    body = answer.body.replace(answer.headers["Payguard-Request-Id"].encode(), b"")
    return answer.status, answer.headers["Content-Type"], body


def rows_of(house: House, holder: Holder) -> dict[str, set[Any]]:
    """Return the rows that name a merchant, without those of an id that two may share."""
    return {
        name: {row for row in rows if holder.merchant_id in row}
        for name, rows in house.rows().items()
    }


def test_every_kind_of_id_in_a_path_is_attacked_below() -> None:
    kinds = {name for route in WITH_ID for name in route.parameters}

    assert kinds == {
        *("payment_id", "challenge_id", "hold_id"),
        *("delivery_id", "endpoint_id", "entry_id", "assessment_id"),
    }


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("route", WITH_ID, ids=lambda route: route.name)
def test_an_id_of_another_is_answered_as_an_unknown_one(
    house: House, people: People, route: Route, stranger: str
) -> None:
    owner, other = people.ada, getattr(people, stranger)
    known = ids_of(house, owner)
    body = body_of(route, house, owner)
    mine = dict.fromkeys(known)
    for name, value in known.items():
        mine[name] = value[:-8] + "ZZZZZZZZ"
    secret = set(known.values()) | {owner.merchant_id, owner.tenant_id}
    if stranger in {"ann", "ada_live"}:
        secret -= {owner.tenant_id, owner.merchant_id}
    before = house.rows()

    theirs = house.send(route.method.upper(), route.path.format(**known), key=other, body=body)
    unknown = house.send(route.method.upper(), route.path.format(**mine), key=other, body=body)

    assert theirs.status == 404, theirs
    assert plain(theirs) == plain(unknown)
    assert not [one for one in secret if one in theirs.body.decode()]
    after = house.rows()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"entries", "entry_numbers", "idempotency", "writer"}
    grown = after["entries"] - before["entries"]
    assert all(other.merchant_id in row for row in grown)


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize("field", ["parent_id", "retry_of"])
def test_a_payment_of_another_is_no_parent(
    house: House, people: People, field: str, stranger: str
) -> None:
    other = getattr(people, stranger)
    payment_id = at(house, people.ada, "executed")["id"]
    unknown_id = payment_id[:-8] + "ZZZZZZZZ"

    theirs, unknown = (
        house.send("POST", "/v1/payments", key=other, body=house.body(**{field: one}))
        for one in (payment_id, unknown_id)
    )

    assert (theirs.status, theirs.code) == (404, "parent_not_found")
    assert plain(theirs) == plain(unknown)
    assert house.create(people.ada, **{field: payment_id})["id"]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_token_of_another_spends_nothing(house: House, people: People, stranger: str) -> None:
    other = getattr(people, stranger)
    theirs = approved(house, people.ada)
    request = house.body(payee={"payee_id": "test:approve"})
    mine = house.post("/v1/payments", other, request, status=201)
    stolen = execution(theirs, request)

    answer = house.send("POST", f"/v1/payments/{mine['id']}/execute", key=other, body=stolen)

    assert (answer.status, answer.code) == (422, "payment_token_invalid")
    done = house.post(f"/v1/payments/{theirs['id']}/execute", people.ada, theirs["execution"])
    assert done["decision"] == "go"


@pytest.mark.parametrize("stranger", STRANGERS)
def test_one_idempotency_key_is_another_for_each_merchant_and_mode(
    house: House, people: People, stranger: str
) -> None:
    body = house.body()
    headers = {"Idempotency-Key": f"shared-key-{house.next():08d}"}
    first = house.send("POST", "/v1/payments", key=people.ada, body=body, headers=headers)

    other = house.send(
        "POST", "/v1/payments", key=getattr(people, stranger), body=body, headers=headers
    )
    again = house.send("POST", "/v1/payments", key=people.ada, body=body, headers=headers)

    assert (first.status, other.status, again.status) == (201, 201, 201)
    assert "Idempotent-Replayed" not in other.headers
    assert other.json["id"] != first.json["id"]
    assert (again.headers["Idempotent-Replayed"], again.json["id"]) == ("true", first.json["id"])


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_cursor_and_a_filter_of_another_show_nothing(
    house: House, people: People, stranger: str
) -> None:
    other = getattr(people, stranger)
    made = [house.create(people.ada) for _ in range(3)]
    page = house.get("/v1/payments?limit=2", people.ada)
    cursor = page["next_cursor"]

    stolen = house.send("GET", f"/v1/payments?limit=2&cursor={cursor}", key=other)
    listed = house.get("/v1/payments?limit=200", other)
    by_reference = house.get(f"/v1/payments?reference={made[0]['reference']}", other)

    assert (stolen.status, stolen.code) == (400, "cursor_invalid")
    assert not {one["id"] for one in made} & {one["id"] for one in listed["payments"]}
    assert by_reference == {"payments": [], "next_cursor": None}
    assert house.get(f"/v1/payments?limit=2&cursor={cursor}", people.ada)["payments"]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_reference_is_taken_for_its_own_merchant_and_mode_alone(
    house: House, people: People, stranger: str
) -> None:
    body = house.body()
    first = house.post("/v1/payments", people.ada, body, status=201)

    other = house.post("/v1/payments", getattr(people, stranger), body, status=201)
    taken = house.send("POST", "/v1/payments", key=people.ada, body=body)

    assert other["id"] != first["id"]
    assert (taken.status, taken.code) == (409, "reference_taken")
    assert taken.json["payment_id"] == first["id"]


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_payer_of_another_is_told_apart(house: House, people: People, stranger: str) -> None:
    payer_id = f"c_{house.next()}"
    told = {"payer_id": payer_id, "consent": {"small_payments": True}}
    house.post("/v1/payers", people.ada, told)
    before = rows_of(house, people.ada)

    shown = house.post("/v1/payers", getattr(people, stranger), {"payer_id": payer_id})

    assert shown["consent"] == {"small_payments": False, "given_at": None, "withdrawn_at": None}
    if stranger != "ada_live":
        assert rows_of(house, people.ada) == before
