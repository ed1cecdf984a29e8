"""Timers by the worker's own loop over a real store: what nobody finishes comes to its end."""

import datetime as dt
import io
from collections.abc import Callable
from typing import Any, Final

import pytest

from service.db.places import Place
from service.kernel.errors import Faulted
from service.kernel.facts import EventResult, Payee
from service.kernel.logs import logger
from service.rooms.merchants.contract import Preset
from service.rooms.payments.contract import CancelPayment
from service.rooms.payments.jobs import due_payments
from service.unit_of_work.commands import Call, Command, Lane, Mode, Reply
from service.worker.loop import DUE_AT_ONCE, FAULT_PAUSE, WorkerLoop
from tests.support.books import Books
from tests.support.desk import Desk

MINUTE: Final = dt.timedelta(minutes=1)
INSTANT: Final = dt.timedelta(microseconds=1)

Before = Callable[[Command], None]


class Watched:
    """A merchant whose timers a worker serves when it is told to.

    Attributes:
        desk: The merchant.
        before: Called with each command of the worker's before it runs.
    """

    def __init__(self, place: Place, *, preset: Preset, mode: Mode = "live") -> None:
        self.desk = Desk(place, preset=preset, mode=mode)
        self.before: Before = lambda _command: None
        house = self.desk.house
        self.loop = WorkerLoop(
            (due_payments(house.spanning),),
            submit=self._submit,
            clock=house.clock,
            every_s=0.0,
            log=logger(stream=io.BytesIO(), clock=house.clock),
        )

    def status_after(self, payment_id: str, by: dt.timedelta) -> str:
        """Move the clock to just before an instant, then onto it; return the status then.

        Nothing may happen early.
        """
        before = self.desk.payment(payment_id)
        self.desk.wait(by - INSTANT)
        assert self.loop.run_once() == 0
        assert self.desk.payment(payment_id) == before
        self.desk.wait(INSTANT)
        assert self.loop.run_once() == 1
        assert self.loop.run_once() == 0
        Books(self.desk.house.place).check()
        return self.desk.payment(payment_id).status

    def _submit(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        assert (call.principal, lane) == ("timer", "later")
        assert deadline_ns > self.desk.house.clock.monotonic_ns()
        self.before(command)
        return self.desk.house.run(command, call)


def forced(desk: Desk, word: str, **given: Any) -> str:
    payment_id: str = desk.create(payee=Payee(payee_id=f"test:{word}"), **given).payment.id
    return payment_id


def test_an_approval_expires_with_its_token_and_gives_back_what_it_counted(
    place: Place,
) -> None:
    watched = Watched(place, preset="CN")
    desk = watched.desk
    desk.register()
    payment_id = desk.pay(desk.small()).payment.id
    assert {count for count, _ in desk.counters().values()} == {1}

    assert watched.status_after(payment_id, 15 * MINUTE) == "expired"

    assert desk.tokens() == ["expired"]
    assert set(desk.counters().values()) == {(0, 0)}
    assert set(desk.day_sums().values()) == {0}


def test_a_challenge_expires_with_its_payment(place: Place) -> None:
    watched = Watched(place, preset="CN")
    payment_id = watched.desk.create().payment.id
    assert watched.desk.payment(payment_id).status == "challenge_required"

    assert watched.status_after(payment_id, 5 * MINUTE) == "expired"

    assert [row["state"] for row in watched.desk.challenges()] == ["expired"]


def test_a_hold_ends_in_the_challenge_that_it_named_and_that_one_expires(place: Place) -> None:
    watched = Watched(place, preset="CN", mode="sandbox")
    payment_id = forced(watched.desk, "hold")

    assert watched.status_after(payment_id, 24 * 60 * MINUTE) == "challenge_required"
    assert [row["state"] for row in watched.desk.holds()] == ["ended"]
    [challenge] = watched.desk.challenges()
    assert challenge["level"] >= 2

    assert watched.status_after(payment_id, 5 * MINUTE) == "expired"


def test_a_hold_ends_in_a_refusal_where_no_proof_can_be_asked_for(place: Place) -> None:
    watched = Watched(place, preset="judge_only", mode="sandbox")
    payment_id = forced(watched.desk, "hold")

    assert watched.status_after(payment_id, 24 * 60 * MINUTE) == "declined"


def test_silence_of_the_processor_becomes_unknown_and_keeps_what_was_counted(
    place: Place,
) -> None:
    watched = Watched(place, preset="CN")
    desk = watched.desk
    desk.register()
    payment_id = desk.execute(desk.pay(desk.small()).token).payment.id

    assert watched.status_after(payment_id, 5 * MINUTE) == "unknown"

    assert {count for count, _ in desk.counters().values()} == {1}
    assert desk.report(payment_id, "authorized").status == "executed"


def test_an_authorization_with_nothing_captured_lapses(place: Place) -> None:
    watched = Watched(place, preset="judge_only")
    desk = watched.desk
    payment_id = desk.execute(desk.create().token).payment.id
    ends_at = desk.house.clock.now() + 60 * MINUTE
    result = EventResult(authorization_expires_at=ends_at)
    desk.report(payment_id, "authorized", result=result)

    assert watched.status_after(payment_id, 60 * MINUTE) == "reversed"

    amounts = desk.payment(payment_id)
    assert (amounts.released_minor, amounts.captured_minor) == (10_000, 0)


def test_what_was_captured_does_not_lapse(place: Place) -> None:
    watched = Watched(place, preset="judge_only")
    desk = watched.desk
    payment_id = desk.execute(desk.create().token).payment.id
    ends_at = desk.house.clock.now() + 60 * MINUTE
    desk.report(payment_id, "authorized", result=EventResult(authorization_expires_at=ends_at))
    desk.report(payment_id, "captured", 1)

    desk.wait(61 * MINUTE)

    assert watched.loop.run_once() == 0
    assert desk.payment(payment_id).status == "captured"


def test_a_payment_that_moved_on_before_its_timer_came_stays_as_it_is(place: Place) -> None:
    watched = Watched(place, preset="judge_only")
    desk = watched.desk
    payment_id = desk.create().payment.id
    watched.before = lambda _command: desk.accept(CancelPayment(payment_id=payment_id))
    desk.wait(15 * MINUTE)

    assert watched.loop.run_once() == 1

    assert desk.payment(payment_id).status == "cancelled"
    assert desk.house.kinds()[-1] == "payment.timer_stale"
    Books(desk.house.place).check()


def test_a_timer_that_faults_is_left_alone_for_a_while_and_holds_up_nobody(
    place: Place,
) -> None:
    watched = Watched(place, preset="judge_only")
    desk = watched.desk
    sick, well = (desk.create().payment.id for _ in range(2))
    tried = []

    def fault(command: Any) -> None:
        tried.append(command.payment_id)
        if command.payment_id == sick:
            raise Faulted("cmd_1")

    watched.before = fault
    desk.wait(15 * MINUTE)
    assert watched.loop.run_once() == 1
    assert desk.payment(well).status == "expired"
    desk.wait(FAULT_PAUSE - INSTANT)
    watched.loop.run_once()
    assert tried.count(sick) == 1
    desk.wait(INSTANT)
    watched.before = lambda _command: None

    assert watched.loop.run_once() == 1

    assert desk.payment(sick).status == "expired"


@pytest.mark.long
@pytest.mark.parametrize("beyond", [0, 3])
def test_many_timers_at_once_are_served_in_parts(place: Place, beyond: int) -> None:
    watched = Watched(place, preset="judge_only")
    desk = watched.desk
    count = DUE_AT_ONCE + beyond
    payers = (str(number // 20) for number in range(count))
    for payer in payers:
        desk.create(payer=type(desk.facts().payer)(payer_key=payer, payer_id=payer))
    desk.wait(15 * MINUTE)

    assert [watched.loop.run_once() for _ in range(3)] == [DUE_AT_ONCE, beyond, 0]

    assert Books(desk.house.place).statuses() == {"expired": count}
