"""A challenge and a hold as frozen values, and how their rows change. Pure: no clock, no SQL."""

import datetime as dt

import msgspec

from service.kernel.answers import ChallengeAsked, HoldEnd, HoldSet
from service.rooms.challenges.contract import ChallengeState, HoldState, SubjectKind
from service.unit_of_work.commands import Mode


class Challenge(msgspec.Struct, frozen=True, kw_only=True):
    """A demand for proof bound to one subject.

    Attributes:
        any_of: Proofs, each a factor or several joined by `+`; one of them is enough.
        ended_at: When it left `open`.
    """

    tenant_id: str
    challenge_id: str
    merchant_id: str
    mode: Mode
    subject_kind: SubjectKind
    subject_id: str
    level: int
    any_of: tuple[str, ...]
    state: ChallengeState = "open"
    created_at: dt.datetime
    expires_at: dt.datetime
    ended_at: dt.datetime | None = None


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """A timed stop of one subject.

    Attributes:
        end_action: What its end does, fixed at its start.
        end_level, end_any_of: What the challenge at its end asks for; None where it ends otherwise.
        ended_at: When it left `active` and `lift_proposed`.
    """

    tenant_id: str
    hold_id: str
    merchant_id: str
    mode: Mode
    subject_kind: SubjectKind
    subject_id: str
    grounds: str
    state: HoldState = "active"
    end_action: HoldEnd
    end_level: int | None = None
    end_any_of: tuple[str, ...] | None = None
    created_at: dt.datetime
    ends_at: dt.datetime
    ended_at: dt.datetime | None = None


def asked(challenge: Challenge) -> ChallengeAsked:
    """Return a challenge as answers tell it."""
    return ChallengeAsked(
        id=challenge.challenge_id,
        level=challenge.level,
        any_of=challenge.any_of,
        expires_at=challenge.expires_at,
    )


def held(hold: Hold) -> HoldSet:
    """Return a hold as answers tell it."""
    return HoldSet(id=hold.hold_id, grounds=hold.grounds, end=hold.end_action, ends_at=hold.ends_at)
