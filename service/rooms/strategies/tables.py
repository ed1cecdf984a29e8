"""The table of strategies in force, one row each time that another one decides. Never updated."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

STRATEGIES: Final = sa.Table(
    "strategies",
    METADATA,
    # The house's own, so that the table is keyed like every other.
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("strategy_id", ID, nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("how", sa.String(16), nullable=False),
    sa.Column("back_to", sa.Integer, nullable=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.String(1_024), nullable=False),
    sa.Column("activated_by", ID, nullable=False),
    sa.Column("activated_at", Instant, nullable=False),
    one_of("origin", ("packaged", "hand")),
    one_of("how", ("start", "activated", "back")),
    sa.CheckConstraint("back_to < number", name="back"),
    sa.Index("ix_strategies_id", "tenant_id", "strategy_id", "number"),
)
