"""Reads of payments for front ends and the worker: one, a list by its filters, what is due.

Each filter of the list has its index (tables.py); every read has a limit.
"""

import datetime as dt
from collections.abc import Iterable
from itertools import combinations
from typing import Final, assert_never

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import Bound, Row, Statement
from service.kernel.money import Amount, Currency
from service.rooms.payments.contract import LIST_DAYS_DEFAULT, EventSeen, PaymentQuery, Status
from service.rooms.payments.model import (
    Body,
    Created,
    Executed,
    Judged,
    Moved,
    Payment,
    Reported,
    TokenIssued,
    from_row,
    labelled_entities,
    read_body,
    step,
)
from service.rooms.payments.tables import PAYMENTS, TOKENS
from service.unit_of_work.commands import Mode
from service.unit_of_work.events import EVENTS_OF, body_of

# A payment has some ten events; this many are told of one that has more.
EVENTS_TOLD_MAX: Final = 1_000
_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)

PAYMENT: Final = Statement(
    sa.select(PAYMENTS).where(
        PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYMENTS.c.mode == sa.bindparam("mode"),
        PAYMENTS.c.payment_id == sa.bindparam("payment_id"),
    ),
    name="read payment",
)
# Where a payment is that was not made. What nobody labelled of these was never found out.
STOPPED: Final[tuple[Status, ...]] = (
    *("declined", "cancelled", "expired", "failed"),
    *("challenge_required", "held"),
)
STOPPED_AFTER: Final = Statement(
    sa.select(PAYMENTS.c.payment_id)
    .where(
        PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
        PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
        PAYMENTS.c.mode == sa.bindparam("mode"),
        PAYMENTS.c.status.in_(STOPPED),
        PAYMENTS.c.payment_id > sa.bindparam("after"),
    )
    .order_by(PAYMENTS.c.payment_id)
    .limit(sa.bindparam("limit")),
    name="payments of a merchant that were stopped",
)
TOKEN: Final = Statement(
    sa.select(TOKENS.c.state, TOKENS.c.expires_at).where(
        TOKENS.c.tenant_id == sa.bindparam("tenant_id"),
        TOKENS.c.jti == sa.bindparam("jti"),
    ),
    name="read payment token",
)
# The worker's: across the tenants of its shard, oldest first.
DUE: Final = Statement(
    sa.select(
        PAYMENTS.c.tenant_id,
        PAYMENTS.c.merchant_id,
        PAYMENTS.c.mode,
        PAYMENTS.c.payment_id,
        PAYMENTS.c.version,
        PAYMENTS.c.timer_action,
    )
    .where(PAYMENTS.c.timer_at <= sa.bindparam("now"))
    .order_by(PAYMENTS.c.timer_at)
    .limit(sa.bindparam("limit")),
    name="payments whose timer is due",
)

FILTERS: Final = ("status", "payer_id", "payee_id", "reference")


def touched_by_labels(row: Row) -> tuple[tuple[str, str], ...]:
    """Return kind and key of the entities whose features a label of a payment moves.

    Args:
        row: The payment's, as `PAYMENT` read it.
    """
    return labelled_entities(from_row(row).facts)


def _list(filters: tuple[str, ...]) -> Statement:
    newest_first = (PAYMENTS.c.created_at.desc(), PAYMENTS.c.payment_id.desc())
    last = sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id"))
    return Statement(
        sa.select(PAYMENTS)
        .where(
            PAYMENTS.c.tenant_id == sa.bindparam("tenant_id"),
            PAYMENTS.c.merchant_id == sa.bindparam("merchant_id"),
            PAYMENTS.c.mode == sa.bindparam("mode"),
            PAYMENTS.c.created_at >= sa.bindparam("created_from"),
            sa.tuple_(PAYMENTS.c.created_at, PAYMENTS.c.payment_id) < last,
            *(PAYMENTS.c[name] == sa.bindparam(name) for name in filters),
        )
        .order_by(*newest_first)
        .limit(sa.bindparam("limit")),
        name=f"list payments by {', '.join(filters) or 'time'}",
    )


LISTS: Final[dict[tuple[str, ...], Statement]] = {
    filters: _list(filters)
    for count in range(len(FILTERS) + 1)
    for filters in combinations(FILTERS, count)
}


def page(
    query: PaymentQuery,
    *,
    owner: tuple[str, str, Mode],
    last: tuple[int, str] | None,
    now: dt.datetime,
) -> Bound:
    """Return the read of one page and one row more, which says whether another page follows.

    Args:
        query: The filters; without `created_from` the page reaches LIST_DAYS_DEFAULT back.
        owner: Tenant, merchant and mode of the caller.
        last: `key` of the last payment of the page before; None for the first page.
        now: From where the default reaches back.
    """
    until = query.created_to or _NEVER
    since = query.created_from or _days_before(query.created_to or now)
    # No id sorts before the empty text, so the first page begins right below `created_to`.
    last_at, last_id = (until, "") if last is None else (_instant(last[0]), last[1])
    given = {name: getattr(query, name) for name in FILTERS if getattr(query, name) is not None}
    tenant_id, merchant_id, mode = owner
    return LISTS[tuple(given)](
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode=mode,
        created_from=since,
        last_at=last_at,
        last_id=last_id,
        limit=query.limit + 1,
        **given,
    )


def _days_before(until: dt.datetime) -> dt.datetime:
    """Return where a list begins by default; a time before all payments stays as it is."""
    return until if until < _EPOCH else until - dt.timedelta(days=LIST_DAYS_DEFAULT)


def key(payment: Payment) -> tuple[int, str]:
    """Return what a cursor says about the last payment of a page."""
    return (payment.created_at - _EPOCH) // _MICROSECOND, payment.payment_id


def events_of(payment_id: str, *, tenant_id: str, merchant_id: str) -> Bound:
    """Return the read of a payment's events."""
    return EVENTS_OF(
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        subject_id=payment_id,
        limit=EVENTS_TOLD_MAX,
    )


def bodies(rows: Iterable[Row]) -> Iterable[Body]:
    """Yield the bodies of a payment's stored events in the newest shape."""
    for row in rows:
        yield read_body(row["type"], body_of(row))


def seen(rows: Iterable[Row]) -> tuple[EventSeen, ...]:
    """Return a payment's stored events as answers tell them, the oldest first."""
    told = []
    payment: Payment | None = None
    for body in bodies(rows):
        after = step(payment, body)
        payment = after.payment
        told.append(_seen(body, payment.currency, is_in_step=after.is_in_step))
    return tuple(told)


def _seen(body: Body, currency: Currency, *, is_in_step: bool) -> EventSeen:
    kind: str
    match body:
        case Created():
            kind = "created"
        case TokenIssued():
            kind = "token_issued"
        case Executed():
            kind = "execute"
        case Judged() | Moved():
            kind = body.action
        case Reported():
            minor = body.amount_minor
            return EventSeen(
                type=body.type,
                occurred_at=body.occurred_at,
                recorded_at=body.at,
                source=body.source,
                external_id=body.external_id,
                amount=None if minor is None else Amount(value=minor, currency=currency),
                in_step=is_in_step,
            )
        case _:
            assert_never(body)
    return EventSeen(type=kind, occurred_at=body.at, recorded_at=body.at)


def _instant(microseconds: int) -> dt.datetime:
    return _EPOCH + dt.timedelta(microseconds=microseconds)
