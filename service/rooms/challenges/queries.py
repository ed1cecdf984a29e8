"""Front ends' reads of challenges and holds: one by its id, for the merchant it belongs to."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Row, Statement
from service.kernel.answers import ChallengeAsked, HoldSet
from service.rooms.challenges.tables import CHALLENGES, HOLDS

CHALLENGE: Final = Statement(
    sa.select(CHALLENGES).where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.merchant_id == sa.bindparam("merchant_id"),
        CHALLENGES.c.mode == sa.bindparam("mode"),
        CHALLENGES.c.challenge_id == sa.bindparam("challenge_id"),
    ),
    name="read challenge",
)
HOLD: Final = Statement(
    sa.select(HOLDS).where(
        HOLDS.c.tenant_id == sa.bindparam("tenant_id"),
        HOLDS.c.merchant_id == sa.bindparam("merchant_id"),
        HOLDS.c.mode == sa.bindparam("mode"),
        HOLDS.c.hold_id == sa.bindparam("hold_id"),
    ),
    name="read hold",
)


def asked(row: Row) -> ChallengeAsked:
    """Return a row of CHALLENGE as answers tell it."""
    return ChallengeAsked(
        id=row["challenge_id"],
        level=row["level"],
        any_of=row["any_of"],
        expires_at=row["expires_at"],
    )


def held(row: Row) -> HoldSet:
    """Return a row of HOLD as answers tell it."""
    return HoldSet(
        id=row["hold_id"],
        grounds=row["grounds"],
        end=row["end_action"],
        ends_at=row["ends_at"],
    )
