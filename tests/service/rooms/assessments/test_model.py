"""The moves of an action: each pair of status and move, and when a credential was changed."""

import datetime as dt
from typing import get_args

import msgspec
import pytest

from service.rooms.assessments import model
from service.rooms.assessments.contract import ActionStatus
from service.rooms.assessments.model import IllegalMove, Move, Moved
from tests.service.rooms.assessments.test_store_guards import HELD, NOW

STATUSES = get_args(ActionStatus)
PAIRS = [(status, move) for status in STATUSES for move in get_args(Move)]
LATER = NOW + dt.timedelta(hours=1)


@pytest.mark.parametrize(("status", "move"), PAIRS)
@pytest.mark.parametrize("to", STATUSES)
def test_a_move_is_legal_exactly_where_the_table_has_it(status, move, to) -> None:
    action = msgspec.structs.replace(HELD, status=status)
    sources, targets = model.MOVES[move]
    body = Moved(at=LATER, action=move, to=to)

    if status in sources and to in targets:
        after = model.moved(action, body)
        assert (after.status, after.version, after.updated_at) == (to, 2, LATER)
        assert move in model.allowed(status)
    else:
        with pytest.raises(IllegalMove):
            model.moved(action, body)


def test_what_is_final_allows_nothing() -> None:
    final = [status for status in STATUSES if not model.allowed(status)]

    assert final == ["approved", "declined", "cancelled", "expired"]


@pytest.mark.parametrize(
    ("status", "changes", "at"),
    [
        ("approved", ("email",), NOW),
        ("approved", ("address", "factor"), NOW),
        ("approved", ("address",), None),
        ("approved", None, None),
        ("held", ("email",), None),
        ("declined", ("email",), None),
    ],
)
def test_a_credential_changed_where_the_change_was_let_through(status, changes, at) -> None:
    facts = msgspec.structs.replace(HELD.facts, event="account_change", changes=changes)
    action = msgspec.structs.replace(HELD, status=status, facts=facts)

    assert model.credentials_changed_at(action) == at
