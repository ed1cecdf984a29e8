"""Labelled payments of an entity: what counts when, how many are kept, and packing."""

import datetime as dt

import pytest

from risk.entity_state import EntityState
from risk.feature import load_features
from risk.frauds import KEPT_MAX, SAID_MAX, Frauds, Said
from risk.known import FRAUDS_MAX, value, value_in
from risk.reading import Asked
from risk.vectors import Missing, entity_values
from risk.windows import second_of

PLAN = load_features().plans["payee"]
NOON = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


def frauds(*said: tuple[int, bool], paid: int = 100, was_normal: bool = True) -> Frauds:
    found = Frauds()
    found.tell("pay_1", paid, [Said(*one) for one in said], was_normal=was_normal)
    return found


def count(
    found: Frauds, *, first: int = 0, end: int = 1_000, at: int = 999, only_normal: bool = False
) -> int | str:
    aggregate = "unexplained_fraud_count" if only_normal else "fraud_count"
    return value_in(found.known(at), aggregate, (first, end), 0)


@pytest.mark.parametrize(("at", "known"), [(199, 0), (200, 1), (299, 1), (300, 0)])
def test_the_label_that_became_known_last_by_then_counts(at: int, known: int) -> None:
    assert count(frauds((200, True), (300, False)), at=at) == known


@pytest.mark.parametrize(("first", "end", "known"), [(100, 101, 1), (101, 200, 0), (0, 100, 0)])
def test_it_counts_at_its_payment_s_time(first: int, end: int, known: int) -> None:
    assert count(frauds((200, True)), first=first, end=end) == known


def test_what_is_told_again_replaces_what_was_told() -> None:
    found = frauds((200, True))
    found.tell("pay_1", 100, [Said(200, True), Said(250, False)], was_normal=True)

    assert count(found) == 0


def test_only_fraud_of_a_normal_amount_is_unexplained() -> None:
    assert count(frauds((200, True)), only_normal=True) == 1
    assert count(frauds((200, True), was_normal=False), only_normal=True) == 0


def history(*told: tuple[int, int, bool], was_normal: bool = True) -> Frauds:
    """Tell of payments: when each was made, when that is known, whether it was fraud."""
    found = Frauds()
    for number, (paid, known, is_fraud) in enumerate(told):
        found.tell(f"pay_{number}", paid, [Said(known, is_fraud)], was_normal=was_normal)
    return found


def at_999(found: Frauds) -> dict[str, int | str]:
    names = ("last_label", "since_fraud", "fraud_run", "fraud_run_age", "genuine_since_fraud")
    return {name: value(found.known(999), name, 999) for name in names}


RUN = [(100, 500, True), (200, 500, False), (300, 500, True), (400, 500, True)]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2)])
def test_a_run_is_what_is_newer_than_the_newest_genuine_payment(order: tuple[int, ...]) -> None:
    assert at_999(history(*(RUN[place] for place in order))) == {
        "last_label": 1,
        "since_fraud": 599,
        "fraud_run": 2,
        "fraud_run_age": 699,
        "genuine_since_fraud": 0,
    }


def test_genuine_payments_end_a_run() -> None:
    assert at_999(history(*RUN, (410, 500, False), (420, 500, False))) == {
        "last_label": 0,
        "since_fraud": 599,
        "fraud_run": 0,
        "fraud_run_age": "no_history",
        "genuine_since_fraud": 2,
    }


def test_of_one_second_the_genuine_payment_stands_last() -> None:
    found = at_999(history((400, 500, True), (400, 500, False)))

    assert (found["last_label"], found["fraud_run"], found["genuine_since_fraud"]) == (0, 0, 1)


def test_what_is_not_known_yet_says_nothing() -> None:
    found = history((100, 150, False), (200, 300, True))

    assert value(found.known(299), "fraud_run", 299) == 0
    assert value(found.known(300), "fraud_run", 300) == 1
    assert value(Frauds().known(300), "fraud_run", 300) == "no_history"


def test_explained_frauds_neither_lengthen_an_unexplained_run_nor_end_it() -> None:
    found = history((100, 500, True), (300, 500, True))
    found.tell("explained", 200, [Said(500, True)], was_normal=False)

    assert value(found.known(999), "fraud_run", 999) == 3
    assert value(found.known(999), "unexplained_fraud_run", 999) == 2
    assert value(found.known(999), "unexplained_fraud_run_age", 999) == 899


def test_a_payment_that_was_called_normal_and_is_fraud_counts_once() -> None:
    found = frauds((200, False))
    found.tell("pay_1", 100, [Said(200, False), Said(250, True)], was_normal=True)

    assert value_in(found.known(999), "unlabelled", (0, 1_000), 3) == 2
    assert value(found.known(240), "last_label", 240) == 0
    assert value(found.known(250), "last_label", 250) == 1


