"""Reads of a payment's labels: pages of them, and the one that counts."""

import datetime as dt
from typing import Final

import sqlalchemy as sa

from service.db.metadata import Instant
from service.db.statements import Bound, Statement
from service.http.ports import Reader
from service.rooms.labels.contract import Label, LabelQuery
from service.rooms.labels.model import shown
from service.rooms.labels.tables import LABELS
from service.rooms.payments.queries import PAYMENT, touched_by_labels
from service.unit_of_work.commands import Mode

_EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEVER: Final = dt.datetime(9999, 12, 31, tzinfo=dt.UTC)
_MICROSECOND: Final = dt.timedelta(microseconds=1)

Owner = tuple[str, str, Mode]

_LAST: Final = sa.tuple_(sa.bindparam("last_at", type_=Instant()), sa.bindparam("last_id"))
LABELS_OF_PAYMENT: Final = Statement(
    sa.select(LABELS)
    .where(
        LABELS.c.tenant_id == sa.bindparam("tenant_id"),
        LABELS.c.merchant_id == sa.bindparam("merchant_id"),
        LABELS.c.mode == sa.bindparam("mode"),
        LABELS.c.payment_id == sa.bindparam("payment_id"),
        sa.tuple_(LABELS.c.known_at, LABELS.c.label_id) < _LAST,
    )
    .order_by(LABELS.c.known_at.desc(), LABELS.c.label_id.desc())
    .limit(sa.bindparam("limit")),
    name="list labels of a payment",
)

# Looks through all labels: for what is asked once an hour.
FRAUDS: Final = Statement(
    sa.select(
        LABELS.c.tenant_id,
        LABELS.c.merchant_id,
        LABELS.c.mode,
        LABELS.c.intent,
        sa.func.count(LABELS.c.payment_id.distinct()).label("frauds"),
    )
    .where(LABELS.c.intent != "normal")
    .group_by(LABELS.c.tenant_id, LABELS.c.merchant_id, LABELS.c.mode, LABELS.c.intent)
    .order_by(LABELS.c.tenant_id, LABELS.c.merchant_id, LABELS.c.mode, LABELS.c.intent),
    name="labelled frauds of every merchant",
)
LABELS_AFTER: Final = Statement(
    sa.select(LABELS.c.label_id, LABELS.c.payment_id, LABELS.c.intent, LABELS.c.known_at)
    .where(
        LABELS.c.tenant_id == sa.bindparam("tenant_id"),
        LABELS.c.merchant_id == sa.bindparam("merchant_id"),
        LABELS.c.mode == sa.bindparam("mode"),
        LABELS.c.label_id > sa.bindparam("after"),
    )
    .order_by(LABELS.c.label_id)
    .limit(sa.bindparam("limit")),
    name="labels of a merchant",
)


def is_a_payment(reader: Reader, owner: Owner, payment_id: str) -> bool:
    """Say whether a merchant has a payment of this id in this mode."""
    return reader.maybe(PAYMENT(**_own(owner), payment_id=payment_id)) is not None


def touched(reader: Reader, owner: Owner, payment_id: str) -> tuple[tuple[str, str], ...]:
    """Return kind and key of the entities that a label of a payment moves; none without it."""
    row = reader.maybe(PAYMENT(**_own(owner), payment_id=payment_id))
    return () if row is None else touched_by_labels(row)


def counting(reader: Reader, owner: Owner, payment_id: str) -> Label | None:
    """Return the label that became known last, or None."""
    row = reader.maybe(_page(owner, payment_id, None, 1))
    return None if row is None else shown(row)


def page(query: LabelQuery, *, owner: Owner, last: tuple[int, str] | None) -> Bound:
    """Return the read of a page and one row more.

    Args:
        query: Of which payment, and how many.
        owner: Tenant, merchant and mode of the caller.
        last: `key` of the last label of the page before; None for the first page.
    """
    return _page(owner, query.payment_id, last, query.limit + 1)


def key(label: Label) -> tuple[int, str]:
    """Return what a cursor says about the last label of a page."""
    return (label.known_at - _EPOCH) // _MICROSECOND, label.id


def _page(owner: Owner, payment_id: str, last: tuple[int, str] | None, limit: int) -> Bound:
    last_at, last_id = (_NEVER, "") if last is None else (_EPOCH + last[0] * _MICROSECOND, last[1])
    return LABELS_OF_PAYMENT(
        **_own(owner), payment_id=payment_id, last_at=last_at, last_id=last_id, limit=limit
    )


def _own(owner: Owner) -> dict[str, str]:
    tenant_id, merchant_id, mode = owner
    return {"tenant_id": tenant_id, "merchant_id": merchant_id, "mode": mode}
