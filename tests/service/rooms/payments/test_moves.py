"""The table of moves: what it has is legal, what it has not is refused, what follows from it."""

import ast
from itertools import product
from pathlib import Path
from typing import get_args

import pytest

from service.kernel.facts import EventType
from service.rooms.payments import moves
from service.rooms.payments.moves import ACTIONS, FINAL, STATUSES, TABLE, NotAllowed, move

LEGAL = [(source, row.action, to) for row in TABLE for source in row.sources for to in row.targets]
PAIRS = {(source, action) for source, action, _ in LEGAL}
ILLEGAL = [pair for pair in product((None, *STATUSES), ACTIONS) if pair not in PAIRS]


def reachable(*, without: str) -> set[str]:
    """Return the statuses that a new payment can reach without passing through one of them."""
    found: set[str | None] = {None}
    while True:
        more = {to for source, _, to in LEGAL if source in found and to != without} - found
        if not more:
            return {status for status in found if status is not None}
        found |= more


def made() -> set[str]:
    """Return the actions that the room's code names where it makes a move."""
    room = Path(moves.__file__).parent
    files = [*sorted((room / "commands").glob("*.py")), room / "model/fold.py"]
    calls = [
        call
        for file in files
        for call in ast.walk(ast.parse(file.read_text()))
        if isinstance(call, ast.Call)
    ]
    named = [word.value for call in calls for word in call.keywords if word.arg == "action"]
    folded = [call.args[1] for call in calls if getattr(call.func, "id", "") == "_to"]
    given = [one.value for one in [*named, *folded] if isinstance(one, ast.Constant)]
    return {str(one) for one in given} | set(get_args(EventType))


@pytest.mark.parametrize(("status", "action"), ILLEGAL)
def test_a_pair_outside_the_table_is_not_allowed(status, action) -> None:
    found = move(status, action, to="approved")

    assert found == NotAllowed(status, action, moves.allowed(status))
    assert action not in found.allowed


@pytest.mark.parametrize(("status", "action", "to"), LEGAL)
def test_a_move_of_the_table_is_made(status, action, to) -> None:
    assert move(status, action, to) == to


@pytest.mark.parametrize(("status", "action"), sorted(PAIRS, key=str))
def test_no_move_leads_elsewhere_than_the_table_says(status, action) -> None:
    elsewhere = [to for to in STATUSES if (status, action, to) not in LEGAL]

    assert all(isinstance(move(status, action, to), NotAllowed) for to in elsewhere)


def test_a_move_with_one_way_needs_no_target() -> None:
    assert move("approved", "cancel") == "cancelled"


def test_a_move_with_several_ways_asks_for_one() -> None:
    with pytest.raises(ValueError, match="leads to one of"):
        move("held", "lift")


def test_no_pair_stands_in_two_rows() -> None:
    assert len(LEGAL) == len(set(LEGAL))
    assert len(PAIRS) == sum(len(row.sources) for row in TABLE)


def test_final_is_final() -> None:
    assert {status for status in STATUSES if not moves.allowed(status)} == FINAL


def test_every_status_can_be_reached() -> None:
    assert reachable(without="") == set(STATUSES)


def test_money_moves_only_after_an_approval_and_an_execution() -> None:
    before_money = {"challenge_required", "held", "declined", "cancelled", "expired"}

    assert reachable(without="approved") == before_money
    assert reachable(without="executing") == before_money | {"approved"}


def test_a_token_may_be_issued_while_approved_alone() -> None:
    assert [one for one in STATUSES if moves.may_issue_token(one)] == ["approved"]


def test_events_that_move_are_those_of_the_table() -> None:
    by_event = {row.action for row in TABLE if row.way == "event"}

    assert by_event == moves.MOVING_EVENTS


def test_what_is_not_built_is_what_no_code_makes() -> None:
    assert set(ACTIONS) - made() == moves.NOT_BUILT


@pytest.mark.parametrize("row", TABLE)
def test_a_page_tells_every_row(row) -> None:
    line = f"| {row.action} | {row.way} | {', '.join(row.by)} | {', '.join(row.targets)} |"

    assert line in moves.markdown()


@pytest.mark.parametrize("row", TABLE)
def test_a_page_says_of_every_row_whether_it_is_built(row) -> None:
    built = "not yet" if row.action in moves.NOT_BUILT else "yes"

    assert f"{', '.join(row.targets)} | {row.when} | {built} |" in moves.markdown()
