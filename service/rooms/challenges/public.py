"""What handlers of rooms above may do with challenges and holds. Decides nothing for them."""

from service.rooms.challenges.contract import CHALLENGE_NOT_FOUND, HOLD_NOT_FOUND
from service.rooms.challenges.model import Challenge, Hold, asked, held
from service.rooms.challenges.store import (
    ACTIVE_HOLD,
    CHALLENGE_BY_ID,
    END_HOLD,
    EXPIRE_CHALLENGE,
    HOLD_BY_ID,
    OPEN_CHALLENGE,
    PASS_CHALLENGE,
    challenge_of,
    close_challenge,
    close_hold,
    hold_of,
    insert_challenge,
    insert_hold,
)

__all__ = [
    "ACTIVE_HOLD",
    "CHALLENGE_BY_ID",
    "CHALLENGE_NOT_FOUND",
    "END_HOLD",
    "EXPIRE_CHALLENGE",
    "HOLD_BY_ID",
    "HOLD_NOT_FOUND",
    "OPEN_CHALLENGE",
    "PASS_CHALLENGE",
    "Challenge",
    "Hold",
    "asked",
    "challenge_of",
    "close_challenge",
    "close_hold",
    "held",
    "hold_of",
    "insert_challenge",
    "insert_hold",
]
