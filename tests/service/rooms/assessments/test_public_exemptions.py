"""What goes through without proof is counted, and its limits hold, in and across batches."""

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa

from service.db.statements import Statement
from service.kernel.facts import DeviceKept, Instrument, Payee, PayerKept
from service.rooms.assessments.store import COUNT_EXEMPTION, DAY_SUMS_OF
from service.rooms.assessments.tables import DAY_SUMS
from service.rooms.payments.contract import CancelPayment, CreatePayment, PaymentReply
from service.unit_of_work.commands import Reply
from tests.support.desk import Desk, cny
from tests.support.uow import START

MIDNIGHT = START + dt.timedelta(hours=8)  # 16:00 UTC is 00:00 in China
SECOND = dt.timedelta(seconds=1)
SUM = Statement(sa.insert(DAY_SUMS), rows=1, name="a day's sum")


def codes(reply: PaymentReply) -> list[str]:
    assert reply.judged is not None
    return [one.code for one in reply.judged.reasons]


def spent(cn: Desk, minor: int, *, code: str, day: str = "2026-11-23") -> None:
    """Let the payer have paid a sum already on a day."""
    values = {
        "tenant_id": cn.call.tenant_id,
        "merchant_id": cn.call.merchant_id,
        "mode": cn.call.mode,
        "payer_key": "c_17",
        "currency": "CNY",
    }
    transaction = cn.house.store.begin()
    transaction.run([SUM(**values, day=day, limit_code=code, amount_minor=minor)])
    transaction.commit()


def test_the_sixth_in_a_row_needs_a_proof(cn: Desk) -> None:
    replies = [cn.pay(cn.small(amount=cny(100))) for _ in range(6)]

    assert [one.payment.status for one in replies] == ["approved"] * 5 + ["challenge_required"]
    assert "small_count_spent" in codes(replies[5])
    assert cn.counters() == dict.fromkeys(("payer", "instrument", "device"), (5, 500))


@pytest.mark.parametrize(("last", "status"), [(10_000, "approved"), (9_999, "approved")])
def test_five_hundred_yuan_go_without_proof(cn: Desk, last: int, status: str) -> None:
    for _ in range(4):
        cn.pay(cn.small(amount=cny(10_000)))

    assert cn.pay(cn.small(amount=cny(last))).payment.status == status
    assert cn.counters()["payer"] == (5, 40_000 + last)


OTHERS: dict[str, dict[str, Any]] = {
    "payer": {
        "instrument": Instrument(instrument_id="ins_2"),
        "device": DeviceKept(device_id="d_2"),
    },
    "instrument": {
        "payer": PayerKept(payer_key="c_18", payer_id="c_18"),
        "device": DeviceKept(device_id="d_2"),
    },
    "device": {
        "payer": PayerKept(payer_key="c_18", payer_id="c_18"),
        "instrument": Instrument(instrument_id="ins_2"),
    },
}


@pytest.mark.parametrize("shared", list(OTHERS))
def test_each_of_payer_instrument_and_device_is_counted(cn: Desk, shared: str) -> None:
    for payer_id in ("c_17", "c_18"):
        cn.register(payer_id, "d_2")
        cn.register(payer_id, "d_1")
    for _ in range(5):
        cn.pay(cn.small(amount=cny(100)))

    reply = cn.pay(cn.small(amount=cny(100), **OTHERS[shared]))

    [reason] = [one for one in reply.judged.reasons if one.code == "small_count_spent"]
    assert reason.slots["scope"] == shared


def test_what_is_given_back_can_be_used_again(cn: Desk) -> None:
    replies = [cn.pay(cn.small(amount=cny(100))) for _ in range(5)]
    cn.accept(CancelPayment(payment_id=replies[0].payment.id))

    again = [cn.pay(cn.small(amount=cny(100))) for _ in range(2)]

    assert [one.payment.status for one in again] == ["approved", "challenge_required"]


@pytest.mark.parametrize("already", [4, 5])
def test_two_that_read_the_same_counters_in_one_batch_stay_within_them(
    cn: Desk, already: int
) -> None:
    # The inbox keeps apart what shares a counter; the statement's guard holds when it does not:
    # the second is judged again, alone, on what the first left.
    for _ in range(already):
        cn.pay(cn.small(amount=cny(100)))
    command = CreatePayment(facts=cn.small(amount=cny(100)))

    results = cn.house.run_batch([(command, cn.call), (command, cn.call)])

    statuses = [one.read(PaymentReply).payment.status for one in results if isinstance(one, Reply)]
    left = 5 - already
    assert sorted(statuses) == ["approved"] * left + ["challenge_required"] * (2 - left)
    assert cn.counters() == dict.fromkeys(("payer", "instrument", "device"), (5, 500))


def test_a_neighbour_of_one_whose_guard_failed_is_paid_all_the_same(cn: Desk) -> None:
    for _ in range(4):
        cn.pay(cn.small(amount=cny(100)))
    small = CreatePayment(facts=cn.small(amount=cny(100)))
    other = CreatePayment(
        facts=cn.facts(payer=PayerKept(payer_key="c_9", payer_id="c_9"), amount=cny(100))
    )

    results = cn.house.run_batch([(one, cn.call) for one in (small, small, other)])

    assert [type(one) for one in results] == [Reply] * 3
    assert len(cn.assessments()) == 4 + 3
    assert cn.counters()["payer"] == (5, 500)


