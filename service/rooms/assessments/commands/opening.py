"""What a judgement opens: a challenge, a hold, or neither; and how an action is told. Pure."""

import datetime as dt
from typing import Final, Literal

from risk.assessment import Assessment
from service.kernel.errors import FieldError, Problem
from service.rooms.assessments import model
from service.rooms.assessments.contract import ActionStatus
from service.rooms.assessments.model import Action
from service.rooms.challenges import public as challenges
from service.unit_of_work.handlers import Context
from service.unit_of_work.outcome import Change, Entry, Message, Refused

# As for a payment: a person who is there proves within minutes.
CHALLENGE_LASTS: Final = dt.timedelta(minutes=5)
STATUS: Final[dict[str, ActionStatus]] = {
    "approve": "approved",
    "challenge": "challenge_required",
    "review": "held",
    "hold": "held",
    "decline": "declined",
}

Opened = tuple[
    challenges.Challenge | None, challenges.Hold | None, tuple[Change, ...], tuple[Entry, ...]
]


def opened(ctx: Context, assessment_id: str, said: Assessment) -> Opened:
    """Return the challenge or hold that a judgement opens, with what stores it."""
    status = STATUS[said.outcome]
    if status == "challenge_required":
        return demanded(ctx, assessment_id, level=said.level or 0, any_of=said.any_of)
    if status != "held":
        return None, None, (), ()
    assert said.hold is not None, "risk says how long what it holds is held"
    hold, change, entry = challenges.stop(
        ctx,
        ("assessment", assessment_id),
        grounds=said.hold.grounds,
        end=said.hold.end,
        lasts=dt.timedelta(seconds=said.hold.duration_s),
        asks=(said.level or 0, said.any_of) if said.hold.end == "challenge" else None,
    )
    return None, hold, (change,), (entry,)


def demanded(ctx: Context, assessment_id: str, *, level: int, any_of: tuple[str, ...]) -> Opened:
    """Return a demand for proof, with what stores it."""
    challenge, change, entry = challenges.demand(
        ctx, ("assessment", assessment_id), level=level, any_of=any_of, lasts=CHALLENGE_LASTS
    )
    return challenge, None, (change,), (entry,)


def message(action: Action) -> Message:
    """Return the message that an action has another status."""
    # Ids and words alone: it is told outside.
    body = {
        "event": action.facts.event,
        "status": action.status,
        "version": action.version,
        "outcome": action.outcome,
        "reason_code": action.reason_code,
    }
    return Message(kind=model.MOVED, subject_id=action.assessment_id, body=body)


def refused(
    problem: Problem,
    kind: Literal["assessment.not_taken", "assessment.sequence_failed"],
    subject: str,
    *,
    errors: tuple[FieldError, ...] = (),
) -> Refused:
    """Return a refusal with its entry."""
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields={"problem": problem.code})
    return Refused(problem=problem, errors=errors, entries=(entry,))
