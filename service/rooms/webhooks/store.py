"""Writes of endpoints and deliveries, and the reads that commands declare. Decides nothing."""

from typing import Any, Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import ANY_NUMBER, Statement
from service.rooms.webhooks.contract import ENDPOINTS_MAX, TRIMMED_AT_ONCE
from service.rooms.webhooks.tables import CURSORS, DELIVERIES, ENDPOINTS, EVENTS, SECRETS
from service.unit_of_work.tables import MESSAGES

# Behind every message of a command, whatever its number.
ORDINAL_LAST: Final = 2**31 - 1

_OWN: Final = (
    ENDPOINTS.c.tenant_id == sa.bindparam("tenant_id"),
    ENDPOINTS.c.merchant_id == sa.bindparam("merchant_id"),
    ENDPOINTS.c.mode == sa.bindparam("mode"),
    ENDPOINTS.c.state != "deleted",
)

ENDPOINT: Final = Statement(
    sa.select(ENDPOINTS).where(*_OWN, ENDPOINTS.c.endpoint_id == sa.bindparam("endpoint_id")),
    name="webhook endpoint",
)
ENDPOINTS_OF_TENANT: Final = Statement(
    sa.select(
        ENDPOINTS.c.endpoint_id,
        ENDPOINTS.c.merchant_id,
        ENDPOINTS.c.mode,
        ENDPOINTS.c.kinds,
        ENDPOINTS.c.state,
        ENDPOINTS.c.created_at,
    )
    .where(ENDPOINTS.c.tenant_id == sa.bindparam("tenant_id"), ENDPOINTS.c.state != "deleted")
    .order_by(ENDPOINTS.c.endpoint_id),
    name="webhook endpoints of a tenant",
)
SECRETS_SHOWN: Final = Statement(
    sa.select(SECRETS.c.secret_id, SECRETS.c.public_key, SECRETS.c.expires_at)
    .where(
        SECRETS.c.tenant_id == sa.bindparam("tenant_id"),
        SECRETS.c.endpoint_id == sa.bindparam("endpoint_id"),
    )
    .order_by(SECRETS.c.created_at.desc(), SECRETS.c.secret_id.desc()),
    name="public halves of an endpoint's keys",
)
CURSOR: Final = Statement(
    sa.select(CURSORS.c.sequence, CURSORS.c.ordinal).where(
        CURSORS.c.tenant_id == sa.bindparam("tenant_id")
    ),
    name="webhook cursor",
)
_AT: Final = sa.tuple_(MESSAGES.c.sequence, MESSAGES.c.ordinal)
MESSAGES_BETWEEN: Final = Statement(
    sa.select(MESSAGES)
    .where(
        MESSAGES.c.tenant_id == sa.bindparam("tenant_id"),
        # Says less than the next two, but in words by which partitions are left out.
        MESSAGES.c.sequence >= sa.bindparam("after_sequence"),
        MESSAGES.c.sequence <= sa.bindparam("until_sequence"),
        sa.tuple_(sa.bindparam("after_sequence"), sa.bindparam("after_ordinal")) < _AT,
        sa.tuple_(sa.bindparam("until_sequence"), sa.bindparam("until_ordinal")) >= _AT,
    )
    .order_by(MESSAGES.c.sequence, MESSAGES.c.ordinal)
    .limit(sa.bindparam("limit")),
    name="messages between two places",
)


