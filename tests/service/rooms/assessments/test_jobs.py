"""The worker finds actions whose time has come, the longest due first, in their merchant's name."""

import datetime as dt

from service.rooms.assessments.jobs import due_assessments
from tests.service.rooms.assessments.conftest import Actions


def test_what_is_longest_due_comes_first_and_no_more_than_asked_for(actions: Actions) -> None:
    held = actions.held()
    challenged = actions.made("new_payee")
    actions.made("sign_up")
    due = due_assessments(actions.house.spanning)
    far = actions.house.clock.now() + dt.timedelta(days=2)

    assert due(actions.house.clock.now(), 200) == []
    assert [one.subject for one in due(far, 200)] == [challenged["id"], held["id"]]
    [first] = due(far, 1)
    assert first.command.assessment_id == challenged["id"]
    assert (first.call.merchant_id, first.call.mode) == (actions.desk.call.merchant_id, "live")
