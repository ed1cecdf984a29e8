"""What a merchant's server is answered: texts, signatures, replays, and nothing it may not know."""

import base64
import json
from typing import Any

import pytest

from service.db.store import StoreUnavailable
from service.kernel.facts import Payee
from service.rooms.payments.contract import CancelPayment, ExpirePayment, IssueToken
from service.rooms.payments.model import Payment
from service.rooms.payments.tables import PAYMENTS
from tests.support.desk import SCOPES, SECOND, Desk, a_front, signing
from tests.support.front import Front

BODY: dict[str, Any] = {
    "amount": {"value": 10_000, "currency": "CNY"},
    "kind": "purchase",
    "payee": {"payee_id": "p_77"},
    "payer": {"payer_id": "c_17"},
    "occurred_at": "2026-11-23T08:00:00Z",
}
EXECUTION: dict[str, Any] = {name: BODY[name] for name in ("amount", "payee")}


def create(front: Front, payee: str = "p_77", **given: Any) -> Any:
    """Return the answer to a new payment."""
    return front.post("/v1/payments", {**BODY, "payee": {"payee_id": payee}}, **given).get_json()


def claims_of(token: str) -> Any:
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def test_an_approved_payment_is_answered_with_its_token_and_receipt(
    desk: Desk, front: Front
) -> None:
    response = front.post("/v1/payments", BODY)

    answer = response.get_json()
    assert (response.status_code, answer["status"]) == (201, "approved")
    claims = claims_of(answer["payment_token"])
    assert (claims["txn"], claims["iss"]) == (answer["id"], "https://pay.example")
    assert claims["aud"] == "https://pay.example/v1/payments"
    [entry] = desk.house.entries("payment.assessed")
    assert (answer["receipt"]["index"], answer["receipt"]["log"]) == (entry["index"], "0")


class NoSigner:
    """A signer whose key cannot be read."""

    def sign(self, _claims: Any) -> str:
        raise StoreUnavailable("every connection to the database is in use")


def test_what_is_committed_is_never_answered_as_if_it_were_not(desk: Desk) -> None:
    front = a_front(signing(desk))
    broken = a_front(desk, signer=NoSigner())

    first = broken.post("/v1/payments", BODY, idempotency="test-key-once-00001")
    again = front.post("/v1/payments", BODY, idempotency="test-key-once-00001")

    assert (first.status_code, first.get_json()["code"]) == (503, "result_unknown")
    assert (again.status_code, again.get_json()["status"]) == (201, "approved")
    assert again.get_json()["payment_token"] is not None
    assert len(desk.house.rows(PAYMENTS)) == 1


def test_what_is_not_judged_is_null_and_not_left_out(front: Front) -> None:
    answer = create(front)

    assert answer["assessment"]["score"] is None
    nothing = ("challenge", "warning", "hold")
    assert {name: answer[name] for name in nothing} == dict.fromkeys(nothing)


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("zh-CN", "未发现异常"),
        ("zh-TW", "未发现异常"),
        ("en", "Nothing speaks"),
        (None, "Nothing speaks"),
    ],
)
def test_reasons_are_told_in_the_callers_language(
    front: Front, language: str | None, begins: str
) -> None:
    answer = create(front, language=language)

    [reason] = answer["assessment"]["reasons"]
    assert reason["code"] == "judged_without_level"
    assert reason["text"].startswith(begins)


def test_only_a_key_that_may_know_is_told_why(desk: Desk, front: Front) -> None:
    plain = create(front)
    knowing = create(a_front(desk, scopes=(*SCOPES, "assessments:explain")))

    assert plain["assessment"]["explanation"] is None
    [rule] = knowing["assessment"]["explanation"]["rules"]
    assert (rule["rule"], rule["result"]) == ("burst_from_one_payer", "no_hit")


@pytest.mark.parametrize("path", ["", "/execute", "/token"])
def test_a_replay_signs_the_same_claims_again(front: Front, path: str) -> None:
    first = create(front)
    url = "/v1/payments" if not path else f"/v1/payments/{first['id']}{path}"
    bodies = {
        "": BODY,
        "/token": {},
        "/execute": {**EXECUTION, "payment_token": first["payment_token"]},
    }

    one, again = (front.post(url, bodies[path], idempotency="the-same-key-00001") for _ in range(2))

    assert (one.headers.get("Idempotent-Replayed"), again.headers["Idempotent-Replayed"]) == (
        None,
        "true",
    )
    told, told_again = one.get_json(), again.get_json()
    token, token_again = told.pop("payment_token"), told_again.pop("payment_token")
    assert told == told_again
    assert (token and claims_of(token)) == (token_again and claims_of(token_again))


@pytest.mark.parametrize("state", ["spent", "expired", "voided"])
def test_a_replay_gives_no_token_that_is_over(desk: Desk, front: Front, state: str) -> None:
    first = create(front, idempotency="the-same-key-00001")
    if state == "spent":
        body = {**EXECUTION, "payment_token": first["payment_token"]}
        front.post(f"/v1/payments/{first['id']}/execute", body)
    if state == "expired":
        desk.wait(120 * SECOND)
    if state == "voided":
        desk.accept(CancelPayment(payment_id=first["id"]))

    again = create(front, idempotency="the-same-key-00001")

    assert (again["payment_token"], again["payment_token_state"]) == (None, state)
    assert (again["id"], again["status"]) == (first["id"], "approved")


