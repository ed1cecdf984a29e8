"""Events and outbox rows as statements, and events read back. Never folds: rooms do."""

import datetime as dt
from collections.abc import Callable
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.state import entities
from service.unit_of_work import schemas
from service.unit_of_work.commands import Call
from service.unit_of_work.outcome import Event, Message
from service.unit_of_work.tables import EVENTS, MESSAGES

INSERT_EVENT: Final = Statement(sa.insert(EVENTS), rows=1, name="insert event")
INSERT_MESSAGE: Final = Statement(sa.insert(MESSAGES), rows=1, name="insert message")
EVENTS_OF: Final = Statement(
    sa.select(EVENTS)
    .where(
        EVENTS.c.tenant_id == sa.bindparam("tenant_id"),
        EVENTS.c.merchant_id == sa.bindparam("merchant_id"),
        EVENTS.c.subject_id == sa.bindparam("subject_id"),
    )
    .order_by(EVENTS.c.sequence, EVENTS.c.ordinal)
    .limit(sa.bindparam("limit")),
    name="events of a subject",
)
OBSERVATIONS_AFTER: Final = Statement(
    sa.select(EVENTS.c.sequence, EVENTS.c.tenant_id, EVENTS.c.mode, EVENTS.c.observations)
    .where(EVENTS.c.sequence > sa.bindparam("after"), EVENTS.c.sequence <= sa.bindparam("until"))
    .order_by(EVENTS.c.sequence, EVENTS.c.ordinal),
    name="observations after a sequence",
)
NEXT_OBSERVED: Final = Statement(
    sa.select(EVENTS.c.sequence)
    .where(EVENTS.c.sequence > sa.bindparam("after"), EVENTS.c.observations.is_not(None))
    .order_by(EVENTS.c.sequence)
    .limit(1),
    name="next sequence with observations",
)


# Commands whose events are read at once; a page is never cut inside a command.
COMMANDS_AT_ONCE: Final = 1_000


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a commit adds to each of a command's rows."""

    sequence: int
    batch: int
    at: dt.datetime


def write_event(event: Event, *, ordinal: int, call: Call, stamp: Stamp) -> Bound:
    """Return the statement that stores an event."""
    return INSERT_EVENT(
        tenant_id=call.tenant_id,
        subject_id=event.subject_id,
        sequence=stamp.sequence,
        ordinal=ordinal,
        merchant_id=call.merchant_id,
        mode=call.mode,
        type=event.type,
        schema=schemas.EVENT,
        batch=stamp.batch,
        occurred_at=event.occurred_at,
        ingested_at=stamp.at,
        body=msgspec.json.encode(event.body),
        observations=entities.pack(event.observations),
    )


def write_message(message: Message, *, ordinal: int, call: Call, stamp: Stamp) -> Bound:
    """Return the statement that puts a message into the outbox."""
    return INSERT_MESSAGE(
        tenant_id=call.tenant_id,
        sequence=stamp.sequence,
        ordinal=ordinal,
        merchant_id=call.merchant_id,
        mode=call.mode,
        kind=message.kind,
        subject_id=message.subject_id,
        schema=schemas.MESSAGE,
        batch=stamp.batch,
        created_at=stamp.at,
        body=msgspec.json.encode(message.body),
    )


def observations_after(fetch: Callable[[Bound], list[Row]], after: int) -> list[Row]:
    """Return the observing events of some commands after a sequence, whole commands only.

    An empty list says that there are no more.
    """
    found = fetch(NEXT_OBSERVED(after=after))
    if not found:
        return []
    before = found[0]["sequence"] - 1
    return fetch(OBSERVATIONS_AFTER(after=before, until=before + COMMANDS_AT_ONCE))


def body_of(row: Row) -> dict[str, Any]:
    """Return a stored event's body in the newest shape."""
    record: dict[str, Any] = msgspec.json.decode(row["body"])
    return schemas.EVENTS.lift("event", row["schema"], record)
