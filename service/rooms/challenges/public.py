"""What rooms above ask of this one: to demand proof, to set a stop, to end either."""

import datetime as dt
from collections.abc import Sequence
from typing import Literal, Protocol

from service.db.statements import Bound
from service.kernel.answers import HoldEnd
from service.rooms.challenges import store
from service.rooms.challenges.contract import SubjectKind
from service.rooms.challenges.model import Challenge, Hold, asked, held
from service.unit_of_work.commands import Call
from service.unit_of_work.handlers import Context, View
from service.unit_of_work.outcome import Change, Entry, Outcome

__all__ = [
    "Challenge",
    "Hold",
    "Subject",
    "active_hold",
    "active_hold_read",
    "asked",
    "cancel_challenge",
    "cancel_hold",
    "decline_hold",
    "demand",
    "end_hold",
    "expire_challenge",
    "held",
    "lift_hold",
    "open_challenge",
    "open_challenge_read",
    "stop",
]


class Subject(Protocol):
    """What a challenge or hold is about; the room above that owns it registers itself."""

    def key(self, subject_id: str) -> str:
        """Return its batch key."""
        ...

    def reads(self, subject_id: str, call: Call) -> Sequence[Bound]:
        """Return the reads that `cancel` needs."""
        ...

    def cancel(self, view: View, subject_id: str, ctx: Context) -> Outcome:
        """Return what cancelling it commits, its challenge and hold included."""
        ...


def open_challenge_read(call: Call, kind: SubjectKind, subject_id: str) -> Bound:
    """Return the read to declare for `open_challenge`."""
    return store.OPEN_CHALLENGE(tenant_id=call.tenant_id, subject_kind=kind, subject_id=subject_id)


def open_challenge(view: View, call: Call, kind: SubjectKind, subject_id: str) -> Challenge | None:
    """Return a subject's open challenge, or None."""
    row = view.maybe(open_challenge_read(call, kind, subject_id))
    return None if row is None else store.challenge_of(row)


def active_hold_read(call: Call, kind: SubjectKind, subject_id: str) -> Bound:
    """Return the read to declare for `active_hold`."""
    return store.ACTIVE_HOLD(tenant_id=call.tenant_id, subject_kind=kind, subject_id=subject_id)


def active_hold(view: View, call: Call, kind: SubjectKind, subject_id: str) -> Hold | None:
    """Return a subject's active hold, or None."""
    row = view.maybe(active_hold_read(call, kind, subject_id))
    return None if row is None else store.hold_of(row)


def demand(
    ctx: Context,
    subject: tuple[SubjectKind, str],
    *,
    level: int,
    any_of: tuple[str, ...],
    lasts: dt.timedelta,
) -> tuple[Challenge, Change, Entry]:
    """Return a new challenge, the change that stores it, and its entry."""
    kind, subject_id = subject
    challenge = Challenge(
        tenant_id=ctx.call.tenant_id,
        challenge_id=ctx.new_id("chl"),
        merchant_id=ctx.call.merchant_id,
        mode=ctx.call.mode,
        subject_kind=kind,
        subject_id=subject_id,
        level=level,
        any_of=any_of,
        created_at=ctx.now,
        expires_at=ctx.now + lasts,
    )
    entry = Entry(
        kind="challenge.created",
        subject=challenge.challenge_id,
        payment=subject_id if kind == "payment" else None,
        fields={"level": level, "any_of": list(any_of)},
    )
    return challenge, Change(bound=store.insert_challenge(challenge)), entry


def stop(
    ctx: Context,
    subject: tuple[SubjectKind, str],
    *,
    grounds: str,
    end: HoldEnd,
    lasts: dt.timedelta,
    asks: tuple[int, tuple[str, ...]] | None,
) -> tuple[Hold, Change, Entry]:
    """Return a new hold, the change that stores it, and its entry.

    Args:
        ctx: Time, ids, caller.
        subject: Kind and id of what is held.
        grounds: Why.
        end: What its end does.
        lasts: How long it lasts.
        asks: Level and proofs of the challenge at its end; None where its end asks for none.
    """
    kind, subject_id = subject
    level, any_of = asks if asks is not None else (None, None)
    hold = Hold(
        tenant_id=ctx.call.tenant_id,
        hold_id=ctx.new_id("hld"),
        merchant_id=ctx.call.merchant_id,
        mode=ctx.call.mode,
        subject_kind=kind,
        subject_id=subject_id,
        grounds=grounds,
        end_action=end,
        end_level=level,
        end_any_of=any_of,
        created_at=ctx.now,
        ends_at=ctx.now + lasts,
    )
    entry = Entry(
        kind="hold.created",
        subject=hold.hold_id,
        payment=subject_id if kind == "payment" else None,
        fields={"grounds": grounds, "end": end},
    )
    return hold, Change(bound=store.insert_hold(hold)), entry


def cancel_challenge(ctx: Context, challenge: Challenge) -> tuple[Change, Entry]:
    """Return what cancels an open challenge."""
    bound = store.close_challenge(
        challenge.challenge_id, tenant_id=challenge.tenant_id, to="cancelled", now=ctx.now
    )
    return Change(bound=bound), _ended("challenge.cancelled", challenge.challenge_id, challenge)


def expire_challenge(ctx: Context, challenge: Challenge) -> tuple[Change, Entry]:
    """Return what lets an open challenge run out; its own time guards it."""
    bound = store.EXPIRE_CHALLENGE(
        tenant_id=challenge.tenant_id, challenge_id=challenge.challenge_id, now=ctx.now
    )
    return Change(bound=bound), _ended("challenge.expired", challenge.challenge_id, challenge)


def cancel_hold(ctx: Context, hold: Hold) -> tuple[Change, Entry]:
    """Return what cancels an active hold."""
    bound = store.close_hold(hold.hold_id, tenant_id=hold.tenant_id, to="cancelled", now=ctx.now)
    return Change(bound=bound), _ended("hold.cancelled", hold.hold_id, hold)


def lift_hold(ctx: Context, hold: Hold) -> tuple[Change, Entry]:
    """Return what lifts an active hold."""
    bound = store.close_hold(hold.hold_id, tenant_id=hold.tenant_id, to="lifted", now=ctx.now)
    return Change(bound=bound), _ended("hold.lifted", hold.hold_id, hold)


def decline_hold(ctx: Context, hold: Hold) -> tuple[Change, Entry]:
    """Return what ends an active hold by a refusal."""
    bound = store.close_hold(hold.hold_id, tenant_id=hold.tenant_id, to="declined", now=ctx.now)
    return Change(bound=bound), _ended("hold.declined", hold.hold_id, hold)


def end_hold(ctx: Context, hold: Hold) -> tuple[Change, Entry]:
    """Return what brings an active hold to its end; its own time guards it."""
    bound = store.END_HOLD(tenant_id=hold.tenant_id, hold_id=hold.hold_id, now=ctx.now)
    return Change(bound=bound), _ended("hold.ended", hold.hold_id, hold)


def _ended(
    kind: Literal[
        "challenge.cancelled",
        "challenge.expired",
        "hold.cancelled",
        "hold.declined",
        "hold.ended",
        "hold.lifted",
    ],
    ended_id: str,
    of: Challenge | Hold,
) -> Entry:
    fields = {"end": of.end_action} if isinstance(of, Hold) else {"level": of.level}
    payment = of.subject_id if of.subject_kind == "payment" else None
    return Entry(kind=kind, subject=ended_id, payment=payment, fields=fields)