@pytest.mark.parametrize(("labelled", "risk"), [(0, 10_000), (1, 1_050_000 // 6)])
def test_risk_is_smoothed_by_what_is_common(labelled: int, risk: int) -> None:
    found = history(*[(100, 500, True)][:labelled])

    assert value_in(found.known(999), "fraud_risk", (0, 1_000), labelled) == risk


def many(number: int, *, is_fraud: bool) -> Frauds:
    return history(*((paid, 500, is_fraud) for paid in range(number)))


def test_where_frauds_were_let_go_a_count_is_known_only_above_them() -> None:
    found = many(KEPT_MAX + 3, is_fraud=True)
    shares = [value_in(found.known(999), "fraud_share", (first, 999), 500) for first in (2, 3)]

    assert shares == ["outside_kept_range", 1_000 * KEPT_MAX // 500]
    assert count(found) == FRAUDS_MAX + 1
    assert found.size_bytes < 140_000


def test_honest_payments_push_no_fraud_out() -> None:
    found = history((1_000, 1_000, True), *((paid, 1_000, False) for paid in range(600)))

    assert value(found.known(2_000), "fraud_run", 2_000) == 1
    assert value_in(found.known(2_000), "fraud_count", (0, 2_000), 601) == 1
    assert found.size_bytes < 15_000


def test_where_honest_payments_were_let_go_what_needs_them_says_so() -> None:
    found = many(KEPT_MAX + 3, is_fraud=False).known(999)

    assert value_in(found, "unlabelled", (2, 999), 500) == "outside_kept_range"
    assert value_in(found, "unlabelled", (3, 999), 500) == 500 - KEPT_MAX
    assert value_in(found, "fraud_risk", (2, 999), 500) == "outside_kept_range"
    assert value(found, "fraud_run", 999) == 0


def test_a_run_that_reaches_what_was_let_go_is_not_known() -> None:
    told = [(paid, 500 + paid, False) for paid in range(KEPT_MAX + 1)]
    found = history(*told, (300, 300, True))

    # None of the genuine payments that are still there is known at that time.
    assert value(found.known(400), "fraud_run", 400) == "outside_kept_range"
    assert value(found.known(400), "genuine_since_fraud", 400) == 0


def test_more_genuine_payments_than_are_counted_are_more() -> None:
    found = history((0, 500, True), *((1 + paid, 500, False) for paid in range(KEPT_MAX + 9)))

    assert value(found.known(999), "genuine_since_fraud", 999) == FRAUDS_MAX + 1


def unexplained(state: EntityState) -> int | float | Missing:
    at = second_of(NOON + dt.timedelta(hours=1))
    asked = Asked(second=at, currency="CNY", amount_minor=0, others={})
    found = entity_values("payee", state, asked, load_features())
    return found["payee_unexplained_fraud_count_30d"]


@pytest.mark.parametrize(
    ("told", "normal", "known"),
    [
        (FRAUDS_MAX, 60, 60),
        (FRAUDS_MAX + 1, FRAUDS_MAX, FRAUDS_MAX),
        (FRAUDS_MAX + 9, FRAUDS_MAX + 9, FRAUDS_MAX + 1),
        (KEPT_MAX + 9, KEPT_MAX + 9, FRAUDS_MAX + 1),
        (KEPT_MAX + 9, 20, Missing("outside_kept_range")),
    ],
)
def test_the_worst_payees_are_known_as_such(told: int, normal: int, known: object) -> None:
    state = EntityState(PLAN)
    for number in range(told):
        at = NOON + dt.timedelta(seconds=number)
        state.add(at, 100, "CNY", False, {"payer": "c_1"})
        # The newest are those whose amount was normal.
        said = [(second_of(at), True)]
        state.tell(at, f"pay_{number}", said, was_normal=number >= told - normal)

    assert unexplained(state) == known


def test_of_one_payment_the_newest_labels_are_kept() -> None:
    said = [(place, place == 0) for place in range(SAID_MAX + 1)]

    assert count(frauds(*said), at=0) == 0


def test_a_state_with_labels_packs_equal_and_comes_back() -> None:
    state = EntityState(PLAN)
    state.add(NOON, 100, "CNY", False, {"payer": "c_1"})
    for number in range(FRAUDS_MAX + 3):
        at = NOON + dt.timedelta(seconds=number)
        state.tell(at, f"pay_{number}", [(5, True), (9, number % 2 > 0)], was_normal=number < 9)

    again = EntityState.unpack(state.pack(), PLAN)

    assert again.pack() == state.pack() == state.copy().pack()


def test_a_copy_is_not_changed_with_what_it_was_copied_from() -> None:
    state = EntityState(PLAN)
    state.tell(NOON, "pay_1", [(5, True)], was_normal=True)
    before = state.pack()

    state.copy().tell(NOON, "pay_2", [(5, True)], was_normal=True)

    assert state.pack() == before


def test_an_entity_without_features_of_labels_keeps_none() -> None:
    state = EntityState(load_features().plans["payer"])
    state.tell(NOON, "pay_1", [(5, True)], was_normal=True)

    assert state.pack() == EntityState(load_features().plans["payer"]).pack()
