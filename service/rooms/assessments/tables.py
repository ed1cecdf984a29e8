"""Tables of assessments and of what exemptions and day limits have used up."""

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
