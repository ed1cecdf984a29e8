"""How payments end without money: cancelled, expired, held to an end; and timers that came late."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from service.kernel.facts import EventResult, Payee
from service.rooms.payments.contract import CancelPayment, ExpirePayment, IssueToken
from service.unit_of_work.tables import MESSAGES
from tests.support.desk import SECOND, Desk, cny
from tests.support.uow import START

ONE = dict.fromkeys(("payer", "instrument", "device"), (1, 10_000))


def forced(desk: Desk, word: str, **given: Any) -> str:
    payment_id: str = desk.create(payee=Payee(payee_id=f"test:{word}"), **given).payment.id
    return payment_id


def test_a_cancelled_payment_has_no_token_left(desk: Desk) -> None:
    first = desk.create()

    reply = desk.accept(CancelPayment(payment_id=first.payment.id, reason="changed my mind"))

    assert (reply.payment.status, reply.token_state) == ("cancelled", "voided")
    assert desk.tokens() == ["voided"]
    assert desk.refuse(desk.execution(first.token)) == "payment_not_in_state"


def test_why_a_payment_was_cancelled_stands_in_no_entry(desk: Desk) -> None:
    first = desk.create()

    desk.accept(CancelPayment(payment_id=first.payment.id, reason="call me on 13800138000"))

    [entry] = desk.house.entries("payment.cancelled")
    assert entry["fields"] == {"has_reason": True}


def test_a_token_that_ran_out_before_is_not_voided(desk: Desk) -> None:
    first = desk.create()
    desk.wait(120 * SECOND)

    reply = desk.accept(CancelPayment(payment_id=first.payment.id))

    assert (reply.token_state, desk.tokens()) == ("expired", ["expired"])


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_what_is_open_ends_with_its_payment(sandbox: Desk, word: str) -> None:
    payment_id = forced(sandbox, word)

    sandbox.accept(CancelPayment(payment_id=payment_id))

    states = [row["state"] for row in (*sandbox.challenges(), *sandbox.holds())]
    assert states == ["cancelled"]
    assert sandbox.payment(payment_id).status == "cancelled"
    assert sandbox.payment(payment_id).timer_at is None


def test_what_is_under_way_is_not_cancelled(desk: Desk) -> None:
    first = desk.create()
    desk.execute(first.token)
    before = desk.house.dump()

    reply = desk.run(CancelPayment(payment_id=first.payment.id))

    assert reply.problem is not None
    assert reply.problem.code == "payment_not_in_state"
    assert reply.fields["status"] == "executing"
    assert "cancel" not in reply.fields["allowed"]
    assert desk.house.dump() == before


@pytest.mark.parametrize("given", [{"mode": "sandbox"}, {"merchant_id": "mer_other"}], ids=str)
def test_another_modes_or_merchants_payment_is_not_there(desk: Desk, given: dict) -> None:
    first = desk.create()
    call = msgspec.structs.replace(desk.call, **given)
    timer = ExpirePayment(payment_id=first.payment.id, version=2)

    assert desk.house.refuse(CancelPayment(payment_id=first.payment.id), call) == (
        "payment_not_found"
    )
    assert desk.house.refuse(timer, call) == "payment_not_found"


def test_an_approval_that_nobody_used_runs_out(desk: Desk) -> None:
    first = desk.create()

    reply = desk.timer(first.payment.id)

    assert desk.house.clock.now() == START + dt.timedelta(minutes=15)
    assert (reply.payment.status, desk.tokens()) == ("expired", ["expired"])


def test_a_token_issued_at_the_last_second_ends_with_the_approval(desk: Desk) -> None:
    desk.wait(dt.timedelta(milliseconds=500))
    first = desk.create()
    desk.wait(15 * 60 * SECOND - SECOND)
    desk.accept(IssueToken(payment_id=first.payment.id))

    reply = desk.timer(first.payment.id)

    assert (reply.payment.status, desk.tokens()) == ("expired", ["expired", "expired"])


def test_a_challenge_that_nobody_met_runs_out_with_its_payment(sandbox: Desk) -> None:
    payment_id = forced(sandbox, "challenge")

    reply = sandbox.timer(payment_id)

    assert sandbox.house.clock.now() == START + dt.timedelta(minutes=5)
    assert reply.payment.status == "expired"
    assert [row["state"] for row in sandbox.challenges()] == ["expired"]


def test_a_hold_ends_in_the_challenge_that_it_said_and_that_runs_out(sandbox: Desk) -> None:
    payment_id = forced(sandbox, "hold")
    [hold] = sandbox.holds()

    reply = sandbox.timer(payment_id)

    assert (reply.payment.status, reply.payment.outcome) == ("challenge_required", "challenge")
    [challenge] = sandbox.challenges()
    assert reply.challenge is not None
    assert (reply.challenge.id, reply.challenge.level) == (challenge["challenge_id"], 3)
    assert (challenge["level"], challenge["any_of"]) == (hold["end_level"], hold["end_any_of"])
    assert challenge["any_of"] == ("spc", "passkey")
    assert [row["state"] for row in sandbox.holds()] == ["ended"]
    assert sandbox.timer(payment_id).payment.status == "expired"
    assert [row["state"] for row in sandbox.challenges()] == ["expired"]
    assert sandbox.tokens() == []


def test_a_hold_without_a_payer_ends_in_a_refusal(sandbox: Desk) -> None:
    payment_id = forced(sandbox, "hold", initiator="merchant")

    reply = sandbox.timer(payment_id)

    assert (reply.payment.status, reply.payment.outcome) == ("declined", "decline")
    assert (sandbox.challenges(), sandbox.tokens()) == ([], [])


def test_silence_of_the_processor_is_no_answer(desk: Desk) -> None:
    first = desk.create()
    desk.execute(first.token)

    reply = desk.timer(first.payment.id)

    assert desk.house.clock.now() == START + dt.timedelta(minutes=5)
    assert reply.payment.status == "unknown"
    assert desk.payment(first.payment.id).timer_at is None


def test_an_authorization_that_ran_out_is_reversed(desk: Desk) -> None:
    first = desk.create()
    desk.execute(first.token)
    ends_at = START + dt.timedelta(days=7)
    desk.report(
        first.payment.id, "authorized", result=EventResult(authorization_expires_at=ends_at)
    )

    reply = desk.timer(first.payment.id)

    assert desk.house.clock.now() == ends_at
    assert (reply.payment.status, reply.payment.amounts.released) == ("reversed", 10_000)


@pytest.mark.parametrize(("version", "wait"), [(1, 900), (3, 900), (2, 899)], ids=str)
def test_a_timer_that_is_late_or_early_moves_nothing(desk: Desk, version: int, wait: int) -> None:
    first = desk.create()
    desk.wait(wait * SECOND)
    before = desk.house.dump()

    reply = desk.accept(ExpirePayment(payment_id=first.payment.id, version=version))

    assert reply.payment.status == "approved"
    assert desk.house.kinds()[-1] == "payment.timer_stale"
    assert desk.house.dump() == before


def test_a_timer_runs_once(desk: Desk) -> None:
    first = desk.create()
    version = desk.payment(first.payment.id).version
    desk.timer(first.payment.id)
    before = desk.house.dump()

    reply = desk.accept(ExpirePayment(payment_id=first.payment.id, version=version))

    assert (reply.payment.status, desk.house.kinds()[-1]) == ("expired", "payment.timer_stale")
    assert desk.house.dump() == before


@pytest.mark.parametrize("way", ["cancel", "expire", "fail"])
def test_what_paid_nothing_gives_its_exemption_back_once(cn: Desk, way: str) -> None:
    first = cn.pay(cn.small())
    # What a second payment has counted would show if the first were given back twice.
    second = cn.pay(cn.small())
    if way == "cancel":
        cn.accept(CancelPayment(payment_id=first.payment.id))
        cn.run(CancelPayment(payment_id=first.payment.id))
    elif way == "expire":
        cn.timer(first.payment.id)
        cn.accept(ExpirePayment(payment_id=first.payment.id, version=1))
    else:
        cn.execute(first.token)
        cn.report(first.payment.id, "refused")
        cn.report(first.payment.id, "not_sent")

    assert (cn.counters(), cn.day_sums()) == (ONE, {("2026-11-23", "level_1"): 10_000})
    states = [cn.payment(one.payment.id).exemption_state for one in (first, second)]
    assert states == ["returned", "counted"]


def test_what_went_through_gives_nothing_back(cn: Desk) -> None:
    first = cn.pay(cn.small())
    cn.execute(first.token)
    cn.report(first.payment.id, "authorized")
    cn.report(first.payment.id, "reversed")

    assert cn.payment(first.payment.id).status == "reversed"
    assert (cn.counters(), cn.day_sums()) == (ONE, {("2026-11-23", "level_1"): 10_000})


def test_a_day_gets_back_what_it_counted_though_it_is_over(cn: Desk) -> None:
    cn.wait(dt.timedelta(hours=7, minutes=50))
    first = cn.pay(cn.small())
    cn.wait(dt.timedelta(minutes=11))
    second = cn.pay(cn.small())

    cn.accept(CancelPayment(payment_id=first.payment.id))

    assert cn.payment(second.payment.id).exemption.day == "2026-11-24"
    assert cn.day_sums() == {("2026-11-23", "level_1"): 0, ("2026-11-24", "level_1"): 10_000}


def test_a_message_goes_out_for_every_new_status_and_no_other_event(desk: Desk) -> None:
    first = desk.create()
    desk.accept(IssueToken(payment_id=first.payment.id))
    desk.accept(CancelPayment(payment_id=first.payment.id))

    bodies = [msgspec.json.decode(row["body"]) for row in desk.house.rows(MESSAGES)]
    assert [body["status"] for body in bodies] == ["approved", "cancelled"]


@pytest.mark.parametrize("way", ["cancel", "expire", "not_sent"])
def test_money_that_comes_after_all_counts_the_exemption_again_and_once(cn: Desk, way: str) -> None:
    first = cn.pay(cn.small())
    if way == "cancel":
        cn.accept(CancelPayment(payment_id=first.payment.id))
    elif way == "expire":
        cn.timer(first.payment.id)
    else:
        cn.execute(first.token)
        cn.report(first.payment.id, "not_sent")
    given_back = cn.counters()["payer"]

    cn.report(first.payment.id, "captured", 0, external_id="nothing")
    still = cn.payment(first.payment.id).exemption_state
    cn.report(first.payment.id, "captured", 4_000)
    cn.report(first.payment.id, "captured", 6_000, external_id="more")
    cn.report(first.payment.id, "reversed", 10_000)

    assert (given_back, still) == ((0, 0), "returned")
    assert (cn.counters(), cn.day_sums()) == (ONE, {("2026-11-23", "level_1"): 10_000})
    assert cn.payment(first.payment.id).exemption_state == "counted"


def test_money_above_the_limits_is_counted_all_the_same(cn: Desk) -> None:
    replies = [cn.pay(cn.small(amount=cny(100))) for _ in range(5)]
    cn.accept(CancelPayment(payment_id=replies[0].payment.id))
    sixth = cn.pay(cn.small(amount=cny(100)))

    cn.report(replies[0].payment.id, "captured", 100)

    assert sixth.payment.status == "approved"
    assert cn.counters() == dict.fromkeys(("payer", "instrument", "device"), (6, 600))
    assert cn.day_sums() == {("2026-11-23", "level_1"): 600}


def test_what_was_taken_before_the_end_gives_nothing_back(cn: Desk) -> None:
    first = cn.pay(cn.small())
    cn.report(first.payment.id, "captured", 10_000)

    cn.accept(CancelPayment(payment_id=first.payment.id))

    assert cn.payment(first.payment.id).exemption_state == "counted"
    assert (cn.counters(), cn.day_sums()) == (ONE, {("2026-11-23", "level_1"): 10_000})
