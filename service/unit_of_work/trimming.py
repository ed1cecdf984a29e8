"""Housekeeping of stored replies: the body goes after a month, its hash after a year and more.

Never lets an old key pay again while its hash is kept.
"""

import datetime as dt
from typing import Any, ClassVar, Final

import msgspec
import sqlalchemy as sa

from service.db.statements import ANY_NUMBER, Bound, Statement
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.idempotency import HASH_KEPT, REPLY_KEPT, TRIMMED_AT_ONCE
from service.unit_of_work.outcome import Accepted, Change, Entry
from service.unit_of_work.tables import IDEMPOTENCY

AUDIT_KINDS: Final[dict[str, str]] = {
    "idempotency.trimmed": (
        "Stored replies and hashes of old idempotency keys were deleted; the fields say how many."
    ),
}

_KEY: Final = tuple(IDEMPOTENCY.primary_key.columns)


def _oldest(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return the keys of the oldest rows under a condition, bounded; its index is of that form."""
    return (
        sa.select(*_KEY)
        .where(condition, IDEMPOTENCY.c.created_at <= sa.bindparam("before"))
        .order_by(IDEMPOTENCY.c.created_at)
        .limit(TRIMMED_AT_ONCE)
    )


def _count(oldest: sa.Select[Any], name: str) -> Statement:
    counted = sa.select(sa.func.count().label("rows")).select_from(oldest.subquery())
    return Statement(counted, name=name)


_REPLIES: Final = _oldest(IDEMPOTENCY.c.reply.is_not(None))
_HASHES: Final = _oldest(IDEMPOTENCY.c.reply.is_(None))

REPLIES_OVER: Final = _count(_REPLIES, "replies that are over")
HASHES_OVER: Final = _count(_HASHES, "hashes that are over")
TRIM_REPLIES: Final = Statement(
    sa.update(IDEMPOTENCY).where(sa.tuple_(*_KEY).in_(_REPLIES)).values(reply=None),
    rows=ANY_NUMBER,
    name="trim replies",
)
DELETE_HASHES: Final = Statement(
    sa.delete(IDEMPOTENCY).where(sa.tuple_(*_KEY).in_(_HASHES)),
    rows=ANY_NUMBER,
    name="delete hashes",
)


class Trimmed(msgspec.Struct, frozen=True, kw_only=True):
    """How much was trimmed, at most TRIMMED_AT_ONCE of each."""

    replies: int
    hashes: int


class TrimIdempotency(Command, frozen=True, kw_only=True):
    """Delete replies and hashes whose time is over, the oldest first, a bounded number."""

    gives: ClassVar[type[msgspec.Struct]] = Trimmed


def over(now: dt.datetime) -> tuple[Bound, Bound]:
    """Return the reads that count replies and hashes whose time is over: one row, `rows`."""
    return REPLIES_OVER(before=now - REPLY_KEPT), HASHES_OVER(before=now - HASH_KEPT)


def _keys(_command: TrimIdempotency, _call: Call) -> tuple[str, ...]:
    return ()


@handles(TrimIdempotency, keys=_keys, reads=None)
def trim_idempotency(view: View, _command: TrimIdempotency, ctx: Context) -> Accepted:
    """Delete what is over by the writer's clock; it runs alone, so what it counts is what goes."""
    replies, hashes = (view.rows(read)[0]["rows"] for read in over(ctx.now))
    return Accepted(
        reply=Trimmed(replies=replies, hashes=hashes),
        entries=(
            Entry(
                kind="idempotency.trimmed",
                subject="idempotency",
                fields={"replies": replies, "hashes": hashes},
            ),
        ),
        changes=(
            # Hashes first: a reply trimmed by this command is counted as a reply alone.
            Change(bound=DELETE_HASHES(before=ctx.now - HASH_KEPT)),
            Change(bound=TRIM_REPLIES(before=ctx.now - REPLY_KEPT)),
        ),
    )


HANDLERS: Final = (trim_idempotency,)
