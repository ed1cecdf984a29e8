"""Every event in every status, in order and out of order, once and again: told, never refused."""

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.kernel.facts import EventType
from service.rooms.payments import model, moves, queries
from service.rooms.payments.contract import Status
from service.rooms.payments.tables import PAYMENTS
from tests.contract.conftest import People
from tests.contract.house import Holder, House
from tests.contract.places import AMOUNT, PLACES, at, event

EVENTS: Final[tuple[EventType, ...]] = get_args(EventType)
LOST: Final = {"result": {"code": "lost"}}
SUMS: Final = {
    "captured": "captured",
    "settled": "settled",
    "reversed": "released",
    "refunded": "refunded",
    "dispute_closed": "charged_back",
}
TOLD_MAX: Final = 8


def of_table(status: Status, type_: EventType) -> set[Status]:
    """Return where the table leads for a merchant without review before capture."""
    targets = {
        to
        for row in moves.TABLE
        if row.way == "event" and row.action == type_ and status in row.sources
        for to in row.targets
    }
    return targets if status == "suspended" else targets - {"suspended"}


def expected_amounts(told: list[dict[str, Any]], before: dict[str, Any]) -> dict[str, Any]:
    """Return what events add up to, whatever their order; the fold, written a second time."""
    sums: Counter[str] = Counter()
    for one in told:
        sums[one["type"]] += one["amount"]["value"]
    after = dict(before)
    for type_, column in SUMS.items():
        after[column] = before[column] + sums[type_]
    is_authorized = before["executed"] > 0 or "authorized" in {one["type"] for one in told}
    after["executed"] = before["executed"] + sums["authorized"]
    if not is_authorized:
        after["executed"] = after["captured"]
    return after


def assert_row_is_fold(house: House, payment_id: str) -> None:
    """Check a payment's row against the fold of its events, column by column."""
    [tenant] = house.query(
        "SELECT tenant_id, merchant_id FROM payments WHERE payment_id = :payment_id",
        payment_id=payment_id,
    )
    owner = {"tenant_id": tenant[0], "merchant_id": tenant[1]}
    stored = house.reader.fetch(queries.events_of(payment_id, **owner))
    folded = model.fold(queries.bodies(stored))
    names = ", ".join(column.name for column in PAYMENTS.columns)
    [row] = house.reader.fetch(
        queries.PAYMENT(
            tenant_id=tenant[0],
            merchant_id=folded.merchant_id,
            mode=folded.mode,
            payment_id=payment_id,
        )
    )
    assert model.to_row(folded) | {"facts": row["facts"]} == row, names
    assert model.from_row(row) == folded
    assert all(value >= 0 for name, value in row.items() if name.endswith("_minor") and value)


def test_events_that_move_are_those_of_the_table() -> None:
    assert {row.action for row in moves.TABLE if row.way == "event"} == moves.MOVING_EVENTS


@pytest.mark.long
@pytest.mark.parametrize("type_", EVENTS)
@pytest.mark.parametrize("status", moves.STATUSES)
def test_an_event_adds_its_amount_and_moves_where_the_table_does(
    house: House, ada: Holder, status: Status, type_: EventType
) -> None:
    payment_id = at(house, ada, status)["id"]
    path = f"/v1/payments/{payment_id}"
    before = house.get(path, ada)
    amount = {"value": AMOUNT, "currency": "CNY"}
    told = event(house, type_, amount=amount, **LOST)

    answer = house.send("POST", f"{path}/events", key=ada, body=told)

    assert answer.status == 200, answer
    targets = of_table(status, type_)
    is_in_step = bool(targets) or type_ not in moves.MOVING_EVENTS
    after = answer.json
    assert after["in_step"] == is_in_step
    assert after["amounts"] == expected_amounts([told], before["amounts"])
    sums = after["amounts"]
    is_all = sums["settled"] >= sums["captured"]
    if (targets or {status}) == {"captured"} and is_all:
        targets = {"settled"}
    assert {after["status"]} == (targets or {status})
    kinds = house.entries(payment_id)
    assert ("payment.out_of_step" in kinds) == (not is_in_step)
    assert "payment.event_reported" in kinds
    assert_row_is_fold(house, payment_id)
    seen = house.get(path, ada)
    assert (seen["status"], seen["amounts"]) == (after["status"], after["amounts"])
    assert seen["events"][-1]["in_step"] == is_in_step
    # The same name again, whatever else is told with it: the same answer, and no effect.
    again = event(house, type_, amount={"value": 1, "currency": "CNY"})
    repeated = house.post(f"{path}/events", ada, again | {"external_id": told["external_id"]})
    assert repeated == after
    assert house.get(path, ada) == seen