def _delivery(*conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return deliveries with what they tell; those of a deleted endpoint are nobody's."""
    return (
        sa.select(DELIVERIES, EVENTS.c.kind, EVENTS.c.subject_id)
        .join(
            EVENTS,
            sa.and_(
                EVENTS.c.tenant_id == DELIVERIES.c.tenant_id,
                EVENTS.c.event_id == DELIVERIES.c.event_id,
            ),
        )
        .join(
            ENDPOINTS,
            sa.and_(
                ENDPOINTS.c.tenant_id == DELIVERIES.c.tenant_id,
                ENDPOINTS.c.endpoint_id == DELIVERIES.c.endpoint_id,
            ),
        )
        .where(*_OWN, *conditions)
    )


DELIVERY: Final = Statement(
    _delivery(DELIVERIES.c.delivery_id == sa.bindparam("delivery_id")), name="webhook delivery"
)
_IN_TIME: Final = (
    DELIVERIES.c.tenant_id == sa.bindparam("of_tenant"),
    DELIVERIES.c.endpoint_id == sa.bindparam("of_endpoint"),
    DELIVERIES.c.created_at >= sa.bindparam("created_from"),
)
IN_TIME: Final = Statement(
    sa.select(DELIVERIES.c.delivery_id, DELIVERIES.c.created_at)
    .where(*_IN_TIME, DELIVERIES.c.created_at < sa.bindparam("created_to"))
    .order_by(DELIVERIES.c.created_at, DELIVERIES.c.delivery_id)
    .limit(sa.bindparam("limit")),
    name="deliveries of a time",
)

_OF_MERCHANT: Final = ENDPOINTS.alias("of_merchant")
_TAKEN: Final = (
    _OF_MERCHANT.c.tenant_id == sa.bindparam("tenant_id"),
    _OF_MERCHANT.c.merchant_id == sa.bindparam("merchant_id"),
    _OF_MERCHANT.c.mode == sa.bindparam("mode"),
    _OF_MERCHANT.c.state != "deleted",
)
_PLACES: Final = sa.union_all(
    sa.select(sa.literal_column("1").label("place")),
    sa.select((_OF_MERCHANT.c.place + 1).label("place")).where(*_TAKEN),
).subquery()
_FREE: Final = (
    sa.select(sa.func.min(_PLACES.c.place).label("place"))
    .where(
        _PLACES.c.place <= ENDPOINTS_MAX,
        ~sa.exists()
        .where(*_TAKEN, _OF_MERCHANT.c.place == _PLACES.c.place)
        .select_from(_OF_MERCHANT)
        .correlate(_PLACES),
    )
    .subquery()
)
_GIVEN: Final = tuple(
    ENDPOINTS.c[name]
    for name in (
        *("tenant_id", "endpoint_id", "merchant_id", "mode"),
        *("url", "description", "kinds", "created_at"),
    )
)
# The first free place, where there is one; whoever inserts, one place is never taken by two.
INSERT_ENDPOINT: Final = Statement(
    sa.insert(ENDPOINTS).from_select(
        [*(column.name for column in _GIVEN), "place", "state", "version"],
        sa.select(
            *(sa.bindparam(column.name, type_=column.type) for column in _GIVEN),
            _FREE.c.place,
            sa.literal_column("'enabled'"),
            sa.literal_column("1"),
        ).where(_FREE.c.place.is_not(None)),
    ),
    rows=1,
    name="insert webhook endpoint",
)
# Begins at the tenant's newest message: its first endpoint is not told what happened before it.
START_CURSOR: Final = Statement(
    sa.insert(CURSORS).from_select(
        ["tenant_id", "sequence", "ordinal"],
        sa.select(
            sa.bindparam("tenant_id", type_=CURSORS.c.tenant_id.type),
            sa.func.coalesce(
                sa.select(sa.func.max(MESSAGES.c.sequence))
                .where(MESSAGES.c.tenant_id == sa.bindparam("tenant_id"))
                .scalar_subquery(),
                sa.literal_column("0"),
            ),
            sa.literal_column(str(ORDINAL_LAST)),
        ).where(
            ~sa.exists()
            .where(CURSORS.c.tenant_id == sa.bindparam("tenant_id"))
            .select_from(CURSORS)
        ),
    ),
    rows=ANY_NUMBER,
    name="start webhook cursor",
)
MOVE_CURSOR: Final = Statement(
    sa.update(CURSORS)
    .where(
        CURSORS.c.tenant_id == sa.bindparam("of_tenant"),
        CURSORS.c.sequence == sa.bindparam("after_sequence"),
        CURSORS.c.ordinal == sa.bindparam("after_ordinal"),
    )
    .values(sequence=sa.bindparam("until_sequence"), ordinal=sa.bindparam("until_ordinal")),
    rows=1,
    name="move webhook cursor",
)
UPDATE_ENDPOINT: Final = Statement(
    sa.update(ENDPOINTS)
    .where(
        ENDPOINTS.c.tenant_id == sa.bindparam("of_tenant"),
        ENDPOINTS.c.endpoint_id == sa.bindparam("of_endpoint"),
        ENDPOINTS.c.version == sa.bindparam("of_version"),
        ENDPOINTS.c.state != "deleted",
    )
    .values(
        url=sa.bindparam("url"),
        description=sa.bindparam("description"),
        kinds=sa.bindparam("kinds"),
        state=sa.bindparam("to_state"),
        disabled_because=sa.bindparam("because"),
        failing_since=sa.bindparam("failing_since"),
        version=ENDPOINTS.c.version + 1,
    ),
    rows=1,
    name="update webhook endpoint",
)
# Any number: it works, or it works again.
CLEAR_FLAG: Final = Statement(
    sa.update(ENDPOINTS)
    .where(
        ENDPOINTS.c.tenant_id == sa.bindparam("of_tenant"),
        ENDPOINTS.c.endpoint_id == sa.bindparam("of_endpoint"),
        ENDPOINTS.c.failing_since.is_not(None),
    )
    .values(failing_since=None, version=ENDPOINTS.c.version + 1),
    rows=ANY_NUMBER,
    name="clear webhook endpoint's flag",
)

INSERT_SECRET: Final = Statement(sa.insert(SECRETS), rows=1, name="insert webhook secret")
EXPIRE_SECRET: Final = Statement(
    sa.update(SECRETS)
    .where(
        SECRETS.c.tenant_id == sa.bindparam("of_tenant"),
        SECRETS.c.endpoint_id == sa.bindparam("of_endpoint"),
        SECRETS.c.expires_at.is_(None),
    )
    .values(expires_at=sa.bindparam("ends_at")),
    rows=1,
    name="expire webhook secret",
)
DELETE_OLD_SECRETS: Final = Statement(
    sa.delete(SECRETS).where(
        SECRETS.c.tenant_id == sa.bindparam("of_tenant"),
        SECRETS.c.endpoint_id == sa.bindparam("of_endpoint"),
        SECRETS.c.expires_at.is_not(None),
    ),
    rows=ANY_NUMBER,
    name="delete old webhook secrets",
)
DELETE_SECRETS: Final = Statement(
    sa.delete(SECRETS).where(
        SECRETS.c.tenant_id == sa.bindparam("of_tenant"),
        SECRETS.c.endpoint_id == sa.bindparam("of_endpoint"),
    ),
    rows=ANY_NUMBER,
    name="delete webhook secrets",
)

INSERT_EVENT: Final = Statement(sa.insert(EVENTS), rows=1, name="insert webhook event")
INSERT_DELIVERY: Final = Statement(sa.insert(DELIVERIES), rows=1, name="insert webhook delivery")
# One attempt is counted once: whoever reports it again finds another number of attempts.
SETTLE_DELIVERY: Final = Statement(
    sa.update(DELIVERIES)
    .where(
        DELIVERIES.c.tenant_id == sa.bindparam("of_tenant"),
        DELIVERIES.c.delivery_id == sa.bindparam("of_delivery"),
        DELIVERIES.c.attempts == sa.bindparam("of_attempts"),
        DELIVERIES.c.state == "pending",
    )
    .values(
        state=sa.bindparam("to_state"),
        attempts=DELIVERIES.c.attempts + 1,
        next_attempt_at=sa.bindparam("next_at"),
        last_status=sa.bindparam("status"),
        last_cause=sa.bindparam("cause"),
        ended_at=sa.bindparam("ends_at"),
    ),
    rows=1,
    name="settle webhook delivery",
)
_AGAIN: Final[dict[str, Any]] = {
    "state": "pending",
    "attempts": 0,
    "started_at": sa.bindparam("now"),
    "next_attempt_at": sa.bindparam("now"),
    "ended_at": None,
}
REPLAY_DELIVERY: Final = Statement(
    sa.update(DELIVERIES)
    .where(
        DELIVERIES.c.tenant_id == sa.bindparam("of_tenant"),
        DELIVERIES.c.delivery_id == sa.bindparam("of_delivery"),
    )
    .values(**_AGAIN),
    rows=1,
    name="replay webhook delivery",
)
REPLAY_IN_TIME: Final = Statement(
    sa.update(DELIVERIES)
    .where(
        *_IN_TIME,
        sa.tuple_(DELIVERIES.c.created_at, DELIVERIES.c.delivery_id)
        <= sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id")),
    )
    .values(**_AGAIN),
    rows=ANY_NUMBER,
    name="replay webhook deliveries of a time",
)

_OLD: Final = (
    sa.select(*DELIVERIES.primary_key.columns)
    .where(DELIVERIES.c.created_at <= sa.bindparam("before"))
    .order_by(DELIVERIES.c.created_at)
    .limit(TRIMMED_AT_ONCE)
)
_TOLD: Final = (
    sa.select(*EVENTS.primary_key.columns)
    .where(
        EVENTS.c.created_at <= sa.bindparam("before"),
        ~sa.exists()
        .where(
            DELIVERIES.c.tenant_id == EVENTS.c.tenant_id,
            DELIVERIES.c.event_id == EVENTS.c.event_id,
        )
        .select_from(DELIVERIES)
        .correlate(EVENTS),
    )
    .order_by(EVENTS.c.created_at)
    .limit(TRIMMED_AT_ONCE)
)
DELIVERIES_OVER: Final = Statement(
    sa.select(sa.func.count().label("rows")).select_from(_OLD.subquery()),
    name="webhook deliveries that are over",
)
TRIM_DELIVERIES: Final = Statement(
    sa.delete(DELIVERIES).where(sa.tuple_(*DELIVERIES.primary_key.columns).in_(_OLD)),
    rows=ANY_NUMBER,
    name="trim webhook deliveries",
)
TRIM_EVENTS: Final = Statement(
    sa.delete(EVENTS).where(sa.tuple_(*EVENTS.primary_key.columns).in_(_TOLD)),
    rows=ANY_NUMBER,
    name="trim webhook events",
)
