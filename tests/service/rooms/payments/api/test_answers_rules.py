"""A rule that hits, over HTTP: the reason with real values, and the entry that carries it."""

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
