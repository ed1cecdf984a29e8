"""Routes of payments: lists by page, forged tokens, and ids that are somebody else's."""

from typing import Any

import msgspec
import pytest

from keys import tokens
from keys.entropy import CountingEntropy
from keys.token_keys import SigningKey
from service.rooms.payments.contract import CancelPayment
from service.rooms.payments.tables import PAYMENTS
from tests.support.desk import SECOND, Desk, a_front, altered
from tests.support.front import Front

EXECUTION: dict[str, Any] = {
    "amount": {"value": 10_000, "currency": "CNY"},
    "payee": {"payee_id": "p_77"},
}


def execute(front: Front, payment_id: str, token: str) -> Any:
    body = {**EXECUTION, "payment_token": token}
    return front.post(f"/v1/payments/{payment_id}/execute", body)


def pages(front: Front, query: str = "", *, between: Any = lambda: None) -> list[list[str]]:
    """Return the ids on every page of a list, with something happening between two pages."""
    found, cursor = [], ""
    while cursor is not None:
        page = front.get(f"/v1/payments?limit=2{query}{cursor}").get_json()
        found.append([one["id"] for one in page["payments"]])
        cursor = page["next_cursor"] and f"&cursor={page['next_cursor']}"
        between()
    return found


def some(desk: Desk, count: int, **given: Any) -> list[str]:
    """Return the ids of new payments, the newest first, of which two were made in one instant."""
    made = []
    for number in range(count):
        desk.wait(number % 2 * SECOND)
        made.append(desk.create(**given).payment)
    rows = {row["payment_id"]: row["created_at"] for row in desk.house.rows(PAYMENTS)}
    return sorted((one.id for one in made), key=lambda one: (rows[one], one), reverse=True)


def test_a_list_is_paged_newest_first_without_a_gap(desk: Desk, front: Front) -> None:
    ids = some(desk, 5)

    assert pages(front) == [ids[:2], ids[2:4], ids[4:]]


def test_a_full_last_page_is_the_last(desk: Desk, front: Front) -> None:
    ids = some(desk, 4)

    assert pages(front) == [ids[:2], ids[2:]]


def test_new_payments_do_not_move_the_pages_behind(desk: Desk, front: Front) -> None:
    ids = some(desk, 6)

    found = pages(front, between=lambda: some(desk, 2))

    assert found == [ids[:2], ids[2:4], ids[4:]]


def test_a_status_left_between_two_pages_hides_no_other_payment(desk: Desk, front: Front) -> None:
    ids = some(desk, 4)
    first = front.get("/v1/payments?limit=2&status=approved").get_json()
    desk.accept(CancelPayment(payment_id=ids[0]))

    rest = front.get(f"/v1/payments?limit=2&status=approved&cursor={first['next_cursor']}")

    assert [one["id"] for one in rest.get_json()["payments"]] == ids[2:]


@pytest.mark.parametrize("other", ["&status=approved", "&payer_id=c_17", "&payee_id=p_77"])
def test_a_cursor_is_good_for_its_own_list_alone(desk: Desk, front: Front, other: str) -> None:
    some(desk, 3)
    cursor = front.get("/v1/payments?limit=2").get_json()["next_cursor"]

    response = front.get(f"/v1/payments?limit=2&cursor={cursor}{other}")

    assert (response.status_code, response.get_json()["code"]) == (400, "cursor_invalid")


def test_a_cursor_is_good_for_its_own_merchant_alone(desk: Desk, front: Front) -> None:
    some(desk, 3)
    cursor = front.get("/v1/payments?limit=2").get_json()["next_cursor"]
    other = desk.another(tenant_id=desk.call.tenant_id)

    response = a_front(desk, merchant_id=other.merchant_id).get(f"/v1/payments?cursor={cursor}")

    assert response.get_json()["code"] == "cursor_invalid"


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=approved", 2),
        ("status=cancelled", 1),
        ("payer_id=c_17", 3),
        ("payer_id=c_18", 0),
        ("payee_id=p_77&status=cancelled", 1),
        ("reference=ord-1", 1),
        ("created_from=2026-11-23T08:00:01Z", 2),
        ("created_to=2026-11-23T08:00:01Z", 1),
    ],
)
def test_a_list_is_filtered(desk: Desk, front: Front, query: str, count: int) -> None:
    # The second and third are made a second after the first.
    some(desk, 2)
    third = desk.create(reference="ord-1").payment.id
    desk.accept(CancelPayment(payment_id=third))

    found = front.get(f"/v1/payments?{query}").get_json()["payments"]

    assert len(found) == count


