"""Tables of block, allow and watch lists. They hold no clear contact and no address."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of
from service.unit_of_work.tables import ID

ENTRIES: Final = sa.Table(
    "list_entries",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("entry_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, nullable=False),
    sa.Column("mode", sa.String(8), nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("strength", sa.String(16), nullable=True),
    sa.Column("entity", sa.String(24), nullable=False),
    sa.Column("value", ID, nullable=False),
    sa.Column("prefix", sa.Integer, nullable=True),
    # What a payment's keys are compared with, and for a range of BINs its ends.
    sa.Column("match_key", sa.String(96), nullable=False),
    sa.Column("bin_low", sa.Integer, nullable=True),
    sa.Column("bin_high", sa.Integer, nullable=True),
    sa.Column("reason", sa.String(140), nullable=False),
    sa.Column("owner", ID, nullable=False),
    sa.Column("added_by", ID, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=True),
    sa.ForeignKeyConstraint(
        ["tenant_id", "merchant_id"], ["merchants.tenant_id", "merchants.merchant_id"]
    ),
    one_of("mode", ("live", "sandbox")),
    one_of("kind", ("block", "allow", "watch")),
    one_of("strength", ("absolute", "overridable", "override")),
    sa.CheckConstraint("(kind = 'block') = (strength IS NOT NULL)", name="block"),
    sa.CheckConstraint("(entity = 'bin') = (bin_low IS NOT NULL)", name="low"),
    sa.CheckConstraint("(entity = 'bin') = (bin_high IS NOT NULL)", name="high"),
    sa.CheckConstraint("bin_low <= bin_high", name="range"),
    # A value stands on a list once.
    sa.UniqueConstraint("tenant_id", "merchant_id", "mode", "kind", "entity", "value"),
    # What every judgement asks.
    sa.Index("ix_list_entries_match", "tenant_id", "merchant_id", "mode", "match_key"),
    sa.Index(
        "ix_list_entries_created",
        *("tenant_id", "merchant_id", "mode", "created_at", "entry_id"),
    ),
)
# Which change of a merchant's lists was the last one: what a judgement says that it was made by.
VERSIONS: Final = sa.Table(
    "list_versions",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("version", ID, nullable=False),
    sa.ForeignKeyConstraint(
        ["tenant_id", "merchant_id"], ["merchants.tenant_id", "merchants.merchant_id"]
    ),
    one_of("mode", ("live", "sandbox")),
)
