"""Writes of challenges and holds, each guarded, and the reads that commands declare."""

import datetime as dt
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.rooms.challenges.model import Challenge, Hold
from service.rooms.challenges.tables import CHALLENGES, HOLDS

INSERT_CHALLENGE: Final = Statement(sa.insert(CHALLENGES), rows=1, name="insert challenge")
# Failed, replaced and cancelled may come at any time; passed and expired carry the time limit.
CLOSE_CHALLENGE: Final = Statement(
    sa.update(CHALLENGES)
    .where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.challenge_id == sa.bindparam("challenge_id"),
        CHALLENGES.c.state == "open",
    )
    .values(state=sa.bindparam("to"), ended_at=sa.bindparam("now")),
    rows=1,
    name="close challenge",
)
PASS_CHALLENGE: Final = Statement(
    sa.update(CHALLENGES)
    .where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.challenge_id == sa.bindparam("challenge_id"),
        CHALLENGES.c.state == "open",
        CHALLENGES.c.expires_at > sa.bindparam("now"),
    )
    .values(state="passed", ended_at=sa.bindparam("now")),
    rows=1,
    name="pass challenge",
)
EXPIRE_CHALLENGE: Final = Statement(
    sa.update(CHALLENGES)
    .where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.challenge_id == sa.bindparam("challenge_id"),
        CHALLENGES.c.state == "open",
        CHALLENGES.c.expires_at <= sa.bindparam("now"),
    )
    .values(state="expired", ended_at=sa.bindparam("now")),
    rows=1,
    name="expire challenge",
)
CHALLENGE_BY_ID: Final = Statement(
    sa.select(CHALLENGES).where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.merchant_id == sa.bindparam("merchant_id"),
        CHALLENGES.c.mode == sa.bindparam("mode"),
        CHALLENGES.c.challenge_id == sa.bindparam("challenge_id"),
    ),
    name="challenge",
)
OPEN_CHALLENGE: Final = Statement(
    sa.select(CHALLENGES).where(
        CHALLENGES.c.tenant_id == sa.bindparam("tenant_id"),
        CHALLENGES.c.subject_kind == sa.bindparam("subject_kind"),
        CHALLENGES.c.subject_id == sa.bindparam("subject_id"),
        CHALLENGES.c.state == "open",
    ),
    name="open challenge of a subject",
)

# Spelled out: an IN of Core is expanded per call, and our statements are compiled once.
_STANDS: Final = sa.or_(HOLDS.c.state == "active", HOLDS.c.state == "lift_proposed")

INSERT_HOLD: Final = Statement(sa.insert(HOLDS), rows=1, name="insert hold")
CLOSE_HOLD: Final = Statement(
    sa.update(HOLDS)
    .where(
        HOLDS.c.tenant_id == sa.bindparam("tenant_id"),
        HOLDS.c.hold_id == sa.bindparam("hold_id"),
        _STANDS,
    )
    .values(state=sa.bindparam("to"), ended_at=sa.bindparam("now")),
    rows=1,
    name="close hold",
)
END_HOLD: Final = Statement(
    sa.update(HOLDS)
    .where(
        HOLDS.c.tenant_id == sa.bindparam("tenant_id"),
        HOLDS.c.hold_id == sa.bindparam("hold_id"),
        _STANDS,
        HOLDS.c.ends_at <= sa.bindparam("now"),
    )
    .values(state="ended", ended_at=sa.bindparam("now")),
    rows=1,
    name="end hold",
)
HOLD_BY_ID: Final = Statement(
    sa.select(HOLDS).where(
        HOLDS.c.tenant_id == sa.bindparam("tenant_id"),
        HOLDS.c.merchant_id == sa.bindparam("merchant_id"),
        HOLDS.c.mode == sa.bindparam("mode"),
        HOLDS.c.hold_id == sa.bindparam("hold_id"),
    ),
    name="hold",
)
ACTIVE_HOLD: Final = Statement(
    sa.select(HOLDS).where(
        HOLDS.c.tenant_id == sa.bindparam("tenant_id"),
        HOLDS.c.subject_kind == sa.bindparam("subject_kind"),
        HOLDS.c.subject_id == sa.bindparam("subject_id"),
        _STANDS,
    ),
    name="active hold of a subject",
)


def insert_challenge(challenge: Challenge) -> Bound:
    """Return the change that stores a new challenge."""
    return INSERT_CHALLENGE(**msgspec.structs.asdict(challenge))


def challenge_of(row: Row) -> Challenge:
    """Return a row as its challenge."""
    return Challenge(**row)


def close_challenge(
    challenge_id: str,
    *,
    tenant_id: str,
    to: Literal["failed", "replaced", "cancelled"],
    now: dt.datetime,
) -> Bound:
    """Return the change that ends an open challenge, whatever its time."""
    return CLOSE_CHALLENGE(tenant_id=tenant_id, challenge_id=challenge_id, to=to, now=now)


def insert_hold(hold: Hold) -> Bound:
    """Return the change that stores a new hold."""
    return INSERT_HOLD(**msgspec.structs.asdict(hold))


def hold_of(row: Row) -> Hold:
    """Return a row as its hold."""
    return Hold(**row)


def close_hold(
    hold_id: str,
    *,
    tenant_id: str,
    to: Literal["lifted", "declined", "cancelled"],
    now: dt.datetime,
) -> Bound:
    """Return the change that ends an active hold before its time."""
    return CLOSE_HOLD(tenant_id=tenant_id, hold_id=hold_id, to=to, now=now)
