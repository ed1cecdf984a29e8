"""What ends or decides an action that was judged: released, refused, cancelled, or over. Pure."""

from collections.abc import Sequence
from typing import Any, Final, Literal

from typing_extensions import override

from service.db.statements import Bound
from service.kernel.answers import HoldEnd
from service.rooms.assessments import contract, model, store
from service.rooms.assessments.commands.opening import demanded, message, refused
from service.rooms.assessments.contract import (
    ActionReply,
    ActionStatus,
    ExpireAssessment,
    RefuseAssessment,
    ReleaseAssessment,
)
from service.rooms.assessments.model import Action, Moved
from service.rooms.challenges import public as challenges
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Outcome, Refused

_ENDS: Final[dict[HoldEnd, ActionStatus]] = {
    "challenge": "challenge_required",
    "decline": "declined",
    "approve": "approved",
}


Later = ReleaseAssessment | RefuseAssessment | ExpireAssessment


def _action_key(assessment_id: str) -> str:
    return f"assessment:{assessment_id}"


def _keys(command: Later, _call: Call) -> Sequence[str]:
    return (_action_key(command.assessment_id),)


def _reads(command: Later, call: Call) -> Sequence[Bound]:
    return _reads_of(command.assessment_id, call)


def _reads_of(assessment_id: str, call: Call) -> Sequence[Bound]:
    return (
        _action_read(assessment_id, call),
        challenges.open_challenge_read(call, "assessment", assessment_id),
        challenges.active_hold_read(call, "assessment", assessment_id),
    )


def _action_read(assessment_id: str, call: Call) -> Bound:
    return store.ACTION_BY_ID(
        tenant_id=call.tenant_id,
        merchant_id=call.merchant_id,
        mode=call.mode,
        assessment_id=assessment_id,
    )


def _found(view: View, call: Call, assessment_id: str) -> Action | None:
    row = view.maybe(_action_read(assessment_id, call))
    return None if row is None else model.from_row(row)


class AssessmentSubject(challenges.Subject):
    """Actions, as the room of challenges knows them."""

    @override
    def key(self, subject_id: str) -> str:
        return _action_key(subject_id)

    @override
    def reads(self, subject_id: str, call: Call) -> Sequence[Bound]:
        return _reads_of(subject_id, call)

    @override
    def cancel(self, view: View, subject_id: str, ctx: Context) -> Outcome:
        action = _found(view, ctx.call, subject_id)
        if action is None:
            return refused(contract.ASSESSMENT_NOT_FOUND, "assessment.sequence_failed", subject_id)
        if "cancel" not in model.allowed(action.status):
            return _out_of_sequence(action, "cancel")
        changes, entries = _ended(view, ctx, action, "cancel")
        body = Moved(at=ctx.now, action="cancel", to="cancelled")
        return _moved(ctx, action, body, (changes, entries), ("assessment.cancelled", {}))


@handles(ReleaseAssessment, keys=_keys, reads=_reads)
def _release(view: View, command: ReleaseAssessment, ctx: Context) -> Outcome:
    """Let what is held go on."""
    return _decided(view, command, ctx, "release")


@handles(RefuseAssessment, keys=_keys, reads=_reads)
def _refuse(view: View, command: RefuseAssessment, ctx: Context) -> Outcome:
    """Refuse what is held."""
    return _decided(view, command, ctx, "refuse")


def _decided(
    view: View,
    command: ReleaseAssessment | RefuseAssessment,
    ctx: Context,
    move: Literal["release", "refuse"],
) -> Outcome:
    action = _found(view, ctx.call, command.assessment_id)
    if action is None:
        subject = command.assessment_id
        return refused(contract.ASSESSMENT_NOT_FOUND, "assessment.sequence_failed", subject)
    if move not in model.allowed(action.status):
        return _out_of_sequence(action, move)
    ended = _ended(view, ctx, action, move)
    to: ActionStatus = "approved" if move == "release" else "declined"
    kind: Kind = "assessment.released" if move == "release" else "assessment.refused"
    said: tuple[Kind, dict[str, Any]] = (kind, {"has_reason": command.reason is not None})
    return _moved(ctx, action, Moved(at=ctx.now, action=move, to=to), ended, said)