@pytest.mark.parametrize("whose", ["merchant", "mode"])
def test_nobody_sees_anothers_payments(desk: Desk, whose: str) -> None:
    payment_id = desk.create().payment.id
    other = desk.another(tenant_id=desk.call.tenant_id)
    given = {"merchant": {"merchant_id": other.merchant_id}, "mode": {"mode": "sandbox"}}
    stranger = a_front(desk, **given[whose])
    unknown = "pay_01KAQS3B00000000000000000Z"

    def answered(one: str) -> list[tuple[int, str]]:
        path = f"/v1/payments/{one}"
        event = {"type": "captured", "source": "psp", "external_id": "1"}
        event["occurred_at"] = "2026-11-23T08:00:00Z"
        responses = [
            stranger.get(path),
            stranger.post(f"{path}/token", {}),
            stranger.post(f"{path}/cancel", {}),
            stranger.post(f"{path}/events", event),
        ]
        return [(one.status_code, one.get_json()["code"]) for one in responses]

    assert answered(payment_id) == answered(unknown) == [(404, "payment_not_found")] * 4
    assert stranger.get("/v1/payments").get_json()["payments"] == []


def test_a_token_of_another_signer_is_refused_before_the_writer(desk: Desk, front: Front) -> None:
    claims = desk.create().token
    assert claims is not None
    forged = tokens.sign(
        msgspec.convert(msgspec.to_builtins(claims), tokens.PaymentClaims),
        SigningKey.generate(CountingEntropy(9_000)),
    )
    before = desk.house.entries()

    response = execute(front, claims.txn, forged)

    assert (response.status_code, response.get_json()["code"]) == (422, "payment_token_invalid")
    assert (desk.house.entries(), desk.tokens()) == (before, ["active"])


@pytest.mark.parametrize("wider", [{"iss": "https://other.example"}, {"aud": "https://x.example"}])
def test_a_token_for_another_place_is_refused(
    desk: Desk, front: Front, wider: dict[str, str]
) -> None:
    claims = altered(desk.create().token, **wider)
    signer = desk.signer()

    text = signer.sign(msgspec.convert(msgspec.to_builtins(claims), tokens.PaymentClaims))

    assert execute(front, claims.txn, text).get_json()["code"] == "payment_token_invalid"


@pytest.mark.parametrize("token", ["x", "a.b.c", "é", "", None, 1])
def test_what_is_no_token_spends_nothing(desk: Desk, front: Front, token: Any) -> None:
    payment_id = desk.create().payment.id

    response = execute(front, payment_id, token)

    assert response.status_code == 422
    assert desk.tokens() == ["active"]


def test_a_difference_is_named_and_voids_the_token(desk: Desk, front: Front) -> None:
    body = {**EXECUTION, "payer": {"payer_id": "c_17"}, "kind": "purchase"}
    body["occurred_at"] = "2026-11-23T08:00:00Z"
    answer = front.post("/v1/payments", body).get_json()
    more = {**EXECUTION, "amount": {"value": 10_001, "currency": "CNY"}}

    response = front.post(
        f"/v1/payments/{answer['id']}/execute",
        {**more, "payment_token": answer["payment_token"]},
    )

    assert (response.status_code, response.get_json()["differs"]) == (409, ["amount"])
    assert desk.tokens() == ["voided"]


def test_a_reported_event_is_answered_the_same_under_any_key(desk: Desk, front: Front) -> None:
    reply = desk.create()
    desk.execute(reply.token)
    event = {"type": "captured", "source": "psp", "external_id": "1"}
    event["occurred_at"] = "2026-11-23T08:00:00Z"

    one, again = (front.post(f"/v1/payments/{reply.payment.id}/events", event) for _ in range(2))

    assert one.status_code == 200
    assert one.get_json() == again.get_json()
    assert desk.payment(reply.payment.id).captured_minor == 10_000