@pytest.mark.parametrize("status", moves.STATUSES)
def test_events_without_amount_never_make_a_sum_negative(
    house: House, ada: Holder, status: Status
) -> None:
    payment_id = at(house, ada, status)["id"]
    path = f"/v1/payments/{payment_id}"

    for type_ in ("refunded", "settled", "reversed", "dispute_closed", "captured", "authorized"):
        answer = house.send("POST", f"{path}/events", key=ada, body=event(house, type_, **LOST))
        assert answer.code in {"event_amount_invalid", None}, answer

    sums = house.get(path, ada)["amounts"]
    assert min(value for value in sums.values() if isinstance(value, int)) >= 0
    assert_row_is_fold(house, payment_id)


def test_an_event_in_another_currency_is_refused_and_adds_nothing(
    house: House, ada: Holder
) -> None:
    payment_id = at(house, ada, "executed")["id"]
    before = house.get(f"/v1/payments/{payment_id}", ada)
    told = event(house, "captured", amount={"value": AMOUNT, "currency": "EUR"})

    answer = house.send("POST", f"/v1/payments/{payment_id}/events", key=ada, body=told)

    assert (answer.status, answer.code) == (422, "currency_mismatch")
    assert house.get(f"/v1/payments/{payment_id}", ada) == before


def test_money_that_comes_after_all_moves_nothing_and_is_logged(house: House, ada: Holder) -> None:
    payment_id = at(house, ada, "failed")["id"]
    told = event(house, "captured", amount={"value": AMOUNT, "currency": "CNY"})

    after = house.post(f"/v1/payments/{payment_id}/events", ada, told)

    assert (after["status"], after["in_step"]) == ("failed", False)
    assert after["amounts"]["captured"] == AMOUNT
    assert "payment.out_of_step" in house.entries(payment_id)


def test_more_than_was_captured_is_stored_and_logged_as_exceeding(
    house: House, ada: Holder
) -> None:
    payment_id = at(house, ada, "captured")["id"]
    told = event(house, "refunded", amount={"value": AMOUNT + 1, "currency": "CNY"})

    after = house.post(f"/v1/payments/{payment_id}/events", ada, told)

    assert after["amounts"]["refunded"] == AMOUNT + 1
    assert "payment.amount_exceeded" in house.entries(payment_id)


_TOLD: Final = st.lists(
    st.tuples(
        st.sampled_from(EVENTS),
        st.integers(0, 2 * AMOUNT),
        st.booleans(),
    ),
    max_size=TOLD_MAX,
)


def test_amounts_are_sums_of_events_in_any_order(
    house: House, people: People, sized: Callable[..., int]
) -> None:
    key = people.ada

    @settings(
        max_examples=sized(quick=15, ci=60, full=2_000),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(status=st.sampled_from(sorted(PLACES)), told=_TOLD)
    def holds(status: Status, told: list[tuple[EventType, int, bool]]) -> None:
        payment_id = PLACES[status](house, key)["id"]
        path = f"/v1/payments/{payment_id}"
        before = house.get(path, key)
        bodies = [
            event(house, type_, amount={"value": value, "currency": "CNY"}, **LOST)
            for type_, value, _ in told
        ]
        for body, (_, _, again) in zip(bodies, told, strict=True):
            for _ in range(1 + again):
                house.post(f"{path}/events", key, body)
        after = house.get(path, key)
        assert after["amounts"] == expected_amounts(bodies, before["amounts"])
        assert after["version"] == before["version"] + len(bodies)
        if before["status"] in moves.FINAL:
            assert after["status"] == before["status"]
        assert_row_is_fold(house, payment_id)

    holds()
