"""Front ends' reads of merchants and keys. Never write, never see a stored key in clear."""

import datetime as dt
from typing import Final

import sqlalchemy as sa

from keys.api_keys import ApiKeyRefused, ApiKeyText
from service.db.statements import Row, Statement
from service.http.ports import Principal, Reader
from service.kernel.clock import Clock
from service.rooms.merchants.tables import API_KEYS, MERCHANTS

KEYS_LISTED_MAX: Final = 200
MERCHANTS_LISTED_MAX: Final = 200

# The one read that knows no tenant: it is what finds out whose request this is.
PRINCIPAL_BY_HASH: Final = Statement(
    sa.select(
        API_KEYS.c.tenant_id,
        API_KEYS.c.key_id,
        API_KEYS.c.merchant_id,
        API_KEYS.c.mode,
        API_KEYS.c.scopes,
        API_KEYS.c.state,
        API_KEYS.c.expires_at,
        MERCHANTS.c.status,
    )
    .join(
        MERCHANTS,
        sa.and_(
            MERCHANTS.c.tenant_id == API_KEYS.c.tenant_id,
            MERCHANTS.c.merchant_id == API_KEYS.c.merchant_id,
        ),
    )
    .where(API_KEYS.c.secret_hash == sa.bindparam("secret_hash")),
    name="principal by hash",
)
# What `model.shown` reads.
_SHOWN: Final = (
    MERCHANTS.c.tenant_id,
    MERCHANTS.c.merchant_id,
    MERCHANTS.c.name,
    MERCHANTS.c.preset,
    MERCHANTS.c.review_mode,
    MERCHANTS.c.limits,
    MERCHANTS.c.status,
)
# For the command line, which acts for a merchant by its id alone.
MERCHANT_BY_ID: Final = Statement(
    sa.select(*_SHOWN).where(MERCHANTS.c.merchant_id == sa.bindparam("merchant_id")),
    name="merchant by id alone",
)
MERCHANTS_OF_ALL: Final = Statement(
    sa.select(*_SHOWN)
    .where(MERCHANTS.c.merchant_id > sa.bindparam("after"))
    .order_by(MERCHANTS.c.merchant_id)
    .limit(MERCHANTS_LISTED_MAX),
    name="merchants of every tenant",
)
KEYS_OF_MERCHANT: Final = Statement(
    sa.select(
        API_KEYS.c.key_id,
        API_KEYS.c.mode,
        API_KEYS.c.scopes,
        API_KEYS.c.label,
        API_KEYS.c.state,
        API_KEYS.c.created_at,
        API_KEYS.c.expires_at,
        API_KEYS.c.revoked_at,
    )
    .where(
        API_KEYS.c.tenant_id == sa.bindparam("tenant_id"),
        API_KEYS.c.merchant_id == sa.bindparam("merchant_id"),
        API_KEYS.c.key_id > sa.bindparam("after"),
    )
    .order_by(API_KEYS.c.key_id)
    .limit(KEYS_LISTED_MAX),
    name="keys of a merchant",
)


class Authenticator:
    """Says who holds an API key.

    A key that was never made costs the same work as one that was: one keyed hash and one look
    into the index. The hash is keyed, so that nobody can steer what the index compares.

    Args:
        reader: Where keys are looked up.
        index_key: The purpose key under which their hashes were made.
        clock: Says whether a key has ended.
    """

    def __init__(self, reader: Reader, index_key: bytes, clock: Clock) -> None:
        self._reader = reader
        self._index_key = index_key
        self._clock = clock

    def __call__(self, text: str) -> Principal | None:
        """Return who holds this key, or None: unknown, revoked, ended, or its merchant suspended.

        Raises:
            StoreUnavailable: Nobody can say now.
        """
        try:
            secret_hash = ApiKeyText(text).index(self._index_key)
        except ApiKeyRefused:
            return None
        row = self._reader.maybe(PRINCIPAL_BY_HASH(secret_hash=secret_hash))
        if row is None or not _works(row, self._clock.now()):
            return None
        return Principal(
            key_id=row["key_id"],
            tenant_id=row["tenant_id"],
            merchant_id=row["merchant_id"],
            mode=row["mode"],
            scopes=frozenset(row["scopes"].split(" ")),
        )


def merchant(reader: Reader, merchant_id: str) -> Row | None:
    """Return a merchant with its tenant, for the command line; None where there is none."""
    return reader.maybe(MERCHANT_BY_ID(merchant_id=merchant_id))


def merchants(reader: Reader, *, after: str = "") -> list[Row]:
    """Return a page of all merchants by their ids, at most MERCHANTS_LISTED_MAX.

    Args:
        reader: Where they are read; one that may look over all tenants.
        after: The last merchant id of the page before.
    """
    return reader.fetch(MERCHANTS_OF_ALL(after=after))


def keys_of(reader: Reader, row: Row, *, after: str = "") -> list[Row]:
    """Return a page of a merchant's keys by their ids, at most KEYS_LISTED_MAX.

    Args:
        reader: Where they are read.
        row: The merchant, as `merchant` returned it.
        after: The last key id of the page before.
    """
    read = KEYS_OF_MERCHANT(tenant_id=row["tenant_id"], merchant_id=row["merchant_id"], after=after)
    return reader.fetch(read)


def _works(row: Row, now: dt.datetime) -> bool:
    is_over = row["expires_at"] is not None and now >= row["expires_at"]
    return row["state"] == "active" and row["status"] == "active" and not is_over
