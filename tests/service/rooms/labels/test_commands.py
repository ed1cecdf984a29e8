"""A label moves the features of its payment's entities, from when it was known; the log has it."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest

from risk.entity_state import Asked
from risk.vectors import Value
from risk.windows import second_of
from service.cli.features import read_state, values
from service.db.places import Place
from service.kernel.errors import Faulted
from service.kernel.facts import DeviceKept, Instrument, Order, PayerKept, Shipping
from service.rooms.assessments.public import open_features
from service.rooms.assessments.tables import AGAIN
from service.rooms.labels.contract import RecordLabel
from service.rooms.labels.model import EVENT_TYPE
from service.rooms.payers.tables import PAYER_LINKS
from service.rooms.payments.contract import JudgeAgain
from service.state.entities import EntityKey
from service.unit_of_work.tables import EVENTS
from tests.support.desk import DAY, SECOND, Desk, cny
from tests.support.scored import ScoredDesk

ENTITIES = (("payee", "p_77"), ("device", "d_1"), ("instrument", "ins_1"), ("address", "adr_1"))
TOUCHED = ENTITIES[:-1]
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.house.close()


def pay(desk: Desk, minor: int = 10_000, **given: Any) -> str:
    """Return the id of a payment with every entity that a label touches."""
    desk.house.clock.advance(SECOND)
    values = {
        "amount": cny(minor),
        "device": DeviceKept(device_id="d_1"),
        "instrument": Instrument(instrument_id="ins_1"),
        "order": Order(shipping=Shipping(address_id="adr_1")),
    }
    return str(desk.create(**{**values, **given}).payment.id)


def label(desk: Desk, payment_id: str, name: str, **given: Any) -> None:
    told = {"intent": "scam", "known_at": None, "source": "bank", "touches": ENTITIES}
    desk.house.clock.advance(SECOND)
    desk.accept(RecordLabel(payment_id=payment_id, external_id=name, **{**told, **given}))


def seen(desk: Desk, name: str, **given: Any) -> Value:
    """Return a feature of a payment of now."""
    pay(desk, **given)
    row = desk.assessments()[-1]
    found = open_features(row["features"], assessment_id=row["assessment_id"], sealer=desk.sealer)
    return found.value(name)


def test_fraud_counts_with_every_entity_of_its_payment(desk: Desk) -> None:
    first = pay(desk)
    assert [seen(desk, f"{kind}_fraud_count_30d") for kind, _ in ENTITIES] == [0, 0, 0, 0]

    label(desk, first, "one")

    assert [seen(desk, f"{kind}_fraud_count_30d") for kind, _ in ENTITIES] == [1, 1, 1, 1]
    # One of eight payments that came before.
    assert seen(desk, "payee_fraud_share_30d") == 1_000 // 9


def test_it_counts_from_when_it_was_known_and_no_earlier(desk: Desk) -> None:
    first = pay(desk)
    desk.wait(2 * HOUR)
    label(desk, first, "one")
    now = desk.house.clock.now()

    assert seen(desk, "payee_fraud_count_30d", occurred_at=now - HOUR) == 0
    assert seen(desk, "payee_fraud_count_30d") == 1


def test_it_counts_in_the_window_of_its_payment(desk: Desk) -> None:
    first = pay(desk)
    desk.wait(40 * DAY)
    label(desk, first, "one")

    assert seen(desk, "payee_fraud_count_30d") == 0


def test_the_label_that_became_known_last_counts_in_whatever_order_they_are_told(
    desk: Desk,
) -> None:
    first = pay(desk)
    desk.wait(DAY)
    now = desk.house.clock.now()
    label(desk, first, "normal", intent="normal", known_at=now - HOUR)
    label(desk, first, "earlier", known_at=now - 2 * HOUR)
    assert seen(desk, "payee_fraud_count_30d") == 0

    label(desk, first, "later", intent="unauthorized")

    assert seen(desk, "payee_fraud_count_30d") == 1


def test_within_one_second_the_labels_own_times_count(desk: Desk) -> None:
    first = pay(desk)
    desk.wait(DAY)
    second = desk.house.clock.now().replace(microsecond=0) - HOUR
    label(desk, first, "late", known_at=second + dt.timedelta(milliseconds=900))
    label(desk, first, "early", intent="normal", known_at=second + dt.timedelta(milliseconds=100))
    assert seen(desk, "payee_fraud_count_30d") == 1

    # What it says is older than both.
    label(desk, first, "older", intent="normal", known_at=second - HOUR)

    assert seen(desk, "payee_fraud_count_30d") == 1


def test_a_payment_that_is_dated_ahead_is_labelled_at_once(desk: Desk) -> None:
    ahead = desk.house.clock.now() + dt.timedelta(seconds=90)
    first = pay(desk, occurred_at=ahead)

    label(desk, first, "one")

    [event] = [one for one in desk.house.rows(EVENTS) if one["type"] == EVENT_TYPE]
    assert event["occurred_at"] == ahead


def test_a_label_that_says_normal_is_no_fraud_and_is_known(desk: Desk) -> None:
    first = pay(desk)
    assert [seen(desk, f"payee_{name}_7d") for name in ("fraud_risk", "unlabelled")] == [10_000, 2]

    label(desk, first, "fine", intent="normal")

    assert seen(desk, "payee_fraud_count_30d") == 0
    assert seen(desk, "payee_unlabelled_7d") == 3
    assert [seen(desk, f"{kind}_last_label") for kind, _ in ENTITIES] == [0, 0, 0, 0]


def test_a_label_of_today_moves_every_entity_of_its_payment_at_once(desk: Desk) -> None:
    label(desk, pay(desk), "fine", intent="normal")
    label(desk, pay(desk), "one")

    assert [seen(desk, f"{kind}_last_label") for kind, _ in ENTITIES] == [1, 1, 1, 1]
    assert [seen(desk, f"{kind}_fraud_run") for kind, _ in ENTITIES] == [1, 1, 1, 1]


@pytest.mark.parametrize(("minor", "count"), [(10_000, 1), (90_000, 0)])
def test_fraud_is_unexplained_where_its_amount_was_normal(
    desk: Desk, minor: int, count: int
) -> None:
    for _ in range(4):
        pay(desk)
    label(desk, pay(desk, minor), "one")

    assert seen(desk, "payee_unexplained_fraud_count_30d") == count
    assert seen(desk, "payee_fraud_count_30d") == 1


def test_the_log_alone_says_the_same(desk: Desk) -> None:
    label(desk, pay(desk), "one")
    asked = Asked(second=second_of(desk.house.clock.now()), currency="", amount_minor=0, others={})
    for is_written in (False, True):
        while is_written and desk.house.unit.write_back():
            pass
        key = EntityKey(desk.call.tenant_id, desk.call.mode, "payee", "p_77")
        state = read_state(desk.house.spanning, key).state
        found = {one.name: one.value for one in values("payee", state, asked, has_amount=False)}
        assert found["payee_fraud_count_30d"] == 1


def test_a_label_touches_no_entity_but_its_payments(desk: Desk) -> None:
    first = pay(desk)

    with pytest.raises(Faulted):
        label(desk, first, "one", touches=(("payee", "p_other"),))

    assert seen(desk, "payee_fraud_count_30d") == 0


@pytest.fixture
def cn(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN")
    desk.register()
    yield desk
    desk.house.close()


@pytest.mark.parametrize(("intent", "status"), [("unauthorized", "challenge_required"),
                                                ("normal", "approved")])  # fmt: skip
def test_what_a_fraud_was_paid_with_is_not_known_any_more(
    cn: Desk, intent: str, status: str
) -> None:
    first = cn.pay(cn.small())
    assert first.payment.status == "approved"
    cn.execute(first.token)

    label(cn, first.payment.id, "one", intent=intent, touches=TOUCHED)

    again = cn.pay(cn.small())
    assert again.payment.status == status
    assert (again.token is None) == (intent != "normal")


def test_a_fraud_that_was_never_executed_is_remembered_as_well(cn: Desk) -> None:
    first = cn.pay(cn.small())
    label(cn, first.payment.id, "one", touches=TOUCHED)
    label(cn, first.payment.id, "two", touches=TOUCHED, intent="normal")

    links = {row["kind"]: row for row in cn.house.rows(PAYER_LINKS)}
    assert set(links) == {"payee", "device", "instrument"}
    assert all(row["fraud_at"] is not None for row in links.values())
    assert links["device"]["asserted_since"] is not None


def test_a_guests_fraud_marks_nobody(desk: Desk) -> None:
    first = pay(desk, payer=PayerKept(payer_key="c_9"))
    label(desk, first, "one")

    assert desk.house.rows(PAYER_LINKS) == []


@pytest.mark.parametrize(("intent", "result"), [("scam", "done_before"), ("normal", "moved")])
def test_what_is_labelled_as_fraud_is_not_judged_again(
    place: Place, intent: str, result: str
) -> None:
    desk = ScoredDesk(place)
    desk.score(None)
    made = [desk.create(amount=cny(10_000_000)) for _ in range(2)]
    first, other = [one.judged for one in made if one.judged is not None]
    touches = (("payee", "p_77"),)
    label(desk, made[0].payment.id, "one", intent=intent, touches=touches)
    desk.score(0.0001)

    desk.accept(JudgeAgain(payment_id=made[0].payment.id, assessment_id=first.id))

    assert desk.house.entries("payment.judged_again")[-1]["fields"]["result"] == result
    status = desk.payment(made[0].payment.id).status
    assert (status == "held") == (intent == "scam")
    rows = {row["assessment_id"]: row["done_at"] for row in desk.house.rows(AGAIN)}
    assert rows[other.id] is None
    desk.house.close()
