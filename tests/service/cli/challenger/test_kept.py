"""What a store teaches: payments in their order, by their last label, and none of no meaning."""

import datetime as dt

import numpy as np
import pytest

from risk.offline.columns import ABSENT
from service.cli.challenger import kept as lessons
from service.db.places import Place
from service.kernel.facts import Payee
from service.rooms.labels.contract import RecordLabel
from service.rooms.labels.queries import touched
from tests.support.desk import SECOND, Desk, cny
from tests.support.uow import START


@pytest.fixture
def desk(place: Place) -> Desk:
    return Desk(place)


def label(desk: Desk, payment_id: str, intent: str, known_at: dt.datetime) -> None:
    desk.accept(
        RecordLabel(
            payment_id=payment_id,
            intent=intent,
            source="desk",
            external_id=f"{payment_id}-{intent}",
            known_at=known_at,
            touches=touched(desk.house.spanning, owner_of(desk), payment_id),
        )
    )


def owner_of(desk: Desk) -> lessons.Owner:
    return desk.call.tenant_id, desk.call.merchant_id, desk.call.mode


def read(desk: Desk, now: dt.datetime) -> lessons.Lesson:
    # One row at a time, so that there are more pages than one.
    return lessons.read(
        desk.house.spanning, owner_of(desk), desk.strategy, desk.sealer, now=now, page=1
    )


def test_every_payment_comes_once_in_the_order_of_its_time(desk: Desk) -> None:
    desk.create(amount=cny(30_000))
    desk.create(amount=cny(10_000), occurred_at=START - 60 * SECOND)
    desk.create(amount=cny(20_000), occurred_at=START + 60 * SECOND)

    lesson = read(desk, START + SECOND)

    amount = lesson.examples.names.index("amount_minor")
    assert lesson.examples.inputs[:, amount].tolist() == [10_000.0, 30_000.0]
    assert np.diff(lesson.examples.second).tolist() == [60]
    assert lesson.outcomes.intent.tolist() == [ABSENT, ABSENT]


def test_the_label_that_became_known_last_counts_of_those_known_by_now(desk: Desk) -> None:
    one = desk.create().payment.id
    desk.wait(60 * SECOND)
    label(desk, one, "scam", START + 30 * SECOND)
    label(desk, one, "unauthorized", START + 20 * SECOND)
    label(desk, one, "normal", START + 50 * SECOND)

    known = [
        read(desk, START + seconds * SECOND).outcomes.intent.tolist()
        for seconds in (10, 25, 40, 55)
    ]

    assert known == [[ABSENT], [1], [2], [0]]


def test_another_merchants_payments_are_not_read(desk: Desk) -> None:
    desk.create()
    desk.call = desk.another()

    assert len(read(desk, START + SECOND).examples.second) == 0


def test_no_payment_teaches_nothing(desk: Desk) -> None:
    lesson = read(desk, START)

    asked = lesson.asked(int(START.timestamp()))
    assert asked.window.start == asked.window.end


def test_what_was_stopped_teaches_only_where_somebody_said_what_it_was(place: Place) -> None:
    desk = Desk(place, mode="sandbox")
    stopped = [desk.create(payee=Payee(payee_id="test:decline")).payment for _ in range(2)]
    desk.create()
    desk.wait(60 * SECOND)
    label(desk, stopped[0].id, "scam", START + 30 * SECOND)

    lesson = read(desk, START + 60 * SECOND)

    assert [one.status for one in stopped] == ["declined", "declined"]
    assert sorted(lesson.outcomes.intent.tolist()) == [ABSENT, 2]
