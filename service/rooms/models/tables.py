"""The tables of models and of the parts of their files. Rows change only to be healed."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

MODELS: Final = sa.Table(
    "models",
    METADATA,
    # The house's own, so that the table is keyed like every other.
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("sha256", ID, primary_key=True),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("feature_set", ID, nullable=False),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    # Digests of the file's parts, in their order, as JSON.
    sa.Column("parts", sa.LargeBinary, nullable=False),
    sa.Column("manifest", sa.LargeBinary, nullable=False),
    sa.Column("note", sa.String(1_024), nullable=False),
    sa.Column("added_by", ID, nullable=False),
    sa.Column("added_at", Instant, nullable=False),
    one_of("origin", ("trained", "simulated")),
    sa.CheckConstraint("size_bytes > 0", name="size"),
    sa.Index("ix_models_added_at", "tenant_id", "added_at", "sha256"),
)
MODEL_PARTS: Final = sa.Table(
    "model_parts",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("sha256", ID, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
)
# One row each time that the scorer of the strategy in force came or went; the newest holds.
SCORERS: Final = sa.Table(
    "scorers",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("model", sa.String(80), nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("why", sa.String(32), nullable=True),
    sa.Column("noted_at", Instant, nullable=False),
    one_of("state", ("none", "ready", "down")),
)
