"""Labelled payments of an entity: what counts when, how many are kept, and packing."""

import datetime as dt

import pytest

from risk.entity_state import EntityState
from risk.feature import load_features
from risk.frauds import FRAUDS_MAX, KEPT_MAX, SAID_MAX, Frauds, Said
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
) -> int | None:
    known, is_all = found.count(first, end, at=at, only_normal=only_normal)
    return known if is_all else None


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


def test_where_some_were_let_go_a_count_says_that_it_is_not_all() -> None:
    found = Frauds()
    for number in range(KEPT_MAX + 3):
        found.tell(f"pay_{number}", number, [Said(500, True)], was_normal=True)

    assert found.count(0, 1_000, at=999, only_normal=False) == (KEPT_MAX, False)
    assert found.count(2, 1_000, at=999, only_normal=False) == (KEPT_MAX, False)
    assert found.count(3, 1_000, at=999, only_normal=False) == (KEPT_MAX, True)
    assert found.size_bytes < 110_000


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
