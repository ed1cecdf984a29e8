"""What may be asked of challenges and holds. Plain values; no proof and no secret passes here."""

from typing import Final, Literal

from service.kernel.errors import Problem

ChallengeState = Literal["open", "passed", "failed", "expired", "replaced", "cancelled"]
HoldState = Literal["active", "lift_proposed", "lifted", "declined", "cancelled", "ended"]
SubjectKind = Literal["payment", "assessment"]

CHALLENGE_NOT_FOUND: Final = Problem("challenge_not_found", 404)
HOLD_NOT_FOUND: Final = Problem("hold_not_found", 404)

AUDIT_KINDS: Final[dict[str, str]] = {
    "challenge.created": "A demand for proof was made.",
    "challenge.expired": "A demand for proof ran out unmet.",
    "challenge.cancelled": "A demand for proof was cancelled with its subject.",
    "hold.created": "A timed stop was set, with grounds and an end.",
    "hold.ended": "A timed stop came to its end; the fields say what its end did.",
    "hold.cancelled": "A timed stop was cancelled with its subject.",
}
