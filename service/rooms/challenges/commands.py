"""Handlers that end a challenge or hold by its own id; what it is about ends with it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from service.db.statements import Bound, Row
from service.kernel.errors import Problem
from service.rooms.challenges import contract, store
from service.rooms.challenges.contract import (
    CancelChallenge,
    CancelHold,
    ChallengeEnded,
    HoldEnded,
)
from service.rooms.challenges.public import Subject
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, Handler, View, no_entities
from service.unit_of_work.outcome import Accepted, Entry, Outcome, Refused

Subjects = Mapping[str, Subject]


def handlers(subjects: Subjects) -> tuple[Handler, ...]:
    """Return this room's handlers.

    Args:
        subjects: By kind, what challenges and holds can be about.
    """
    return (
        Handler(
            command=CancelChallenge,
            run=partial(_cancel_challenge, subjects),
            keys=partial(_keys, subjects),
            reads=partial(_challenge_reads, subjects),
            entities=no_entities,
        ),
        Handler(
            command=CancelHold,
            run=partial(_cancel_hold, subjects),
            keys=partial(_keys, subjects),
            reads=partial(_hold_reads, subjects),
            entities=no_entities,
        ),
    )


def _cancel_challenge(
    subjects: Subjects, view: View, command: CancelChallenge, ctx: Context
) -> Outcome:
    row = view.maybe(_challenge_read(command, ctx.call))
    if row is None or not _is_about(row, command):
        return _refused(
            contract.CHALLENGE_NOT_FOUND, "challenge.sequence_failed", command.challenge_id
        )
    if row["state"] != "open":
        return _refused(
            contract.CHALLENGE_CLOSED, "challenge.sequence_failed", command.challenge_id
        )
    outcome = subjects[command.subject_kind].cancel(view, command.subject_id, ctx)
    if isinstance(outcome, Accepted):
        return replace(outcome, reply=ChallengeEnded(id=command.challenge_id, state="cancelled"))
    return outcome


def _cancel_hold(subjects: Subjects, view: View, command: CancelHold, ctx: Context) -> Outcome:
    row = view.maybe(_hold_read(command, ctx.call))
    if row is None or not _is_about(row, command):
        return _refused(contract.HOLD_NOT_FOUND, "hold.sequence_failed", command.hold_id)
    if row["state"] not in {"active", "lift_proposed"}:
        return _refused(contract.HOLD_CLOSED, "hold.sequence_failed", command.hold_id)
    outcome = subjects[command.subject_kind].cancel(view, command.subject_id, ctx)
    if isinstance(outcome, Accepted):
        return replace(outcome, reply=HoldEnded(id=command.hold_id, state="cancelled"))
    return outcome


def _is_about(row: Row, command: CancelChallenge | CancelHold) -> bool:
    """Say whether the row is about what the front end read; it is, unless somebody forges."""
    named = (command.subject_kind, command.subject_id)
    return (row["subject_kind"], row["subject_id"]) == named


def _refused(
    problem: Problem,
    kind: Literal["challenge.sequence_failed", "hold.sequence_failed"],
    subject: str,
) -> Refused:
    entry = Entry(kind=kind, subject=subject, outcome="failure", fields={"problem": problem.code})
    return Refused(problem=problem, entries=(entry,))


def _keys(subjects: Subjects, command: CancelChallenge | CancelHold, _call: Call) -> Sequence[str]:
    return (subjects[command.subject_kind].key(command.subject_id),)


def _challenge_reads(subjects: Subjects, command: CancelChallenge, call: Call) -> Sequence[Bound]:
    subject = subjects[command.subject_kind]
    return (_challenge_read(command, call), *subject.reads(command.subject_id, call))


def _hold_reads(subjects: Subjects, command: CancelHold, call: Call) -> Sequence[Bound]:
    subject = subjects[command.subject_kind]
    return (_hold_read(command, call), *subject.reads(command.subject_id, call))


def _challenge_read(command: CancelChallenge, call: Call) -> Bound:
    return store.CHALLENGE_BY_ID(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        challenge_id=command.challenge_id,
    )


def _hold_read(command: CancelHold, call: Call) -> Bound:
    return store.HOLD_BY_ID(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        hold_id=command.hold_id,
    )