def test_a_token_is_expired_by_the_writers_clock_whatever_the_front_ends_says(
    desk: Desk, front: Front
) -> None:
    create(front, idempotency="the-same-key-00001")
    desk.wait(121 * SECOND)
    desk.accept(IssueToken(payment_id=create(front)["id"]))
    desk.house.clock.step(-121 * SECOND)

    again = create(front, idempotency="the-same-key-00001")

    assert again["payment_token_state"] == "expired"


def test_an_execution_is_answered_with_its_decision_and_receipt(desk: Desk, front: Front) -> None:
    first = create(front)
    body = {**EXECUTION, "payment_token": first["payment_token"]}

    answer = front.post(f"/v1/payments/{first['id']}/execute", body).get_json()

    assert (answer["decision"], answer["status"]) == ("go", "executing")
    assert (answer["payment_token"], answer["payment_token_state"]) == (None, "spent")
    assert answer["assessment"]["stage"] == "in_flight"
    assert answer["receipt"]["index"] == desk.house.entries("payment.assessed")[-1]["index"]


def test_what_judged_nothing_has_no_receipt(front: Front) -> None:
    first = create(front)

    token = front.post(f"/v1/payments/{first['id']}/token", {}).get_json()
    cancel = front.post(f"/v1/payments/{first['id']}/cancel", {}).get_json()

    assert (token["receipt"], token["assessment"]) == (None, None)
    assert (cancel["receipt"], cancel["status"]) == (None, "cancelled")


def detail_of(front: Front, payment_id: str, **given: Any) -> Any:
    return front.get(f"/v1/payments/{payment_id}", **given).get_json()


def test_a_payments_page_tells_its_whole_life(desk: Desk, front: Front) -> None:
    first = create(front)
    body = {**EXECUTION, "payment_token": first["payment_token"]}
    front.post(f"/v1/payments/{first['id']}/execute", body)
    desk.report(first["id"], "captured", 4_000)

    detail = detail_of(front, first["id"])

    assert [one["type"] for one in detail["events"]] == [
        "created",
        "token_issued",
        "execute",
        "captured",
    ]
    assert detail["events"][3]["amount"] == {"value": 4_000, "currency": "CNY"}
    assert [one["stage"] for one in detail["assessments"]] == ["pre_payment", "in_flight"]
    assert detail["assessment"] == detail["assessments"][1]
    assert (detail["status"], detail["amounts"]["captured"]) == ("captured", 4_000)
    assert (detail["payment_token"], detail["payment_token_state"]) == (None, "spent")
    assert detail["version"] == 4


def test_a_page_is_told_in_the_callers_language_and_explained_by_scope(
    desk: Desk, front: Front
) -> None:
    first = create(front)
    knowing = a_front(desk, scopes=(*SCOPES, "assessments:explain"))

    plain = detail_of(front, first["id"], language="zh")
    told = detail_of(knowing, first["id"])

    assert plain["assessment"]["reasons"][0]["text"].startswith("未发现异常")
    assert plain["assessment"]["explanation"] is None
    assert told["assessments"][0]["explanation"]["rules"]


def to_status(sandbox: Desk, status: str) -> Payment:
    """Lead a payment of the sandbox to a status."""
    words = {"held": "hold", "challenge_required": "challenge", "declined": "decline"}
    reply = sandbox.pay(sandbox.facts(payee=Payee(payee_id=f"test:{words.get(status, 'approve')}")))
    payment_id = reply.payment.id
    reports = {
        "executed": ("authorized",),
        "captured": ("captured",),
        "failed": ("refused",),
        "settled": ("captured", "settled"),
        "reversed": ("authorized", "reversed"),
    }
    if status in reports or status in {"executing", "unknown"}:
        sandbox.execute(reply.token)
    for kind in reports.get(status, ()):
        minor = 5_000 if status == "captured" else None
        sandbox.report(payment_id, kind, minor)
    if status == "cancelled":
        sandbox.accept(CancelPayment(payment_id=payment_id))
    if status in {"expired", "unknown"}:
        sandbox.timer(payment_id)
    return sandbox.payment(payment_id)


STATUSES = (
    *("approved", "challenge_required", "held", "declined", "cancelled", "expired", "executing"),
    *("unknown", "executed", "captured", "failed", "settled", "reversed"),
)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_a_page_that_shows_what_is_open(
    sandbox: Desk, sandbox_front: Front, status: str
) -> None:
    payment = to_status(sandbox, status)

    detail = detail_of(sandbox_front, payment.payment_id)

    assert detail["status"] == payment.status == status
    assert (detail["challenge"] is not None) == (status == "challenge_required")
    assert (detail["hold"] is not None) == (status == "held")
    assert (detail["approval_expires_at"] is not None) == (status == "approved")
    assert detail["version"] == len(detail["events"]) == payment.version


def test_a_hold_and_a_challenge_are_answered_as_they_stand(
    sandbox: Desk, sandbox_front: Front
) -> None:
    held = create(sandbox_front, "test:hold")
    asked = create(sandbox_front, "test:challenge")

    assert (held["hold"]["grounds"], held["hold"]["end"]) == ("review", "challenge")
    assert (asked["challenge"]["level"], asked["challenge"]["client_secret"]) == (3, None)
    assert (held["payment_token"], asked["payment_token"]) == (None, None)
    timer = sandbox.payment(held["id"]).timer_at
    assert held["hold"]["ends_at"] == timer.isoformat().replace("+00:00", "Z")  # type: ignore[union-attr]  # it is held
    assert sandbox.run(ExpirePayment(payment_id=held["id"], version=1)).kind == "accepted"
    assert len(sandbox.house.rows(PAYMENTS)) == 2
