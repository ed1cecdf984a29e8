"""The worker finds payments whose time has come, of every merchant, the longest due first."""

import datetime as dt
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from service.db.places import Place
from service.kernel.facts import Payee
from service.rooms.models.public import ScorerState
from service.rooms.models.tables import SCORERS
from service.rooms.payments.jobs import LAP, due_again, due_payments
from service.unit_of_work.commands import HOUSE
from tests.support.desk import SECOND, Desk, cny
from tests.support.places import owning
from tests.support.scored import ScoredDesk
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


@pytest.fixture
def scored(place: Place) -> Iterator[ScoredDesk]:
    """Return a merchant with three payments that are to be judged again."""
    made = ScoredDesk(place)
    made.score(None)
    for _ in range(3):
        made.create(amount=cny(10_000_000))
        made.wait(SECOND)
    yield made
    made.house.close()


def note(desk: ScoredDesk, state: ScorerState) -> None:
    """Note the scorer's state, as the writer does."""
    row = {"tenant_id": HOUSE, "number": 1, "state": state, "noted_at": START}
    with owning(desk.house.place) as connection:
        connection.execute(sa.insert(SCORERS), row)
        connection.commit()


@pytest.mark.parametrize(("state", "count"), [("ready", 3), ("none", 3), ("down", 0)])
def test_payments_are_judged_again_unless_the_scorer_is_down(
    scored: ScoredDesk, state: ScorerState, count: int
) -> None:
    note(scored, state)

    assert len(due_again(scored.house.spanning)(FAR, 200)) == count


def test_what_cannot_be_judged_again_keeps_nobody_waiting(scored: ScoredDesk) -> None:
    note(scored, "ready")
    due = due_again(scored.house.spanning)
    first, second = due(FAR, 2), due(FAR, 2)

    assert (len(first), len(second)) == (2, 1)
    assert len({one.subject for one in (*first, *second)}) == 3
    assert due(FAR + LAP - SECOND, 2) == []
    assert due(FAR + LAP, 2) == first


def test_what_comes_when_nothing_was_there_is_found_at_once(scored: ScoredDesk) -> None:
    note(scored, "ready")
    due = due_again(scored.house.spanning)
    scored.score(0.0001)
    for one in due(FAR, 3):
        scored.house.accept(one.command, one.call)
    assert due(FAR + SECOND, 3) == []
    assert due(FAR + LAP, 3) == []
    scored.score(None)
    scored.create(amount=cny(10_000_000))

    assert len(due(FAR + LAP + SECOND, 3)) == 1