def test_merchants_and_modes_count_for_themselves(cn: Desk) -> None:
    for _ in range(5):
        cn.pay(cn.small(amount=cny(100)))
    other = cn.another(preset="CN", tenant_id=cn.call.tenant_id)
    first, cn.call = cn.call, other
    cn.register()

    assert cn.pay(cn.small(amount=cny(100))).payment.status == "approved"
    assert first != cn.call


@pytest.mark.parametrize(
    ("code", "sum_minor", "level"),
    [
        ("level_1", 90_000, None),
        ("level_1", 90_001, 2),
        ("level_2", 490_000, None),
        ("level_2", 490_001, 3),
    ],
)
def test_a_days_sums_are_nested(cn: Desk, code: str, sum_minor: int, level: int | None) -> None:
    # What was paid with level 1 counts against level 2's limit too, and not the other way round.
    spent(cn, sum_minor, code=code)

    reply = cn.pay(cn.small(amount=cny(10_000)))

    assert (reply.challenge and reply.challenge.level) == level


def test_weaker_sums_count_against_the_stronger_limit(cn: Desk) -> None:
    spent(cn, 90_000, code="level_1")
    spent(cn, 400_001, code="level_2")

    reply = cn.pay(cn.small(amount=cny(10_000)))

    assert reply.challenge is not None
    assert (reply.challenge.level, reply.payment.reason_code) == (3, "above_day_limits")


@pytest.mark.parametrize(
    ("at", "level"), [(MIDNIGHT - SECOND, 2), (MIDNIGHT, None)], ids=["before", "after"]
)
def test_the_day_ends_at_midnight_in_china(cn: Desk, at: dt.datetime, level: int | None) -> None:
    spent(cn, 100_000, code="level_1")
    cn.wait(at - START)

    reply = cn.pay(cn.small())

    assert (reply.challenge and reply.challenge.level) == level


def test_a_payment_told_late_counts_on_the_day_it_was_let_through(cn: Desk) -> None:
    cn.wait(MIDNIGHT + SECOND - START)

    cn.pay(cn.small(occurred_at=MIDNIGHT - dt.timedelta(hours=2)))

    assert cn.day_sums() == {("2026-11-24", "level_1"): 10_000}


@pytest.mark.parametrize(("sum_minor", "status"), [(40_000, "approved"), (40_001, "declined")])
def test_static_codes_end_at_their_own_limit_whatever_the_proof(
    cn: Desk, sum_minor: int, status: str
) -> None:
    spent(cn, sum_minor, code="static_qr")

    reply = cn.pay(cn.small(entry="qr_static"))

    assert reply.payment.status == status
    total = sum_minor + (10_000 if status == "approved" else 0)
    assert cn.day_sums()["2026-11-23", "static_qr"] == total


def test_other_entries_leave_the_sum_of_static_codes_alone(cn: Desk) -> None:
    cn.pay(cn.small(entry="qr_dynamic"))

    assert cn.day_sums() == {("2026-11-23", "level_1"): 10_000}


def test_a_static_code_gives_back_both_sums(cn: Desk) -> None:
    reply = cn.pay(cn.small(entry="qr_static"))

    cn.accept(CancelPayment(payment_id=reply.payment.id))

    assert set(cn.day_sums().values()) == {0}
    assert len(cn.day_sums()) == 2


def test_the_newest_days_are_read_however_many_there_are(cn: Desk) -> None:
    for day in range(1, 23):
        for code in ("level_1", "level_2", "static_qr"):
            spent(cn, 1, code=code, day=f"2026-11-{day:02}")
    spent(cn, 100_000, code="level_1")
    owner = {"payer_key": "c_17", "currency": "CNY", "mode": "live"}
    owner |= {"tenant_id": cn.call.tenant_id, "merchant_id": cn.call.merchant_id}

    rows = cn.house.spanning.fetch(DAY_SUMS_OF(**owner))

    assert rows[0]["day"] == "2026-11-23"
    assert cn.pay(cn.small()).payment.status == "challenge_required"


def test_a_payment_above_the_sum_counts_nothing_at_all(cn: Desk) -> None:
    values = {
        "tenant_id": cn.call.tenant_id,
        "merchant_id": cn.call.merchant_id,
        "mode": "live",
        "scope": "payer",
        "key": "c_17",
        "currency": "CNY",
    }
    transaction = cn.house.store.begin()
    step = COUNT_EXEMPTION(**values, count_max=5, amount_minor_max=50_000, amount_minor=41_000)
    transaction.run([step])
    transaction.commit()

    reply = cn.pay(cn.small(payee=Payee(payee_id="p_77", added_at=START - dt.timedelta(days=9))))

    assert "small_sum_spent" in codes(reply)
    assert cn.counters() == {"payer": (1, 41_000)}
