"""Writes of merchants and keys, and the reads that commands declare. Decides nothing."""

from typing import Final

import sqlalchemy as sa

from service.db.statements import Statement
from service.rooms.merchants.contract import KEYS_ACTIVE_MAX
from service.rooms.merchants.tables import API_KEYS, MERCHANTS, TENANTS

TENANT_BY_ID: Final = Statement(
    sa.select(TENANTS.c.tenant_id, TENANTS.c.shard).where(
        TENANTS.c.tenant_id == sa.bindparam("tenant_id")
    ),
    name="tenant",
)
MERCHANT_BY_ID: Final = Statement(
    sa.select(MERCHANTS).where(
        MERCHANTS.c.tenant_id == sa.bindparam("tenant_id"),
        MERCHANTS.c.merchant_id == sa.bindparam("merchant_id"),
    ),
    name="merchant",
)
# A merchant's own keys alone, so that a network's other merchants find nothing.
KEY_BY_ID: Final = Statement(
    sa.select(
        API_KEYS.c.key_id,
        API_KEYS.c.merchant_id,
        API_KEYS.c.mode,
        API_KEYS.c.scopes,
        API_KEYS.c.label,
        API_KEYS.c.state,
        API_KEYS.c.expires_at,
    ).where(
        API_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        API_KEYS.c.merchant_id == sa.bindparam("merchant_id"),
        API_KEYS.c.key_id == sa.bindparam("key_id"),
    ),
    name="api key",
)

INSERT_TENANT: Final = Statement(sa.insert(TENANTS), rows=1, name="insert tenant")
INSERT_MERCHANT: Final = Statement(sa.insert(MERCHANTS), rows=1, name="insert merchant")
UPDATE_MERCHANT: Final = Statement(
    sa.update(MERCHANTS)
    .where(
        MERCHANTS.c.tenant_id == sa.bindparam("of_tenant"),
        MERCHANTS.c.merchant_id == sa.bindparam("of_merchant"),
        MERCHANTS.c.version == sa.bindparam("of_version"),
    )
    .values(
        preset=sa.bindparam("preset"),
        review_mode=sa.bindparam("review_mode"),
        limits=sa.bindparam("limits"),
        status=sa.bindparam("status"),
        version=MERCHANTS.c.version + 1,
    ),
    rows=1,
    name="update merchant",
)

_OF_CHAIN: Final = API_KEYS.alias("of_chain")
_ACTIVE_IN_CHAIN: Final = (
    sa.select(sa.func.count())
    .select_from(_OF_CHAIN)
    .where(
        _OF_CHAIN.c.tenant_id == sa.bindparam("tenant_id"),
        _OF_CHAIN.c.merchant_id == sa.bindparam("merchant_id"),
        _OF_CHAIN.c.mode == sa.bindparam("mode"),
        _OF_CHAIN.c.label == sa.bindparam("label"),
        _OF_CHAIN.c.state == "active",
        sa.or_(
            _OF_CHAIN.c.expires_at.is_(None),
            _OF_CHAIN.c.expires_at > sa.bindparam("created_at"),
        ),
    )
    .scalar_subquery()
)
_GIVEN: Final = (
    API_KEYS.c.tenant_id,
    API_KEYS.c.key_id,
    API_KEYS.c.merchant_id,
    API_KEYS.c.mode,
    API_KEYS.c.scopes,
    API_KEYS.c.secret_hash,
    API_KEYS.c.label,
    API_KEYS.c.created_at,
)
# The limit stands in the statement: whoever inserts, no third key of a chain can work.
INSERT_KEY: Final = Statement(
    sa.insert(API_KEYS).from_select(
        [*(column.name for column in _GIVEN), "state"],
        sa.select(
            *(sa.bindparam(column.name, type_=column.type) for column in _GIVEN),
            sa.literal_column("'active'"),
        ).where(_ACTIVE_IN_CHAIN < KEYS_ACTIVE_MAX),
    ),
    rows=1,
    name="insert api key",
)
EXPIRE_KEY: Final = Statement(
    sa.update(API_KEYS)
    .where(
        API_KEYS.c.tenant_id == sa.bindparam("of_tenant"),
        API_KEYS.c.merchant_id == sa.bindparam("of_merchant"),
        API_KEYS.c.key_id == sa.bindparam("of_key"),
        API_KEYS.c.state == "active",
        sa.or_(API_KEYS.c.expires_at.is_(None), API_KEYS.c.expires_at > sa.bindparam("now")),
    )
    .values(expires_at=sa.bindparam("ends_at")),
    rows=1,
    name="expire api key",
)
REVOKE_KEY: Final = Statement(
    sa.update(API_KEYS)
    .where(
        API_KEYS.c.tenant_id == sa.bindparam("of_tenant"),
        API_KEYS.c.merchant_id == sa.bindparam("of_merchant"),
        API_KEYS.c.key_id == sa.bindparam("of_key"),
        API_KEYS.c.state == "active",
    )
    .values(state="revoked", revoked_at=sa.bindparam("now")),
    rows=1,
    name="revoke api key",
)
