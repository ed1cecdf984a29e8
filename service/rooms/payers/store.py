"""Writes of payers and their links, and the reads that commands declare. Decides nothing."""

from typing import Any, Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import Statement
from service.rooms.payers.tables import PAYER_LINKS, PAYERS

PAYER_BY_ID: Final = Statement(
    sa.select(PAYERS).where(
        PAYERS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYERS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYERS.c.mode == sa.bindparam("mode"),
        PAYERS.c.payer_id == sa.bindparam("payer_id"),
    ),
    name="payer",
)


def _link(kind: str, key: str) -> sa.Select[Any]:
    return sa.select(
        PAYER_LINKS.c.kind,
        PAYER_LINKS.c.key,
        PAYER_LINKS.c.first_paid_at,
        PAYER_LINKS.c.asserted_since,
        PAYER_LINKS.c.proved_at,
        PAYER_LINKS.c.fraud_at,
    ).where(
        PAYER_LINKS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYER_LINKS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYER_LINKS.c.mode == sa.bindparam("mode"),
        PAYER_LINKS.c.payer_id == sa.bindparam("payer_id"),
        PAYER_LINKS.c.kind == kind,
        PAYER_LINKS.c.key == sa.bindparam(key),
    )


# One statement for both kinds, each a look at one place of the index; NULL finds nothing.
LINKS_OF: Final = Statement(
    sa.union_all(_link("payee", "payee_id"), _link("device", "device_id")), name="payer links"
)

INSERT_PAYER: Final = Statement(sa.insert(PAYERS), rows=1, name="insert payer")
UPDATE_PAYER: Final = Statement(
    sa.update(PAYERS)
    .where(
        PAYERS.c.tenant_id == sa.bindparam("of_tenant"),
        PAYERS.c.merchant_id == sa.bindparam("of_merchant"),
        PAYERS.c.mode == sa.bindparam("of_mode"),
        PAYERS.c.payer_id == sa.bindparam("of_payer"),
        PAYERS.c.version == sa.bindparam("of_version"),
    )
    .values(
        small_consent_at=sa.bindparam("small_consent_at"),
        small_consent_withdrawn_at=sa.bindparam("small_consent_withdrawn_at"),
        is_protected=sa.bindparam("is_protected"),
        is_protected_small_allowed=sa.bindparam("is_protected_small_allowed"),
        account_created_at=sa.bindparam("account_created_at"),
        updated_at=sa.bindparam("updated_at"),
        version=PAYERS.c.version + 1,
    ),
    rows=1,
    name="update payer",
)
# Both stores speak this dialect of INSERT; SQLAlchemy has it once for each.
ASSERT_LINK: Final = Statement(
    sa.text(
        "INSERT INTO payer_links"
        " (tenant_id, merchant_id, mode, payer_id, kind, key, asserted_since) VALUES"
        " (:tenant_id, :merchant_id, :mode, :payer_id, :kind, :key, :asserted_since)"
        " ON CONFLICT (tenant_id, merchant_id, mode, payer_id, kind, key)"
        " DO UPDATE SET asserted_since = excluded.asserted_since"
    ).bindparams(sa.bindparam("asserted_since", type_=Instant())),
    rows=1,
    name="assert payer link",
)
# The first time counts, for payment and proof alike.
RECORD_LINK: Final = Statement(
    sa.text(
        "INSERT INTO payer_links"
        " (tenant_id, merchant_id, mode, payer_id, kind, key, first_paid_at, proved_at) VALUES"
        " (:tenant_id, :merchant_id, :mode, :payer_id, :kind, :key, :first_paid_at, :proved_at)"
        " ON CONFLICT (tenant_id, merchant_id, mode, payer_id, kind, key) DO UPDATE SET"
        " first_paid_at = COALESCE(payer_links.first_paid_at, excluded.first_paid_at),"
        " proved_at = COALESCE(payer_links.proved_at, excluded.proved_at)"
    ).bindparams(
        sa.bindparam("first_paid_at", type_=Instant()),
        sa.bindparam("proved_at", type_=Instant()),
    ),
    rows=1,
    name="record payer link",
)
# A payment that was fraud may never have been executed: then this is the link's first row.
RECORD_FRAUD: Final = Statement(
    sa.text(
        "INSERT INTO payer_links (tenant_id, merchant_id, mode, payer_id, kind, key, fraud_at)"
        " VALUES (:tenant_id, :merchant_id, :mode, :payer_id, :kind, :key, :fraud_at)"
        " ON CONFLICT (tenant_id, merchant_id, mode, payer_id, kind, key) DO UPDATE SET"
        " fraud_at = COALESCE(payer_links.fraud_at, excluded.fraud_at)"
    ).bindparams(sa.bindparam("fraud_at", type_=Instant())),
    rows=1,
    name="record fraud of payer link",
)
