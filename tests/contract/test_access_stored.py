"""What the store says of who may come in, and of what was answered before, on both stores."""

import datetime as dt
from typing import Any

import pytest

from keys import entropy
from keys.api_keys import new_api_key
from service.http.routes import Route
from service.rooms.merchants.contract import (
    ResumeMerchant,
    RevokeKey,
    RotateKey,
    SuspendMerchant,
)
from tests.contract.house import Holder, House
from tests.contract.places import good_request
from tests.contract.test_access import GUARDED, WRITING, all_routes, ask


@pytest.mark.long
@all_routes(GUARDED)
def test_a_revoked_key_an_ended_one_and_one_of_a_suspended_merchant_are_no_keys(
    house: House, ada: Holder, route: Route
) -> None:
    merchant = house.merchant()
    call = house.call_of(merchant)
    revoked, rotated, good = (house.key(merchant) for _ in range(3))
    house.do(RevokeKey(key_id=revoked.key_id), call)
    successor = new_api_key("sandbox", entropy.system)
    indexed = successor.index(house.secrets.api_key_index)
    house.do(RotateKey(key_id=rotated.key_id, secret_hash=indexed, overlap_s=60), call)
    path, body = good_request(house, ada, route.name)

    def status(key: Holder) -> int:
        # The ids are another's, so whoever comes in finds nothing.
        answered: int = ask(house, key, route, path, body).status
        return answered

    assert status(revoked) == 401
    assert status(rotated) != 401
    house.clock.advance(dt.timedelta(seconds=60))
    assert status(rotated) == 401
    assert status(good) != 401
    house.do(SuspendMerchant(), call)
    assert status(good) == 401
    house.do(ResumeMerchant(), call)
    assert status(good) != 401


@pytest.mark.long
@all_routes(WRITING)
def test_a_retry_is_answered_again_and_done_once(house: House, ada: Holder, route: Route) -> None:
    path, body = good_request(house, ada, route.name)
    once = {"Idempotency-Key": f"retried-key-{house.next():08d}"}
    quoted = {"Idempotency-Key": f'"{once["Idempotency-Key"]}"'}
    first = ask(house, ada, route, path, body, headers=once)
    before = house.rows()

    again = ask(house, ada, route, path, body, headers=quoted)
    other = ask(house, ada, route, path, body | {"zz": 1}, headers=once)
    spaced = ask(house, ada, route, path, b" " + bytes(_json(body)), headers=once)
    other_query = ask(house, ada, route, f"{path}?a=1", body, headers=once)

    assert first.status == route.gives[0]
    assert (again.status, again.headers["Idempotent-Replayed"]) == (first.status, "true")
    assert again.headers["Payguard-Batch"] == first.headers["Payguard-Batch"]
    assert without_token(again.json) == without_token(first.json)
    assert (other.status, other.code) == (422, "body_invalid")
    assert (spaced.status, spaced.code) == (422, "idempotency_key_reused")
    assert (other_query.status, other_query.code) == (422, "query_invalid")
    assert house.rows() == before


def test_one_key_on_two_routes_is_two_keys(house: House, ada: Holder) -> None:
    once = {"Idempotency-Key": f"two-routes-{house.next():08d}"}
    created = house.send("POST", "/v1/payments", key=ada, body=house.body(), headers=once)

    cancelled = house.send(
        "POST", f"/v1/payments/{created.json['id']}/cancel", key=ada, body={}, headers=once
    )

    assert (cancelled.status, cancelled.json["status"]) == (200, "cancelled")


def test_a_replay_after_the_token_was_spent_says_so(house: House, ada: Holder) -> None:
    request = house.body()
    once = {"Idempotency-Key": f"spent-later-{house.next():08d}"}
    first = house.send("POST", "/v1/payments", key=ada, body=request, headers=once)
    execution = {
        "payment_token": first.json["payment_token"],
        **{name: request[name] for name in ("amount", "payee", "device")},
    }
    house.post(f"/v1/payments/{first.json['id']}/execute", ada, execution)

    again = house.send("POST", "/v1/payments", key=ada, body=request, headers=once)

    assert (again.status, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (again.json["payment_token"], again.json["payment_token_state"]) == (None, "spent")


def _json(body: Any) -> bytes:
    return str(body).replace("'", '"').replace("None", "null").encode()


def without_token(body: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its token, which is signed anew over the same claims.

    A secret is shown by the first answer alone.
    """
    token = body.get("payment_token")
    return body | {"payment_token": token and token.rpartition(".")[0], "secret": None}
