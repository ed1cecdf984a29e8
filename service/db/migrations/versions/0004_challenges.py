"""The first tables of challenges."""

import sqlalchemy as sa
from alembic import op

from service.db.metadata import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "challenges",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("challenge_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("any_of", sa.String(length=256), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(state = 'open') = (ended_at IS NULL)", name=op.f("ck_challenges_ended")
        ),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_challenges_mode")),
        sa.CheckConstraint(
            "state IN ('open', 'passed', 'failed', 'expired', 'replaced', 'cancelled')",
            name=op.f("ck_challenges_state"),
        ),
        sa.CheckConstraint(
            "subject_kind IN ('payment', 'assessment')", name=op.f("ck_challenges_subject_kind")
        ),
        sa.CheckConstraint("level BETWEEN 0 AND 4", name=op.f("ck_challenges_level")),
        sa.PrimaryKeyConstraint("tenant_id", "challenge_id", name=op.f("pk_challenges")),
    )
    op.create_index(
        "uq_challenges_open",
        "challenges",
        ["tenant_id", "subject_kind", "subject_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "holds",
        sa.Column("tenant_id", sa.String(length=64), nullable=False),
        sa.Column("hold_id", sa.String(length=64), nullable=False),
        sa.Column("merchant_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("subject_kind", sa.String(length=16), nullable=False),
        sa.Column("subject_id", sa.String(length=64), nullable=False),
        sa.Column("grounds", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("end_action", sa.String(length=16), nullable=False),
        sa.Column("end_level", sa.Integer(), nullable=True),
        sa.Column("end_any_of", sa.String(length=256), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("ends_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.CheckConstraint(
            "(end_action = 'challenge') = (end_any_of IS NOT NULL AND end_level IS NOT NULL)",
            name=op.f("ck_holds_end_challenge"),
        ),
        sa.CheckConstraint(
            "(state IN ('active', 'lift_proposed')) = (ended_at IS NULL)",
            name=op.f("ck_holds_ended"),
        ),
        sa.CheckConstraint(
            "end_action IN ('challenge', 'decline', 'approve')", name=op.f("ck_holds_end_action")
        ),
        sa.CheckConstraint("mode IN ('live', 'sandbox')", name=op.f("ck_holds_mode")),
        sa.CheckConstraint(
            "state IN ('active', 'lift_proposed', 'lifted', 'declined', 'cancelled', 'ended')",
            name=op.f("ck_holds_state"),
        ),
        sa.CheckConstraint(
            "subject_kind IN ('payment', 'assessment')", name=op.f("ck_holds_subject_kind")
        ),
        sa.CheckConstraint("end_level BETWEEN 0 AND 4", name=op.f("ck_holds_end_level")),
        sa.PrimaryKeyConstraint("tenant_id", "hold_id", name=op.f("pk_holds")),
    )
    op.create_index(
        "uq_holds_active",
        "holds",
        ["tenant_id", "subject_kind", "subject_id"],
        unique=True,
        sqlite_where=sa.text("state IN ('active', 'lift_proposed')"),
        postgresql_where=sa.text("state IN ('active', 'lift_proposed')"),
    )


def downgrade() -> None:
    op.drop_index(
        "uq_holds_active",
        table_name="holds",
        sqlite_where=sa.text("state IN ('active', 'lift_proposed')"),
        postgresql_where=sa.text("state IN ('active', 'lift_proposed')"),
    )
    op.drop_table("holds")
    op.drop_index(
        "uq_challenges_open",
        table_name="challenges",
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.drop_table("challenges")
