"""Tables of challenges and holds: demands for proof, and timed stops. Holds no rule."""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from typing_extensions import override

from service.db.metadata import METADATA, Instant, one_of
from service.unit_of_work.tables import ID

PROOFS_CHARS_MAX: Final = 256
_BETWEEN: Final = ","


class Proofs(sa.types.TypeDecorator[tuple[str, ...]]):
    """Proofs of which one is enough, the first offered first; a proof holds no comma."""

    impl = sa.String(PROOFS_CHARS_MAX)
    cache_ok = True

    @override
    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return None if value is None else _BETWEEN.join(value)

    @override
    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        if value is None:
            return None
        return tuple(value.split(_BETWEEN)) if value else ()


CHALLENGES: Final = sa.Table(
    "challenges",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("challenge_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("subject_kind", sa.String(16), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("level", sa.Integer, nullable=False),
    sa.Column("any_of", Proofs, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=True),
    one_of("mode", ("live", "sandbox")),
    one_of("subject_kind", ("payment", "assessment")),
    one_of("state", ("open", "passed", "failed", "expired", "replaced", "cancelled")),
    sa.CheckConstraint("level BETWEEN 0 AND 4", name="level"),
    sa.CheckConstraint("(state = 'open') = (ended_at IS NULL)", name="ended"),
    # One demand at a time: a second would let the weaker proof win.
    sa.Index(
        "uq_challenges_open",
        *("tenant_id", "subject_kind", "subject_id"),
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
)

HOLDS: Final = sa.Table(
    "holds",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("hold_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("subject_kind", sa.String(16), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("grounds", sa.String(32), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("end_action", sa.String(16), nullable=False),
    # What the challenge at its end asks for; None where its end asks for none.
    sa.Column("end_level", sa.Integer, nullable=True),
    sa.Column("end_any_of", Proofs, nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("ends_at", Instant, nullable=False),
    sa.Column("ended_at", Instant, nullable=True),
    one_of("mode", ("live", "sandbox")),
    one_of("subject_kind", ("payment", "assessment")),
    one_of("state", ("active", "lift_proposed", "lifted", "declined", "cancelled", "ended")),
    one_of("end_action", ("challenge", "decline", "approve")),
    sa.CheckConstraint("end_level BETWEEN 0 AND 4", name="end_level"),
    sa.CheckConstraint(
        "(end_action = 'challenge') = (end_any_of IS NOT NULL AND end_level IS NOT NULL)",
        name="end_challenge",
    ),
    sa.CheckConstraint("(state IN ('active', 'lift_proposed')) = (ended_at IS NULL)", name="ended"),
    sa.Index(
        "uq_holds_active",
        *("tenant_id", "subject_kind", "subject_id"),
        unique=True,
        sqlite_where=sa.text("state IN ('active', 'lift_proposed')"),
        postgresql_where=sa.text("state IN ('active', 'lift_proposed')"),
    ),
)
