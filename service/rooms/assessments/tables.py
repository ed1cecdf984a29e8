"""Tables of assessments, of actions judged by themselves, and of what limits have used up."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

ASSESSMENTS: Final = sa.Table(
    "assessments",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("assessment_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("stage", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("strategy_id", ID, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("schema", sa.Integer, nullable=False),
    # The assessment, and the canonical inputs it was made from: what a receipt commits to.
    sa.Column("judged", sa.LargeBinary, nullable=False),
    sa.Column("inputs", sa.LargeBinary, nullable=False),
    sa.Column("features", sa.LargeBinary, nullable=False),  # sealed
    sa.Column("salt", sa.LargeBinary(32), nullable=False),
    one_of("mode", ("live", "sandbox")),
    one_of("stage", ("account", "pre_payment", "in_flight", "post_payment", "payout")),
    one_of("outcome", ("approve", "challenge", "review", "hold", "decline")),
    sa.Index("ix_assessments_subject_id", "tenant_id", "subject_id"),
)

# Judgements that would have been others with a score: made again, once, when it is back.
AGAIN: Final = sa.Table(
    "assessments_again",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("assessment_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("subject_id", ID, nullable=False),
    sa.Column("judged_at", Instant, nullable=False),
    sa.Column("done_at", Instant, nullable=True),
    one_of("mode", ("live", "sandbox")),
    sa.Index(
        "ix_assessments_again_open",
        "judged_at",
        sqlite_where=sa.text("done_at IS NULL"),
        postgresql_where=sa.text("done_at IS NULL"),
    ),
)

EXEMPTION_COUNTERS: Final = sa.Table(
    "exemption_counters",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("scope", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(96), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    one_of("scope", ("payer", "instrument", "device")),
    sa.CheckConstraint("count >= 0", name="count"),
    sa.CheckConstraint("amount_minor >= 0", name="amount_minor"),
)

DAY_SUMS: Final = sa.Table(
    "day_sums",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("payer_key", sa.String(96), primary_key=True),
    # A date of the preset's own day, such as 2026-11-24.
    sa.Column("day", sa.String(10), primary_key=True),
    sa.Column("currency", sa.String(3), primary_key=True),
    # `level_1`: approved with level 1 or less; `level_2`: with level 2; `static_qr`.
    sa.Column("limit_code", sa.String(16), primary_key=True),
    sa.Column("amount_minor", sa.BigInteger, nullable=False),
    one_of("limit_code", ("level_1", "level_2", "static_qr")),
    sa.CheckConstraint("amount_minor >= 0", name="amount_minor"),
)

# A login, sign-up, account change, new payee or payout, folded from its events.
ACTIONS: Final = sa.Table(
    "assessed_actions",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("assessment_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("event", sa.String(16), nullable=False),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("reason_code", sa.String(64), nullable=False),
    sa.Column("level", sa.Integer, nullable=True),
    sa.Column("payer_key", ID, nullable=False),
    sa.Column("payer_id", ID, nullable=True),
    sa.Column("challenge_id", ID, nullable=True),
    sa.Column("hold_id", ID, nullable=True),
    sa.Column("timer_at", Instant, nullable=True),
    sa.Column("timer_action", sa.String(16), nullable=True),
    # When a change of a credential took effect; what comes soon after it is judged more strictly.
    sa.Column("credentials_changed_at", Instant, nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("facts", sa.LargeBinary, nullable=False),
    sa.ForeignKeyConstraint(
        ("tenant_id", "assessment_id"), ("assessments.tenant_id", "assessments.assessment_id")
    ),
    one_of("mode", ("live", "sandbox")),
    one_of("event", ("login", "sign_up", "account_change", "new_payee", "payout")),
    one_of(
        "status",
        ("approved", "challenge_required", "held", "declined", "cancelled", "expired"),
    ),
    one_of("outcome", ("approve", "challenge", "review", "hold", "decline")),
    one_of("timer_action", ("expire", "end")),
    sa.CheckConstraint("version >= 1", name="version"),
    sa.CheckConstraint(
        "(status = 'challenge_required') = (challenge_id IS NOT NULL)", name="challenge"
    ),
    sa.CheckConstraint("(status = 'held') = (hold_id IS NOT NULL)", name="hold"),
    sa.CheckConstraint(
        "(status IN ('challenge_required', 'held'))"
        " = (timer_at IS NOT NULL AND timer_action IS NOT NULL)",
        name="timer",
    ),
    sa.CheckConstraint(
        "credentials_changed_at IS NULL OR (status = 'approved' AND event = 'account_change')",
        name="credentials",
    ),
    # One index a filter of the list, each in the list's order.
    sa.Index(
        "ix_assessed_actions_created",
        *("tenant_id", "merchant_id", "mode", "created_at", "assessment_id"),
    ),
    sa.Index(
        "ix_assessed_actions_status",
        *("tenant_id", "merchant_id", "mode", "status", "created_at", "assessment_id"),
    ),
    sa.Index(
        "ix_assessed_actions_event",
        *("tenant_id", "merchant_id", "mode", "event", "created_at", "assessment_id"),
    ),
    sa.Index(
        "ix_assessed_actions_payer",
        *("tenant_id", "merchant_id", "mode", "payer_id", "created_at", "assessment_id"),
    ),
    sa.Index(
        "ix_assessed_actions_changed",
        *("tenant_id", "merchant_id", "mode", "payer_key", "credentials_changed_at"),
        sqlite_where=sa.text("credentials_changed_at IS NOT NULL"),
        postgresql_where=sa.text("credentials_changed_at IS NOT NULL"),
    ),
    sa.Index(
        "ix_assessed_actions_timer",
        "timer_at",
        sqlite_where=sa.text("timer_at IS NOT NULL"),
        postgresql_where=sa.text("timer_at IS NOT NULL"),
    ),
)
