"""When a device or a payee counts as known: the examples that people argue about."""

import datetime as dt

import pytest

from service.rooms.payers.model import Link, device_is_known, payee_is_known
from tests.support.uow import START

MONTH = dt.timedelta(days=30)
MOMENT = dt.timedelta(microseconds=1)
LONG_AGO = START - MONTH - MOMENT


def device(**times: dt.datetime) -> Link:
    return Link(kind="device", key="d_1", **times)


@pytest.mark.parametrize(
    ("link", "is_known"),
    [
        (None, False),
        (device(), False),
        (device(first_paid_at=START), False),
        (device(first_paid_at=START - MONTH), False),
        (device(first_paid_at=LONG_AGO), True),
        (device(asserted_since=START - MONTH), False),
        (device(asserted_since=LONG_AGO), True),
        (device(first_paid_at=START, asserted_since=LONG_AGO), True),
        (device(first_paid_at=START, proved_at=START), True),
        (device(first_paid_at=LONG_AGO, fraud_at=START), False),
        (device(asserted_since=LONG_AGO, fraud_at=START), False),
        (device(proved_at=LONG_AGO, fraud_at=START), False),
    ],
)
def test_a_device_is_known_by_proof_or_by_a_month_without_fraud(
    link: Link | None, is_known: bool
) -> None:
    assert device_is_known(link, now=START) is is_known


@pytest.mark.parametrize(
    ("link", "is_known"),
    [
        (None, False),
        (Link(kind="payee", key="p_1"), False),
        (Link(kind="payee", key="p_1", asserted_since=LONG_AGO), False),
        (Link(kind="payee", key="p_1", first_paid_at=START), True),
        (Link(kind="payee", key="p_1", first_paid_at=LONG_AGO, fraud_at=START), False),
    ],
)
def test_a_payee_is_known_by_a_payment_that_was_no_fraud(link: Link | None, is_known: bool) -> None:
    assert payee_is_known(link) is is_known
