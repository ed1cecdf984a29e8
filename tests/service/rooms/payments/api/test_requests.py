"""Clear e-mails, phones and addresses end at the door, and what is wrong is told all at once."""

from typing import Any

from service.rooms.payments.tables import PAYMENTS
from tests.service.rooms.payments.api.test_answers import BODY, EXECUTION
from tests.support.desk import Desk
from tests.support.front import Front
from tests.support.uow import texts_in

EMAIL = "Lin.Wei@Example.com"
PHONE = "+86 138 0013 8000"
IP = "203.0.113.77"
DEVICE = {"device_id": "d_1", "ip": IP}
SECRETS = (EMAIL, EMAIL.lower(), "lin.wei", PHONE, "13800138000", "138 0013", IP)


def told(**payer: Any) -> dict[str, Any]:
    return {**BODY, "payer": payer, "device": DEVICE}


def test_no_clear_contact_or_address_is_kept_or_answered_or_logged(
    desk: Desk, front: Front
) -> None:
    response = front.post("/v1/payments", told(payer_id="c_17", email=EMAIL, phone=PHONE))
    answer = response.get_json()
    body = {**EXECUTION, "payment_token": answer["payment_token"], "device": DEVICE}
    executed = front.post(f"/v1/payments/{answer['id']}/execute", body)
    page = front.get(f"/v1/payments/{answer['id']}")

    assert executed.get_json()["decision"] == "go"
    kept = "".join(texts_in(rows) for rows in desk.house.dump().values())
    entries = str(desk.house.entries())
    said = response.text + executed.text + page.text + front.lines.getvalue().decode()
    assert "d_1" in kept
    assert [one for one in SECRETS if one in kept + entries + said] == []


def test_a_guest_is_known_again_by_email_however_it_is_written(desk: Desk, front: Front) -> None:
    for email in (EMAIL, EMAIL.lower()):
        front.post("/v1/payments", told(email=email))

    keys = {row["payer_key"] for row in desk.house.rows(PAYMENTS)}

    assert len(keys) == 1
    assert {row["payer_id"] for row in desk.house.rows(PAYMENTS)} == {None}


def test_the_payers_id_comes_before_email_and_email_before_phone(desk: Desk, front: Front) -> None:
    front.post("/v1/payments", told(payer_id="c_17", email=EMAIL, phone=PHONE))
    front.post("/v1/payments", told(email=EMAIL, phone=PHONE))
    front.post("/v1/payments", told(phone=PHONE))

    rows = sorted(desk.house.rows(PAYMENTS), key=lambda row: row["payment_id"])
    facts = [desk.payment(row["payment_id"]).facts.payer for row in rows]
    assert {one.payer_key for one in facts} == {
        "c_17",
        facts[0].email_key,
        facts[0].phone_key,
    }


def test_everything_that_is_wrong_is_told_at_once(desk: Desk, front: Front) -> None:
    body = {
        **told(email="not one", phone="x" * 5),
        "amount": {"value": 0, "currency": "CNY"},
        "balance_before": {"value": 1, "currency": "USD"},
        "device": {"ip": "999.1.1.1"},
    }

    response = front.post("/v1/payments", body)

    assert response.status_code == 422
    pointers = [one["pointer"] for one in response.get_json()["errors"]]
    assert sorted(pointers) == [
        "/amount/value",
        "/balance_before/currency",
        "/device/ip",
        "/payer/email",
        "/payer/phone",
    ]
    assert desk.house.rows(PAYMENTS) == []


def test_a_payer_is_named_somehow(front: Front) -> None:
    response = front.post("/v1/payments", told())

    assert [one["pointer"] for one in response.get_json()["errors"]] == ["/payer/payer_id"]


def test_a_bad_address_at_the_execution_spends_nothing(desk: Desk, front: Front) -> None:
    answer = front.post("/v1/payments", BODY).get_json()
    body = {
        **EXECUTION,
        "payment_token": answer["payment_token"],
        "device": {"ip": "1.2.3"},
    }

    response = front.post(f"/v1/payments/{answer['id']}/execute", body)

    assert (response.status_code, desk.tokens()) == (422, ["active"])
