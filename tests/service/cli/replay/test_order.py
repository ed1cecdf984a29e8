"""Payments and labels come in the order of their times, as far as is looked ahead."""

import datetime as dt

import msgspec
import numpy as np

from risk.offline.columns import ABSENT
from risk.offline.outcomes import Outcomes
from risk.windows import second_of
from service.cli.replay.columns import Request
from service.cli.replay.labels import Label
from service.cli.replay.order import Order
from tests.support.uow import START

HOUR = dt.timedelta(hours=1)


def row(hour: int, *, known_after: int | None = None) -> Request:
    at = START + hour * HOUR
    label = None
    if known_after is not None:
        told = {"intent": "scam", "source": "bank", "external_id": f"case-{hour}"}
        known_at = at + known_after * HOUR
        label = Label(reference=f"r-{hour}", payer="lin", known_at=known_at, told=told)
    return Request(
        reference=f"r-{hour}",
        payer="lin",
        body={"occurred_at": at.isoformat()},
        is_rounded=False,
        occurred_at=at,
        label=label,
    )


def names(order: Order, rows: list[Request], *, until: int = 100) -> list[str]:
    found = order.by_time(rows, now=START + until * HOUR)
    return [f"label {one.reference}" if isinstance(one, Label) else one.reference for one in found]


def test_rows_out_of_order_come_in_order() -> None:
    # 7 and 50 have no common divisor, so each hour comes once.
    hours = [place * 7 % 50 for place in range(50)]

    assert names(Order(), [row(one) for one in hours]) == [f"r-{one}" for one in range(50)]


def test_a_row_further_from_its_place_is_sent_where_it_stands_and_counted() -> None:
    order = Order(ahead=2)

    assert names(order, [row(one) for one in (1, 2, 3, 4, 0)]) == [
        "r-1",
        "r-2",
        "r-0",
        "r-3",
        "r-4",
    ]
    assert order.out_of_order == 1


def test_a_label_comes_where_it_became_known_and_after_what_happened_then() -> None:
    rows = [row(0, known_after=2), row(1), row(2), row(3)]

    assert names(Order(), rows) == ["r-0", "r-1", "r-2", "label r-0", "r-3"]


def test_what_became_known_in_the_second_of_a_payment_comes_after_it() -> None:
    """As over columns, where the label of a second is told after all payments of it."""
    first, second, third = (row(0, known_after=1), row(1), row(1))
    at = START + HOUR
    label = msgspec.structs.replace(first.label, known_at=at + dt.timedelta(milliseconds=500))
    rows = [
        msgspec.structs.replace(first, label=label),
        msgspec.structs.replace(second, occurred_at=at + dt.timedelta(milliseconds=800)),
        msgspec.structs.replace(
            third, reference="later", occurred_at=at + dt.timedelta(milliseconds=1_100)
        ),
    ]

    assert names(Order(), rows) == ["r-0", "r-1", "label r-0", "later"]
    seconds = np.array([second_of(one.occurred_at) for one in rows])
    known = np.array([second_of(label.known_at)] * 3)
    told = Outcomes(np.array([1, ABSENT, ABSENT]), known).labels(seconds)
    assert list(told.after) == [2]


def test_labels_after_the_last_payment_come_in_their_order() -> None:
    rows = [row(0, known_after=9), row(1, known_after=2)]

    assert names(Order(), rows) == ["r-0", "r-1", "label r-1", "label r-0"]


def test_what_becomes_known_only_after_now_is_counted_and_not_sent() -> None:
    order = Order()

    assert names(order, [row(0, known_after=9), row(1, known_after=2)], until=5) == [
        "r-0",
        "r-1",
        "label r-1",
    ]
    assert order.unknown == 1


def test_rows_of_one_time_keep_the_order_of_the_file() -> None:
    rows = [row(1), row(1), row(1)]

    assert [id(one) for one in Order().by_time(rows, now=START)] == [id(one) for one in rows]
