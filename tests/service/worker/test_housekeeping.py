"""Stored replies are looked at once an hour, and again at once while there is more to trim."""

import datetime as dt
from collections.abc import Iterator

import msgspec
import pytest

from service.db.places import Place
from service.rooms.payments.contract import CancelPayment
from service.unit_of_work.idempotency import REPLY_KEPT
from service.unit_of_work.tables import IDEMPOTENCY
from service.worker.housekeeping import EVERY, Housekeeping
from tests.support.desk import Desk
from tests.support.uow import START, an_idempotency

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.house.close()


def keep_a_reply(desk: Desk, key: str = "k-1") -> None:
    call = msgspec.structs.replace(desk.call, idempotency=an_idempotency(key))
    desk.house.refuse(CancelPayment(payment_id="pay_nowhere"), call)


def test_nothing_to_trim_is_nothing_to_log(desk: Desk) -> None:
    keep_a_reply(desk)
    timer = Housekeeping(desk.house.spanning)

    assert timer(START + REPLY_KEPT - SECOND, 200) == ()
    assert desk.house.entries("idempotency.trimmed") == []


def test_what_is_over_is_trimmed_and_then_it_is_quiet(desk: Desk) -> None:
    keep_a_reply(desk)
    timer = Housekeeping(desk.house.spanning)
    desk.wait(REPLY_KEPT)

    [due] = timer(desk.house.clock.now(), 200)
    desk.house.accept(due.command, due.call)

    assert [row["reply"] for row in desk.house.rows(IDEMPOTENCY)] == [None]
    assert timer(desk.house.clock.now(), 200) == ()


def test_it_looks_once_an_hour(desk: Desk) -> None:
    timer = Housekeeping(desk.house.spanning)
    at = START + REPLY_KEPT
    timer(at, 200)
    keep_a_reply(desk)

    assert timer(at + EVERY - SECOND, 200) == ()
    assert len(timer(at + EVERY, 200)) == 1


def test_while_there_is_more_it_looks_again_at_once(desk: Desk) -> None:
    keep_a_reply(desk)
    timer = Housekeeping(desk.house.spanning)

    assert [len(timer(START + REPLY_KEPT, 200)) for _ in range(2)] == [1, 1]
