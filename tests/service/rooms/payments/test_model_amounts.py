"""What reported amounts add up to, in any order; what is left where none is told, what exceeds."""

from itertools import permutations

import pytest

from service.kernel.facts import EventType
from service.kernel.money import Amount
from service.rooms.payments.contract import Status
from service.rooms.payments.model import apply, excesses, fold, is_of_nothing, is_too_large, step
from tests.service.rooms.payments.bodies import (
    LATER,
    a_payment,
    a_request,
    amounts,
    created,
    executed,
    reported,
    token_issued,
    way_to,
)


def test_a_reversal_without_an_amount_before_its_authorization_releases_what_was_sent() -> None:
    early = fold([created(), token_issued(), executed(8_000), reported("reversed")])
    late = apply(early, reported("authorized"))

    assert amounts(early) == {"released": 8_000}
    assert (late.status, amounts(late)) == ("reversed", {"executed": 8_000, "released": 8_000})


NOTHING: list[tuple[Status, EventType, dict[str, str], bool]] = [
    ("executed", "settled", {}, True),
    ("executed", "refunded", {}, True),
    ("executed", "dispute_closed", {"code": "lost"}, True),
    ("executed", "dispute_closed", {"code": "won"}, False),
    ("executed", "captured", {}, False),
    ("executed", "reversed", {}, False),
    ("executed", "shipped", {}, False),
    ("executed", "authorized", {}, False),
    ("executing", "authorized", {}, False),
    ("executing", "reversed", {}, False),
    ("executing", "refused", {}, False),
    ("failed", "captured", {}, False),
    ("reversed", "captured", {}, True),
    ("reversed", "reversed", {}, False),
    ("captured", "settled", {}, False),
    ("settled", "settled", {}, True),
    ("settled", "refunded", {}, False),
]


@pytest.mark.parametrize(("status", "event", "result", "is_it"), NOTHING)
def test_an_event_of_which_nothing_is_left_and_that_moves_nothing_is_of_nothing(
    status, event, result, is_it
) -> None:
    payment = a_payment(status)

    assert is_of_nothing(payment, reported(event, **result)) is is_it
    assert not is_of_nothing(payment, reported(event, 0, **result))


def test_a_capture_after_a_void_of_all_is_of_nothing_without_an_amount() -> None:
    payment = apply(a_payment("executing"), reported("reversed"))

    assert is_of_nothing(payment, reported("captured"))
    assert not is_of_nothing(payment, reported("authorized"))


def test_nothing_is_all_of_a_verification() -> None:
    facts = a_request(kind="verification", amount=Amount(value=0, currency="CNY"))
    payment = fold([created(facts=facts), token_issued(), executed(0)])

    assert not is_of_nothing(payment, reported("captured"))
    assert not is_of_nothing(payment, reported("settled"))


# What is told of one payment, and where it leads in whatever order it is told.
TOLD: list[tuple[dict[EventType, int], Status]] = [
    (
        {
            "authorized": 10_000,
            "captured": 6_000,
            "settled": 5_000,
            "refunded": 1_000,
            "reversed": 4_000,
        },
        "captured",
    ),
    ({"authorized": 10_000, "captured": 6_000, "settled": 6_000, "reversed": 4_000}, "settled"),
    ({"authorized": 10_000, "reversed": 10_000}, "reversed"),
    ({"authorized": 8_000, "reversed": 9_000, "shipped": 1}, "reversed"),
]
SUMS: dict[EventType, str] = {"authorized": "executed", "reversed": "released"}


@pytest.mark.parametrize(
    ("own", "order", "status"),
    [(own, order, status) for own, status in TOLD for order in permutations(own)],
)
def test_amounts_and_statuses_do_not_depend_on_the_order_of_events(own, order, status) -> None:
    payment = fold([*way_to("executing"), *(reported(kind, own[kind]) for kind in order)])

    sums = {SUMS.get(kind, kind): minor for kind, minor in own.items() if kind != "shipped"}
    assert (amounts(payment), payment.status) == (sums, status)


def test_a_void_told_before_its_authorization_reverses_and_keeps_no_timer() -> None:
    early = step(a_payment("executing"), reported("reversed", 10_000))
    late = step(early.payment, reported("authorized", 10_000, authorization_expires_at=LATER))

    assert (early.is_in_step, early.payment.status) == (False, "executing")
    assert (late.is_in_step, late.payment.status) == (True, "reversed")
    assert (late.payment.timer_at, late.payment.timer_action) == (None, None)


def test_a_void_told_before_an_authorization_under_review_reverses() -> None:
    way = [created(reviews_before_capture=True, outcome="review"), token_issued(), executed()]

    payment = fold([*way, reported("reversed", 10_000), reported("authorized", 10_000)])

    assert (payment.status, payment.suspended_from) == ("reversed", None)


def test_reported_amounts_may_exceed_and_are_named() -> None:
    payment = apply(a_payment("executing"), reported("authorized", 12_000))
    payment = apply(payment, reported("captured", 13_000))
    payment = apply(payment, reported("refunded", 14_000))

    assert excesses(payment) == (
        "executed_above_requested",
        "executed_above_sent",
        "captured_above_executed",
        "returned_above_captured",
    )


@pytest.mark.parametrize(
    ("told", "excess"),
    [
        ({"authorized": 10_000, "captured": 6_000, "reversed": 4_001}, True),
        ({"authorized": 10_000, "captured": 6_000, "reversed": 4_000}, False),
        ({"reversed": 10_000}, False),
        ({"reversed": 10_001}, True),
        ({"captured": 6_000, "reversed": 4_000}, False),
        ({"captured": 10_000, "reversed": 1}, True),
    ],
)
def test_what_is_captured_and_what_is_released_exceed_together(told, excess) -> None:
    payment = fold([*way_to("executing"), *(reported(kind, told[kind]) for kind in told)])

    assert excesses(payment) == (("captured_and_released_above_executed",) if excess else ())


def test_more_settled_than_captured_closes_and_is_named() -> None:
    payment = apply(a_payment("captured"), reported("captured"))

    settled = apply(payment, reported("settled", 10_001))

    assert settled.status == "settled"
    assert excesses(settled) == ("settled_above_captured",)


@pytest.mark.parametrize("status", ["executing", "unknown", "executed", "captured", "suspended"])
def test_a_capture_of_nothing_moves_nothing_where_there_is_something_to_take(status) -> None:
    before = a_payment(status)

    after = step(before, reported("captured", 0))

    assert (after.payment.status, after.is_in_step) == (status, False)
    assert after.payment.suspended_from == before.suspended_from
    assert amounts(after.payment) == amounts(before)


@pytest.mark.parametrize(
    "event", ["authorized", "captured", "settled", "reversed", "refunded", "dispute_closed"]
)
def test_a_sum_may_come_to_what_a_double_holds_exactly(event) -> None:
    payment = a_payment("executing")

    most = apply(payment, reported(event, 2**53 - 1, code="lost"))
    more = apply(most, reported(event, 1, code="lost"))

    assert (is_too_large(most), is_too_large(more)) == (False, True)
