"""The table of signing keys. Private halves lie in it sealed only."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

SIGNING_KEYS: Final = sa.Table(
    "signing_keys",
    METADATA,
    # The house's own, so that the table is keyed like every other.
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("kid", ID, primary_key=True),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("state", sa.String(8), nullable=False),
    sa.Column("public_key", sa.String(512), nullable=False),
    sa.Column("sealed_private", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    one_of("purpose", ("payment_token",)),
    one_of("state", ("active", "retired")),
    # One key signs for a purpose: whoever comes second, its insert fails.
    sa.Index(
        "uq_signing_keys_active",
        "tenant_id",
        "purpose",
        unique=True,
        sqlite_where=sa.text("state = 'active'"),
        postgresql_where=sa.text("state = 'active'"),
    ),
)
