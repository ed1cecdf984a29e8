"""Payments of the past: taken in any order from a sandbox key with scope replay, never executed."""

import datetime as dt
from typing import Any

import pytest

from service.kernel.facts import Payee
from service.rooms.payments.contract import CreatePayment, IssueToken
from tests.service.rooms.payments.api.test_answers import BODY
from tests.support.desk import DAY, SCOPES, SECOND, Desk, a_front, signing
from tests.support.front import Front
from tests.support.uow import START

YEARS = 8 * 365 * DAY


def replayed(desk: Desk, *, ago: dt.timedelta = YEARS, **given: Any) -> CreatePayment:
    return CreatePayment(facts=desk.facts(occurred_at=START - ago, is_replayed=True, **given))


def door(desk: Desk, *scopes: str) -> Front:
    return a_front(desk, scopes=(*SCOPES, *scopes))


@pytest.mark.parametrize(
    ("ago", "is_taken"), [(YEARS, True), (-120 * SECOND, True), (-121 * SECOND, False)]
)
def test_any_past_time_is_taken_in_the_sandbox(
    sandbox: Desk, ago: dt.timedelta, is_taken: bool
) -> None:
    reply = sandbox.run(replayed(sandbox, ago=ago))

    assert (reply.kind == "accepted") == is_taken
    assert [one.pointer for one in reply.errors] == ([] if is_taken else ["/occurred_at"])


def test_times_may_come_in_any_order(sandbox: Desk) -> None:
    for ago in (YEARS, DAY, YEARS // 2):
        sandbox.accept(replayed(sandbox, ago=ago))


def test_in_live_mode_a_past_time_is_refused_whatever_the_front_end_says(desk: Desk) -> None:
    assert desk.refuse(replayed(desk)) == "occurred_at_out_of_range"


def test_what_is_approved_yields_no_token_now_or_later(sandbox: Desk) -> None:
    approved = sandbox.accept(replayed(sandbox, payee=Payee(payee_id="test:approve")))

    assert (approved.payment.status, approved.token, approved.token_state) == (
        "approved",
        None,
        None,
    )
    assert sandbox.refuse(IssueToken(payment_id=approved.payment.id)) == "payment_replayed"
    assert sandbox.tokens() == []


def test_the_log_says_that_it_was_replayed(sandbox: Desk) -> None:
    sandbox.create()
    sandbox.accept(replayed(sandbox))

    said = [one["fields"].get("replayed") for one in sandbox.house.entries("payment.created")]
    assert said == [None, True]


def test_it_is_the_key_that_says_so(sandbox: Desk) -> None:
    signing(sandbox)
    old = {**BODY, "occurred_at": "2018-04-01T00:00:31Z"}

    without = door(sandbox).post("/v1/payments", old)
    answer = door(sandbox, "replay").post("/v1/payments", old, idempotency="another-test-key")

    assert (without.status_code, without.get_json()["code"]) == (422, "occurred_at_out_of_range")
    assert answer.status_code == 201
    assert answer.get_json()["payment_token"] is None
    shown = door(sandbox, "replay").get(f"/v1/payments/{answer.get_json()['id']}").get_json()
    assert shown["request"]["is_replayed"] is True


def test_no_request_may_say_so_itself(sandbox: Desk) -> None:
    answer = door(sandbox).post("/v1/payments", {**BODY, "is_replayed": True})

    assert (answer.status_code, answer.get_json()["code"]) == (422, "body_invalid")


@pytest.mark.parametrize(("language", "word"), [("en", "scope replay"), ("zh-CN", "replay 权限")])
def test_a_token_is_refused_in_both_languages(sandbox: Desk, language: str, word: str) -> None:
    made = sandbox.accept(replayed(sandbox))

    answer = door(sandbox).post(f"/v1/payments/{made.payment.id}/token", {}, language=language)

    assert (answer.status_code, answer.get_json()["code"]) == (409, "payment_replayed")
    assert word in answer.get_json()["title"]
