"""The worker finds payments whose time has come, of every merchant, the longest due first."""

import datetime as dt

from service.kernel.facts import Payee
from service.rooms.payments.jobs import due_payments
from tests.support.desk import Desk
from tests.support.uow import START

FAR = START + dt.timedelta(days=365)


def test_nothing_is_due_before_its_time(desk: Desk) -> None:
    payment = desk.payment(desk.create().payment.id)
    due = due_payments(desk.house.spanning)

    assert payment.timer_at is not None
    assert due(payment.timer_at - dt.timedelta(microseconds=1), 200) == []
    assert [one.subject for one in due(payment.timer_at, 200)] == [payment.payment_id]


def test_what_is_longest_due_comes_first_and_no_more_than_asked_for(sandbox: Desk) -> None:
    words = ("hold", "approve", "challenge")
    ids = {word: sandbox.create(payee=Payee(payee_id=f"test:{word}")).payment.id for word in words}
    due = due_payments(sandbox.house.spanning)

    assert [one.subject for one in due(FAR, 200)] == [
        ids["challenge"],
        ids["approve"],
        ids["hold"],
    ]
    assert [one.subject for one in due(FAR, 2)] == [ids["challenge"], ids["approve"]]


def test_a_timer_is_submitted_in_its_merchants_name_and_does_its_work(sandbox: Desk) -> None:
    payment_id = sandbox.create(payee=Payee(payee_id="test:challenge")).payment.id
    sandbox.wait(dt.timedelta(minutes=5))

    [due] = due_payments(sandbox.house.spanning)(sandbox.house.clock.now(), 200)
    sandbox.house.accept(due.command, due.call)

    assert (due.call.merchant_id, due.call.mode) == (sandbox.call.merchant_id, "sandbox")
    assert (due.call.principal, due.call.origin) == ("timer", "worker")
    assert sandbox.payment(payment_id).status == "expired"
    assert due_payments(sandbox.house.spanning)(FAR, 200) == []
