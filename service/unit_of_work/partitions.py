"""Ranges of the logs that were dropped because their time was over: each leaves its entry.

They are made, detached and dropped by the owner's functions in the database, which note it in
the same transaction; what is noted and not yet recorded becomes an entry here, once.
"""

from typing import ClassVar, Final

import msgspec
import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry
from service.unit_of_work.tables import PARTITIONS

RECORDED_AT_ONCE: Final = 50

AUDIT_KINDS: Final[dict[str, str]] = {
    "partitions.dropped": (
        "Ranges of the logs whose retention was over were dropped; the fields hold their names "
        "and bounds."
    ),
}

_DROPPED: Final = sa.and_(PARTITIONS.c.dropped_at.is_not(None), PARTITIONS.c.recorded_at.is_(None))

UNRECORDED: Final = Statement(
    sa.select(PARTITIONS.c.name, PARTITIONS.c.log, PARTITIONS.c.lower, PARTITIONS.c.upper)
    .where(_DROPPED)
    .order_by(PARTITIONS.c.name)
    .limit(RECORDED_AT_ONCE),
    name="partitions dropped and not recorded",
)
RECORD: Final = Statement(
    sa.update(PARTITIONS)
    .where(PARTITIONS.c.name == sa.bindparam("of_name"), _DROPPED)
    .values(recorded_at=sa.bindparam("at")),
    rows=1,
    name="record dropped partition",
)


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """How many were recorded."""

    partitions: int


class RecordDropped(Command, frozen=True, kw_only=True):
    """Write down which ranges were dropped, a bounded number."""

    gives: ClassVar[type[msgspec.Struct]] = Recorded


def unrecorded() -> Bound:
    """Return the read of what was dropped and is not written down."""
    return UNRECORDED()


def _keys(_command: RecordDropped, _call: Call) -> tuple[str, ...]:
    return ()


@handles(RecordDropped, keys=_keys, reads=None)
def record_dropped(view: View, _command: RecordDropped, ctx: Context) -> Accepted:
    """Write what was dropped into the log; it runs alone, so what it finds is what it records."""
    dropped = view.rows(unrecorded())
    return Accepted(
        reply=Recorded(partitions=len(dropped)),
        entries=(
            Entry(
                kind="partitions.dropped",
                subject="partitions",
                fields={"partitions": [_told(row) for row in dropped]},
            ),
        ),
        changes=tuple(Change(bound=RECORD(of_name=row["name"], at=ctx.now)) for row in dropped),
    )


def _told(row: Row) -> dict[str, str | int]:
    return {
        "name": row["name"],
        "log": row["log"],
        "lower": row["lower"],
        "upper": row["upper"],
    }


HANDLERS: Final = (record_dropped,)
