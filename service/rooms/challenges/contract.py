"""What may be asked of challenges and holds. Plain values; no proof and no secret passes here."""

from typing import ClassVar, Final, Literal

import msgspec

from service.kernel.answers import ChallengeAsked, HoldSet, Shape
from service.kernel.errors import Problem
from service.unit_of_work.commands import Command

ChallengeState = Literal["open", "passed", "failed", "expired", "replaced", "cancelled"]
HoldState = Literal["active", "lift_proposed", "lifted", "declined", "cancelled", "ended"]
SubjectKind = Literal["payment", "assessment"]

CHALLENGE_NOT_FOUND: Final = Problem("challenge_not_found", 404)
HOLD_NOT_FOUND: Final = Problem("hold_not_found", 404)
CHALLENGE_CLOSED: Final = Problem("challenge_closed", 409)
HOLD_CLOSED: Final = Problem("hold_closed", 409)

AUDIT_KINDS: Final[dict[str, str]] = {
    "challenge.created": "A demand for proof was made.",
    "challenge.expired": "A demand for proof ran out unmet.",
    "challenge.cancelled": "A demand for proof was cancelled with its subject.",
    "challenge.sequence_failed": "A demand for proof was to be ended that had ended, or is none.",
    "hold.created": "A timed stop was set, with grounds and an end.",
    "hold.ended": "A timed stop came to its end; the fields say what its end did.",
    "hold.lifted": "A timed stop was lifted: its subject goes on.",
    "hold.declined": "A timed stop was ended by a refusal of its subject.",
    "hold.cancelled": "A timed stop was cancelled with its subject.",
    "hold.sequence_failed": "A timed stop was to be ended that had ended, or is none.",
}


class SubjectNamed(Shape, frozen=True, kw_only=True):
    """What a challenge or hold is about."""

    kind: SubjectKind
    id: str


class ChallengeDetail(ChallengeAsked, frozen=True, kw_only=True):
    """A demand for proof as it stands."""

    subject: SubjectNamed
    state: ChallengeState


class HoldDetail(HoldSet, frozen=True, kw_only=True):
    """A timed stop as it stands."""

    subject: SubjectNamed
    state: HoldState


class ChallengeEnded(Shape, frozen=True, kw_only=True):
    """A challenge that was cancelled, and nothing about why it was there."""

    id: str
    state: ChallengeState


class HoldEnded(Shape, frozen=True, kw_only=True):
    """A hold that was cancelled, and nothing about why it was there."""

    id: str
    state: HoldState


class EndRequest(Shape, frozen=True, kw_only=True):
    """Nothing to say: the payer does not want it any more."""


class CancelChallenge(Command, frozen=True, kw_only=True):
    """Cancel an open challenge and what it is about.

    Attributes:
        challenge_id: The challenge.
        subject_kind: What it is about, as the front end read it; checked against the row.
        subject_id: The same.
    """

    gives: ClassVar[type[msgspec.Struct]] = ChallengeEnded

    challenge_id: str
    subject_kind: SubjectKind
    subject_id: str


class CancelHold(Command, frozen=True, kw_only=True):
    """Cancel an active hold and what it holds; the fields are those of CancelChallenge."""

    gives: ClassVar[type[msgspec.Struct]] = HoldEnded

    hold_id: str
    subject_kind: SubjectKind
    subject_id: str
