"""Tables of payers and of what each is linked with. Hold no name and no contact."""

from typing import Final

import sqlalchemy as sa

from service.db.metadata import METADATA, Instant, one_of

ID = sa.String(64)

PAYERS: Final = sa.Table(
    "payers",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("payer_id", ID, primary_key=True),
    sa.Column("small_consent_at", Instant, nullable=True),
    sa.Column("small_consent_withdrawn_at", Instant, nullable=True),
    sa.Column("is_protected", sa.Boolean, nullable=False),
    sa.Column("is_protected_small_allowed", sa.Boolean, nullable=False),
    sa.Column("account_created_at", Instant, nullable=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    one_of("mode", ("live", "sandbox")),
    sa.CheckConstraint(
        "small_consent_withdrawn_at IS NULL OR small_consent_at IS NOT NULL",
        name="small_consent",
    ),
    sa.CheckConstraint("version >= 1", name="version"),
)

# A payer who was never registered has links all the same: no foreign key.
PAYER_LINKS: Final = sa.Table(
    "payer_links",
    METADATA,
    sa.Column("tenant_id", ID, primary_key=True),
    sa.Column("merchant_id", ID, primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("payer_id", ID, primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("key", ID, primary_key=True),
    sa.Column("first_paid_at", Instant, nullable=True),
    sa.Column("asserted_since", Instant, nullable=True),
    sa.Column("proved_at", Instant, nullable=True),
    sa.Column("fraud_at", Instant, nullable=True),
    one_of("mode", ("live", "sandbox")),
    one_of("kind", ("device", "payee", "instrument")),
)
