"""What a stored assessment looks like to others. Commands come with the rooms that ask for one."""

from typing import Any, Final

import msgspec

AUDIT_KINDS: Final[dict[str, str]] = {
    "payment.assessed": (
        "A payment was judged at a stage; the fields hold the outcome and commitments to the"
        " inputs and the feature vector."
    ),
}


class AssessmentSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """An assessment as replies and answers are made from it: codes and slots, no prose.

    Attributes:
        id: `asm_...`.
        made_at: RFC 3339 with microseconds, the writer's clock.
        judged: The assessment itself, as risk returned it.
    """

    id: str
    made_at: str
    judged: dict[str, Any]
