"""POST /v1/payers through the door: told, repeated, refused."""

import pytest

from service.rooms.payers.api import ROUTES
from service.rooms.payers.tables import PAYERS
from tests.support.front import Front
from tests.support.uow import House

BODY = {
    "payer_id": "c_17",
    "consent": {"small_payments": True},
    "known_devices": [{"device_id": "d_5", "since": "2026-10-01T08:00:00+08:00"}],
}


@pytest.fixture
def front(house: House) -> Front:
    return Front(house, ROUTES, scopes=("payers:write",))


def test_a_payer_is_registered_and_shown(front: Front) -> None:
    response = front.post("/v1/payers", BODY)

    assert response.status_code == 200
    assert response.get_json() == {
        "payer_id": "c_17",
        "consent": {
            "small_payments": True,
            "given_at": "2026-11-23T08:00:00Z",
            "withdrawn_at": None,
        },
        "protection": {"protected": False, "small_payments": False},
        "account_created_at": None,
        "created_at": "2026-11-23T08:00:00Z",
        "updated_at": "2026-11-23T08:00:00Z",
    }
    assert response.headers["Payguard-Batch"] == "1"


def test_a_repeated_request_changes_nothing_more(house: House, front: Front) -> None:
    first = front.post("/v1/payers", BODY, idempotency="the-same-key-0001")
    before = house.dump()

    second = front.post("/v1/payers", BODY, idempotency="the-same-key-0001")

    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert house.dump() == before


def test_a_refusal_says_where_and_why(house: House, front: Front) -> None:
    soon = [{"device_id": "d_5", "since": "2026-11-23T09:00:00Z"}]

    response = front.post("/v1/payers", {"payer_id": "c_17", "known_devices": soon})

    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (422, "payer_time_in_future")
    assert [one["pointer"] for one in problem["errors"]] == ["/known_devices/0/since"]
    assert problem["errors"][0]["detail"]
    assert house.rows(PAYERS) == []


def test_every_error_of_a_body_is_listed(front: Front) -> None:
    body = {"payer_id": "", "consent": {"small_payments": "yes"}, "email": "lin@example.com"}

    response = front.post("/v1/payers", body)

    problem = response.get_json()
    assert (response.status_code, problem["code"]) == (422, "body_invalid")
    assert {"/payer_id", "/consent/small_payments"} < {one["pointer"] for one in problem["errors"]}
    assert "lin@example.com" not in response.text


def test_a_key_without_the_scope_registers_nobody(house: House) -> None:
    front = Front(house, ROUTES, scopes=("payments:write",))

    response = front.post("/v1/payers", BODY)

    assert (response.status_code, response.get_json()["code"]) == (403, "scope_missing")
    assert house.rows(PAYERS) == []
