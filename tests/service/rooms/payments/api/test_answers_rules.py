"""A rule that hits, over HTTP: the reason with real values, and the entry that carries it."""

import datetime as dt
import re
from typing import Any

import msgspec

from risk.assessment import Assessment
from service.rooms.assessments.tables import ASSESSMENTS
from tests.service.rooms.payments.api.test_answers import BODY
from tests.support.desk import SCOPES, Desk, a_front
from tests.support.front import Front

DRAINING: dict[str, Any] = {
    **BODY,
    "kind": "transfer",
    "balance_before": {"value": 10_100, "currency": "CNY"},
}


def test_a_drained_balance_is_held_with_its_reason_in_answer_entry_and_receipt(
    desk: Desk, front: Front
) -> None:
    answer = front.post("/v1/payments", DRAINING).get_json()

    assert (answer["status"], answer["outcome"]) == ("held", "hold")
    assert answer["reason_code"] == "balance_drained"
    assert answer["assessment"]["reasons"] == [
        {
            "code": "balance_drained",
            "text": "99% of the balance of 101.00 CNY goes to a new payee",
            "for_payer": False,
        },
    ]
    assert answer["assessment"]["degraded"] == []
    [entry] = desk.house.entries("payment.assessed")
    assert entry["fields"]["reason"] == "balance_drained"
    assert answer["receipt"]["index"] == entry["index"]
    [row] = desk.house.rows(ASSESSMENTS)
    stored = msgspec.json.decode(row["judged"], type=Assessment)
    assert [one.rule for one in stored.rules if one.result == "hit"] == ["balance_drained"]


def test_the_reason_is_told_in_the_caller_s_language(front: Front) -> None:
    answer = front.post("/v1/payments", DRAINING, language="zh").get_json()

    [reason] = answer["assessment"]["reasons"]
    assert reason["text"] == "余额 101.00 CNY 中的 99% 转给新收款人"


def test_who_may_know_sees_the_comparison_with_its_values(desk: Desk) -> None:
    knowing = a_front(desk, scopes=(*SCOPES, "assessments:explain"))

    answer = knowing.post("/v1/payments", DRAINING).get_json()

    shown = [one for one in answer["assessment"]["explanation"]["rules"] if one["result"] == "hit"]
    assert [one["shown"] for one in shown] == [
        "payee_is_new (true) and default(balance_share, 0) (990) >= 900"
    ]


def test_many_cards_on_one_device_are_declined(front: Front) -> None:
    answers = [
        front.post(
            "/v1/payments",
            {
                **BODY,
                "amount": {"value": 100, "currency": "CNY"},
                "payer": {"payer_id": f"guest-{number}"},
                "device": {"device_id": "one-phone"},
                "instrument": {"instrument_id": f"card-{number}", "type": "card"},
            },
        ).get_json()
        for number in range(7)
    ]

    assert [one["outcome"] for one in answers] == [*["approve"] * 6, "decline"]
    assert answers[-1]["reason_code"] == "many_instruments_on_device"
    [reason] = answers[-1]["assessment"]["reasons"]
    assert re.match(r"6 cards or accounts used on this device", reason["text"])


def test_a_drained_balance_is_held_as_a_payout_too(front: Front) -> None:
    payout = {**DRAINING, "kind": "payout", "balance_before": {"value": 10_309, "currency": "CNY"}}

    answer = front.post("/v1/payments", payout).get_json()

    assert (answer["status"], answer["assessment"]["stage"]) == ("held", "payout")
    assert answer["assessment"]["reasons"] == [
        {
            "code": "balance_drained",
            "text": "97% of the balance of 103.09 CNY goes to a new payee",
            "for_payer": False,
        },
    ]


def a_try(number: int, ip: str, **given: Any) -> dict[str, Any]:
    """Return a guest's payment with a card, a device and an e-mail address of its own."""
    return {
        **BODY,
        "amount": {"value": 100, "currency": "CNY"},
        "payer": {"email": f"guest-{number}@example.com"},
        "device": {"device_id": f"phone-{number}", "ip": ip},
        "instrument": {
            "instrument_id": f"card-{number}",
            "type": "card",
            "bin": ("411111", "555555", "621700", "378282")[number % 4],
        },
        **given,
    }


def test_cards_tried_from_one_address_are_stopped_after_a_handful(front: Front) -> None:
    answers = [
        front.post("/v1/payments", a_try(number, "203.0.113.9")).get_json() for number in range(10)
    ]

    assert [one["status"] for one in answers] == [*["approved"] * 8, *["held"] * 2]
    assert [one["reason_code"] for one in answers[8:]] == ["ip_burst"] * 2
    [reason] = answers[-1]["assessment"]["reasons"]
    assert reason["text"] == (
        "9 of 9 payments of a day from this network address came within an hour;"
        " payer and device were never seen"
    )
    elsewhere = front.post("/v1/payments", a_try(10, "198.51.100.7")).get_json()
    assert elsewhere["status"] == "approved"


def test_cards_tried_from_the_addresses_of_one_network_are_stopped_too(front: Front) -> None:
    answers = [
        front.post("/v1/payments", a_try(number, f"203.0.113.{number}")).get_json()
        for number in range(21)
    ]

    assert [one["status"] for one in answers] == [*["approved"] * 20, "held"]
    assert answers[-1]["reason_code"] == "network_burst"


def test_cards_tried_slowly_from_one_address_are_stopped_by_how_many_they_are(
    desk: Desk, front: Front
) -> None:
    answers = []
    for number in range(21):
        desk.wait(dt.timedelta(minutes=30))
        at = desk.house.clock.now().isoformat()
        body = a_try(number, "203.0.113.9", occurred_at=at)
        answers.append(front.post("/v1/payments", body).get_json())

    assert [one["status"] for one in answers] == [*["approved"] * 20, "held"]
    assert answers[-1]["reason_code"] == "many_instruments_on_ip"


def test_who_paid_before_goes_on_at_an_address_where_cards_are_tried(front: Front) -> None:
    here = {"device_id": "lin-s-phone", "ip": "203.0.113.9"}
    lin = {**a_try(99, ""), "payer": {"payer_id": "lin"}, "device": here}
    front.post("/v1/payments", lin)
    for number in range(9):
        front.post("/v1/payments", a_try(number, "203.0.113.9"))

    answer = front.post("/v1/payments", lin).get_json()

    assert answer["status"] == "approved"
