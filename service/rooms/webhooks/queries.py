"""Reads of endpoints and deliveries, for answers and for the worker. Never open a secret."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import Bound, Row, Statement
from service.http.ports import Reader
from service.rooms.webhooks.contract import (
    Delivery,
    DeliveryState,
    Endpoint,
    PageQuery,
    PublicKeyShown,
)
from service.rooms.webhooks.tables import CURSORS, DELIVERIES, ENDPOINTS, EVENTS, SECRETS
from service.unit_of_work.commands import Mode
from service.unit_of_work.tables import MESSAGES

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

_OWN: Final = (
    ENDPOINTS.c.tenant_id == sa.bindparam("tenant_id"),
    ENDPOINTS.c.merchant_id == sa.bindparam("merchant_id"),
    ENDPOINTS.c.mode == sa.bindparam("mode"),
    ENDPOINTS.c.state != "deleted",
)
_SHOWN: Final = tuple(
    ENDPOINTS.c[name]
    for name in (
        *("endpoint_id", "url", "description", "kinds", "state"),
        *("disabled_because", "failing_since", "created_at"),
    )
)

ENDPOINT: Final = Statement(
    sa.select(*_SHOWN).where(*_OWN, ENDPOINTS.c.endpoint_id == sa.bindparam("endpoint_id")),
    name="read webhook endpoint",
)
# No more than ENDPOINTS_MAX, by the statement that inserts them.
ENDPOINTS_OF_MERCHANT: Final = Statement(
    sa.select(*_SHOWN).where(*_OWN).order_by(ENDPOINTS.c.endpoint_id),
    name="read webhook endpoints",
)
PUBLIC_KEYS: Final = Statement(
    sa.select(SECRETS.c.endpoint_id, SECRETS.c.public_key, SECRETS.c.expires_at)
    .join(
        ENDPOINTS,
        sa.and_(
            ENDPOINTS.c.tenant_id == SECRETS.c.tenant_id,
            ENDPOINTS.c.endpoint_id == SECRETS.c.endpoint_id,
        ),
    )
    .where(
        *_OWN, sa.or_(SECRETS.c.expires_at.is_(None), SECRETS.c.expires_at > sa.bindparam("now"))
    )
    .order_by(SECRETS.c.created_at.desc(), SECRETS.c.secret_id.desc()),
    name="read webhook public keys",
)


def _page(*filters: sa.ColumnElement[bool], name: str) -> Statement:
    last = sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id"))
    return Statement(
        sa.select(DELIVERIES, EVENTS.c.kind, EVENTS.c.subject_id)
        .join(
            EVENTS,
            sa.and_(
                EVENTS.c.tenant_id == DELIVERIES.c.tenant_id,
                EVENTS.c.event_id == DELIVERIES.c.event_id,
            ),
        )
        .where(
            DELIVERIES.c.tenant_id == sa.bindparam("tenant_id"),
            DELIVERIES.c.merchant_id == sa.bindparam("merchant_id"),
            DELIVERIES.c.mode == sa.bindparam("mode"),
            DELIVERIES.c.endpoint_id == sa.bindparam("endpoint_id"),
            sa.tuple_(DELIVERIES.c.created_at, DELIVERIES.c.delivery_id) < last,
            *filters,
        )
        .order_by(DELIVERIES.c.created_at.desc(), DELIVERIES.c.delivery_id.desc())
        .limit(sa.bindparam("limit")),
        name=name,
    )


DELIVERIES_BY_TIME: Final = _page(name="list webhook deliveries")
DELIVERIES_BY_STATE: Final = _page(
    DELIVERIES.c.state == sa.bindparam("state"), name="list webhook deliveries by state"
)

# The worker's: across the tenants of its shard.
# A value and not EXISTS: PostgreSQL would be free to join with all messages of all tenants.
_NEXT: Final = (
    sa.select(MESSAGES.c.sequence)
    .where(
        MESSAGES.c.tenant_id == CURSORS.c.tenant_id,
        # Says less than the next line, but in words by which partitions are left out.
        MESSAGES.c.sequence >= CURSORS.c.sequence,
        sa.tuple_(MESSAGES.c.sequence, MESSAGES.c.ordinal)
        > sa.tuple_(CURSORS.c.sequence, CURSORS.c.ordinal),
    )
    .order_by(MESSAGES.c.sequence, MESSAGES.c.ordinal)
    .limit(1)
    .correlate(CURSORS)
    .scalar_subquery()
)
BEHIND: Final = Statement(
    sa.select(CURSORS.c.tenant_id, CURSORS.c.sequence, CURSORS.c.ordinal)
    .where(CURSORS.c.tenant_id > sa.bindparam("after"), _NEXT.is_not(None))
    .order_by(CURSORS.c.tenant_id)
    .limit(sa.bindparam("limit")),
    name="tenants with messages to fan out",
)
# A cursor at the end of its tenant's messages waits for none, however far behind it lies.
LOWEST_UNREAD: Final = Statement(
    sa.select(sa.func.min(_NEXT).label("unread")).select_from(CURSORS),
    name="lowest message that is not fanned out",
)
PLACES_AFTER: Final = Statement(
    sa.select(MESSAGES.c.sequence, MESSAGES.c.ordinal)
    .where(
        MESSAGES.c.tenant_id == sa.bindparam("tenant_id"),
        MESSAGES.c.sequence >= sa.bindparam("after_sequence"),
        sa.tuple_(MESSAGES.c.sequence, MESSAGES.c.ordinal)
        > sa.tuple_(sa.bindparam("after_sequence"), sa.bindparam("after_ordinal")),
    )
    .order_by(MESSAGES.c.sequence, MESSAGES.c.ordinal)
    .limit(sa.bindparam("limit")),
    name="places of messages to fan out",
)
# One look into the index of what is due for each enabled endpoint; a row that waits at a disabled
# one costs nothing.
RECEIVERS_DUE: Final = Statement(
    sa.select(
        ENDPOINTS.c.tenant_id,
        ENDPOINTS.c.endpoint_id,
        ENDPOINTS.c.merchant_id,
        ENDPOINTS.c.mode,
        ENDPOINTS.c.url,
    )
    .where(
        ENDPOINTS.c.state == "enabled",
        ENDPOINTS.c.endpoint_id > sa.bindparam("after"),
        sa.exists()
        .where(
            DELIVERIES.c.tenant_id == ENDPOINTS.c.tenant_id,
            DELIVERIES.c.endpoint_id == ENDPOINTS.c.endpoint_id,
            DELIVERIES.c.state == "pending",
            DELIVERIES.c.next_attempt_at <= sa.bindparam("now", type_=Instant()),
        )
        .select_from(DELIVERIES)
        .correlate(ENDPOINTS),
    )
    .order_by(ENDPOINTS.c.endpoint_id)
    .limit(sa.bindparam("limit")),
    name="endpoints with deliveries due",
)
DELIVERIES_DUE: Final = Statement(
    sa.select(
        DELIVERIES.c.delivery_id,
        DELIVERIES.c.event_id,
        DELIVERIES.c.attempts,
        EVENTS.c.body,
    )
    .join(
        EVENTS,
        sa.and_(
            EVENTS.c.tenant_id == DELIVERIES.c.tenant_id,
            EVENTS.c.event_id == DELIVERIES.c.event_id,
        ),
    )
    .where(
        DELIVERIES.c.tenant_id == sa.bindparam("tenant_id"),
        DELIVERIES.c.endpoint_id == sa.bindparam("endpoint_id"),
        DELIVERIES.c.state == "pending",
        DELIVERIES.c.next_attempt_at <= sa.bindparam("now", type_=Instant()),
    )
    .order_by(DELIVERIES.c.next_attempt_at)
    .limit(sa.bindparam("limit")),
    name="deliveries due at an endpoint",
)
SEALED_KEYS: Final = Statement(
    sa.select(SECRETS.c.secret_id, SECRETS.c.sealed)
    .where(
        SECRETS.c.tenant_id == sa.bindparam("tenant_id"),
        SECRETS.c.endpoint_id == sa.bindparam("endpoint_id"),
        sa.or_(SECRETS.c.expires_at.is_(None), SECRETS.c.expires_at > sa.bindparam("now")),
    )
    .order_by(SECRETS.c.created_at.desc(), SECRETS.c.secret_id.desc()),
    name="sealed keys of an endpoint",
)
OLDEST: Final = Statement(
    sa.select(DELIVERIES.c.created_at)
    .where(DELIVERIES.c.created_at <= sa.bindparam("before"))
    .order_by(DELIVERIES.c.created_at)
    .limit(1),
    name="a webhook delivery that is over",
)

Owner = tuple[str, str, Mode]


def endpoints(reader: Reader, owner: Owner, *, now: dt.datetime) -> list[Endpoint]:
    """Return every endpoint of a merchant and mode, the oldest first."""
    own = _own(owner)
    keys = reader.fetch(PUBLIC_KEYS(**own, now=now))
    return [_endpoint(row, keys) for row in reader.fetch(ENDPOINTS_OF_MERCHANT(**own))]


def endpoint(
    reader: Reader, owner: Owner, endpoint_id: str, *, now: dt.datetime
) -> Endpoint | None:
    """Return one endpoint of a merchant and mode, or None."""
    own = _own(owner)
    row = reader.maybe(ENDPOINT(**own, endpoint_id=endpoint_id))
    return None if row is None else _endpoint(row, reader.fetch(PUBLIC_KEYS(**own, now=now)))


def page(
    query: PageQuery, *, owner: Owner, endpoint_id: str, last: tuple[int, str] | None
) -> Bound:
    """Return the read of a page and one row more; look first whose endpoint it is.

    Args:
        query: The filter, and how many.
        owner: Tenant, merchant and mode of the caller.
        endpoint_id: Of which endpoint.
        last: `key` of the last delivery of the page before; None for the first page.
    """
    last_at, last_id = (_NEVER, "") if last is None else (_EPOCH + last[0] * _MICROSECOND, last[1])
    values: dict[str, Any] = {
        **_own(owner),
        "endpoint_id": endpoint_id,
        "last_at": last_at,
        "last_id": last_id,
        "limit": query.limit + 1,
    }
    state: DeliveryState | None = query.state
    if state is None:
        return DELIVERIES_BY_TIME(**values)
    return DELIVERIES_BY_STATE(**values, state=state)


def key(delivery: Delivery) -> tuple[int, str]:
    """Return what a cursor says about the last delivery of a page."""
    return (delivery.created_at - _EPOCH) // _MICROSECOND, delivery.id


def delivery(row: Row) -> Delivery:
    """Return a row of a page as it is shown."""
    return Delivery(
        id=row["delivery_id"],
        endpoint_id=row["endpoint_id"],
        event_id=row["event_id"],
        kind=row["kind"],
        subject=row["subject_id"],
        state=row["state"],
        attempts=row["attempts"],
        next_attempt_at=row["next_attempt_at"],
        last_status=row["last_status"],
        last_cause=row["last_cause"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
    )


def _own(owner: Owner) -> dict[str, str]:
    tenant_id, merchant_id, mode = owner
    return {"tenant_id": tenant_id, "merchant_id": merchant_id, "mode": mode}


def _endpoint(row: Row, keys: Sequence[Row]) -> Endpoint:
    return Endpoint(
        id=row["endpoint_id"],
        url=row["url"],
        description=row["description"],
        kinds=tuple(row["kinds"].split()),
        state=row["state"],
        disabled_because=row["disabled_because"],
        failing_since=row["failing_since"],
        public_keys=tuple(
            PublicKeyShown(public_key=one["public_key"], expires_at=one["expires_at"])
            for one in keys
            if one["endpoint_id"] == row["endpoint_id"]
        ),
        created_at=row["created_at"],
    )