@handles(ExpireAssessment, keys=_keys, reads=_reads)
def _expire(view: View, command: ExpireAssessment, ctx: Context) -> Outcome:
    """Do what an action's timer stands for, if it is due and the action has not moved on."""
    action = _found(view, ctx.call, command.assessment_id)
    if action is None:
        subject = command.assessment_id
        return refused(contract.ASSESSMENT_NOT_FOUND, "assessment.sequence_failed", subject)
    is_due = action.timer_at is not None and action.timer_at <= ctx.now
    if action.version != command.version or not is_due:
        entry = _entry("assessment.timer_stale", action, {"version": command.version})
        return Accepted(reply=ActionReply(action=model.base(action)), entries=(entry,))
    if action.timer_action == "expire":
        ended = _ended(view, ctx, action, "expire")
        body = Moved(at=ctx.now, action="expire", to="expired")
        return _moved(ctx, action, body, ended, ("assessment.expired", {}))
    hold = challenges.active_hold(view, ctx.call, "assessment", action.assessment_id)
    assert hold is not None, "a held action has an active hold"
    changes, entries = _ended(view, ctx, action, "end")
    to = _ENDS[hold.end_action]
    challenge = None
    body = Moved(at=ctx.now, action="end", to=to)
    if to == "challenge_required":
        level, any_of = hold.end_level or 0, hold.end_any_of or ()
        challenge, _, more, told = demanded(ctx, action.assessment_id, level=level, any_of=any_of)
        assert challenge is not None
        changes, entries = (*changes, *more), (*entries, *told)
        body = Moved(
            at=ctx.now,
            action="end",
            to=to,
            level=level,
            challenge_id=challenge.challenge_id,
            ends_at=challenge.expires_at,
        )
    said: tuple[Kind, dict[str, Any]] = ("assessment.hold_ended", {"to": to})
    return _moved(ctx, action, body, (changes, entries), said)


Kind = Literal[
    "assessment.cancelled",
    "assessment.expired",
    "assessment.hold_ended",
    "assessment.refused",
    "assessment.released",
    "assessment.sequence_failed",
    "assessment.timer_stale",
]
Ended = tuple[tuple[Change, ...], tuple[Entry, ...]]


def _ended(view: View, ctx: Context, action: Action, move: model.Move) -> Ended:
    """Return what ends the challenge or hold that an action has open, by what is done."""
    challenge = challenges.open_challenge(view, ctx.call, "assessment", action.assessment_id)
    hold = challenges.active_hold(view, ctx.call, "assessment", action.assessment_id)
    written = []
    if challenge is not None:
        end_challenge = (
            challenges.expire_challenge if move == "expire" else challenges.cancel_challenge
        )
        written.append(end_challenge(ctx, challenge))
    if hold is not None:
        end_hold = {
            "release": challenges.lift_hold,
            "refuse": challenges.decline_hold,
            "end": challenges.end_hold,
        }.get(move, challenges.cancel_hold)
        written.append(end_hold(ctx, hold))
    return tuple(change for change, _ in written), tuple(entry for _, entry in written)


def _moved(
    ctx: Context, before: Action, body: Moved, ended: Ended, said: tuple[Kind, dict[str, Any]]
) -> Accepted:
    """Return a move with its guarded change, its event, its entries and its message."""
    after = model.moved(before, body)
    changes, entries = ended
    kind, fields = said
    event = Event(type=model.MOVED, subject_id=after.assessment_id, occurred_at=ctx.now, body=body)
    return Accepted(
        reply=ActionReply(action=model.base(after)),
        entries=(_entry(kind, after, fields), *entries),
        changes=(Change(bound=store.save_action(after, before=before)), *changes),
        events=(event,),
        messages=(message(after),),
    )


def _entry(
    kind: Kind,
    action: Action,
    fields: dict[str, Any],
    *,
    outcome: Literal["success", "failure"] = "success",
) -> Entry:
    fields = {"event": action.facts.event, **fields}
    return Entry(kind=kind, subject=action.assessment_id, outcome=outcome, fields=fields)


def _out_of_sequence(action: Action, move: model.Move) -> Refused:
    fields = {"action": move, "status": action.status}
    entry = _entry("assessment.sequence_failed", action, fields, outcome="failure")
    return Refused(
        problem=contract.ASSESSMENT_NOT_IN_STATE,
        fields={"status": action.status, "allowed": list(model.allowed(action.status))},
        entries=(entry,),
    )


HANDLERS: Final = (_release, _refuse, _expire)
