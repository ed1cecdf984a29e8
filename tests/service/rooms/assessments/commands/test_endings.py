"""Held and challenged actions: released, refused, cancelled, over; each once, each logged."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from service.rooms.assessments import model
from service.rooms.assessments.contract import ExpireAssessment
from service.rooms.assessments.jobs import due_assessments
from service.rooms.assessments.model import Made, Moved
from service.unit_of_work.events import body_of
from service.unit_of_work.tables import EVENTS
from tests.service.rooms.assessments.conftest import Actions

DAY = dt.timedelta(days=1)


def folded(actions: Actions, made: Any) -> dict[str, Any]:
    """Return the row that an action's events make."""
    rows = [row for row in actions.house.rows(EVENTS) if row["subject_id"] == made["id"]]
    rows.sort(key=lambda row: row["sequence"])
    action = model.made(msgspec.convert(body_of(rows[0]), Made))
    for row in rows[1:]:
        action = model.moved(action, msgspec.convert(body_of(row), Moved))
    return model.to_row(action)


def row_of(actions: Actions, made: Any) -> dict[str, Any]:
    [row] = [one for one in actions.rows() if one["assessment_id"] == made["id"]]
    return row


def over(actions: Actions) -> list[str]:
    """Let the worker do what is due now; return what it was about."""
    dues = due_assessments(actions.house.spanning)(actions.house.clock.now(), 200)
    for due in dues:
        actions.house.accept(due.command, due.call)
    return [due.subject for due in dues]


@pytest.mark.parametrize(
    ("word", "status", "hold", "kind"),
    [
        ("release", "approved", "lifted", "assessment.released"),
        ("refuse", "declined", "declined", "assessment.refused"),
    ],
)
def test_what_is_held_is_decided_once(
    actions: Actions, word: str, status: str, hold: str, kind: str
) -> None:
    held = actions.held()
    assert held["status"] == "held"

    response = actions.decide(held, word, reason="the payer called")

    assert (response.status_code, response.get_json()["status"]) == (200, status)
    assert [one["state"] for one in actions.desk.holds()] == [hold]
    [entry] = actions.house.entries(kind)
    assert entry["fields"] == {"event": "payout", "has_reason": True}
    assert folded(actions, held) == row_of(actions, held)
    before = actions.house.dump()
    for other in ("release", "refuse"):
        again = actions.decide(held, other).get_json()
        assert (again["code"], again["allowed"]) == ("assessment_not_in_state", [])
    after = actions.house.dump()
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= {"entries", "entry_numbers", "idempotency", "writer"}


def test_only_what_is_held_is_decided(actions: Actions) -> None:
    challenged = actions.made("new_payee")

    said = actions.decide(challenged, "release").get_json()

    assert (said["code"], said["status"]) == ("assessment_not_in_state", 409)
    assert said["allowed"] == ["cancel", "expire"]
    unknown = {"id": "asm_01M869380G2CPJ6EC9KFSD7TYH"}
    assert actions.decide(unknown, "release").get_json()["code"] == "assessment_not_found"


def test_a_release_makes_a_change_count_from_then_on(sandbox: Actions) -> None:
    held = sandbox.made("account_change", payer={"payer_id": "test:hold"})
    assert row_of(sandbox, held)["credentials_changed_at"] is None
    sandbox.house.clock.advance(dt.timedelta(hours=1))

    sandbox.decide(held, "release")

    assert row_of(sandbox, held)["credentials_changed_at"] == sandbox.house.clock.now()


def test_the_payer_cancels_a_challenge_and_a_hold_by_their_own_ids(actions: Actions) -> None:
    challenged, held = actions.made("new_payee"), actions.held()

    for made, part in ((challenged, "challenge"), (held, "hold")):
        path = f"/v1/{part}s/{made[part]['id']}/cancel"
        assert actions.front.post(path, {}).get_json()["state"] == "cancelled"
        assert actions.shown(made)["status"] == "cancelled"
        assert folded(actions, made) == row_of(actions, made)
        assert actions.front.post(path, {}).status_code == 409


def test_a_challenge_runs_out_at_its_time(actions: Actions) -> None:
    made = actions.made("new_payee")
    actions.house.clock.advance(dt.timedelta(minutes=5) - dt.timedelta(microseconds=1))
    assert over(actions) == []

    actions.house.clock.advance(dt.timedelta(microseconds=1))

    assert over(actions) == [made["id"]]
    assert actions.shown(made)["status"] == "expired"
    assert [one["state"] for one in actions.desk.challenges()] == ["expired"]
    assert folded(actions, made) == row_of(actions, made)
    assert over(actions) == []


def test_a_hold_ends_in_a_challenge_where_proof_is_asked(actions: Actions) -> None:
    made = actions.held()
    actions.house.clock.advance(DAY)

    over(actions)

    shown = actions.shown(made)
    assert (shown["status"], shown["hold"]) == ("challenge_required", None)
    assert shown["challenge"]["level"] == shown["level"] == 3
    assert folded(actions, made) == row_of(actions, made)


def test_a_hold_ends_in_a_refusal_where_no_proof_is_asked(plain: Actions) -> None:
    made = plain.held()
    plain.house.clock.advance(DAY)

    over(plain)

    assert plain.shown(made)["status"] == "declined"
    assert plain.house.entries("assessment.hold_ended")[0]["fields"]["to"] == "declined"


def test_a_timer_that_comes_early_or_late_does_nothing(actions: Actions) -> None:
    made = actions.held()
    early = ExpireAssessment(assessment_id=made["id"], version=1)
    actions.desk.accept(early)
    assert actions.shown(made)["status"] == "held"
    actions.decide(made, "release")
    actions.house.clock.advance(DAY)

    actions.desk.accept(early)

    assert actions.shown(made)["status"] == "approved"
    assert actions.house.kinds().count("assessment.timer_stale") == 2
