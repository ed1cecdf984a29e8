"""Stored replies: the same key gives the same answer, another body is refused. SQL and codec."""

import datetime as dt
from typing import Final

import msgspec
import sqlalchemy as sa

from service.db.statements import Bound, Row, Statement
from service.kernel.errors import Problem
from service.unit_of_work import schemas
from service.unit_of_work.commands import Call, Reply
from service.unit_of_work.tables import IDEMPOTENCY

REPLY_KEPT: Final = dt.timedelta(days=31)
HASH_KEPT: Final = dt.timedelta(days=400)
# Rows of one command: 500 held the writer up for 9 to 25 ms here, 100 for 2 ms and the fsync;
# the worker comes again as long as there are more.
TRIMMED_AT_ONCE: Final = 100

KEY_REUSED: Final = Problem("idempotency_key_reused", 422)
KEY_EXPIRED: Final = Problem("idempotency_key_expired", 409)

STORED_REPLY: Final = Statement(
    sa.select(IDEMPOTENCY.c.fingerprint, IDEMPOTENCY.c.reply).where(
        IDEMPOTENCY.c.tenant_id == sa.bindparam("tenant_id"),
        IDEMPOTENCY.c.owner == sa.bindparam("owner"),
        IDEMPOTENCY.c.route == sa.bindparam("route"),
        IDEMPOTENCY.c.key_hash == sa.bindparam("key_hash"),
    ),
    name="stored reply",
)
INSERT_REPLY: Final = Statement(sa.insert(IDEMPOTENCY), rows=1, name="insert reply")


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    schema: int
    reply: Reply


def lookup(call: Call) -> Bound | None:
    """Return the read of a call's stored reply; None where the call has no key."""
    key = call.idempotency
    if key is None:
        return None
    return STORED_REPLY(
        tenant_id=call.tenant_id, owner=key.owner, route=key.route, key_hash=key.key_hash
    )


def lock_key(call: Call) -> str | None:
    """Return the key under which two equal requests share a batch slot."""
    key = call.idempotency
    if key is None:
        return None
    return f"idempotency:{call.tenant_id}:{key.owner}:{key.route}:{key.key_hash.hex()}"


def replay(row: Row, *, call: Call, batch: int, now: dt.datetime) -> Reply:
    """Return what a stored reply means for this call; commits nothing.

    Args:
        row: The stored row.
        call: The call with its fingerprint.
        batch: The newest batch, for refusals that belong to none.
        now: The writer's clock, by which the front end judges what the reply may still give.

    Raises:
        UnknownSchema: A newer version of the software stored the reply.
        msgspec.ValidationError: The stored reply is damaged.
    """
    assert call.idempotency is not None
    if row["fingerprint"] != call.idempotency.fingerprint:
        return Reply(kind="refused", problem=KEY_REUSED, batch=batch, now=now)
    if row["reply"] is None:
        return Reply(kind="refused", problem=KEY_EXPIRED, batch=batch, now=now)
    stored = msgspec.msgpack.decode(row["reply"], type=_Stored)
    if stored.schema != schemas.REPLY:
        raise schemas.UnknownSchema(f"reply of schema {stored.schema}")
    return msgspec.structs.replace(stored.reply, replayed=True, now=now)


def store(call: Call, reply: Reply) -> Bound | None:
    """Return the statement that keeps a reply; None where the call has no key."""
    key = call.idempotency
    if key is None:
        return None
    return INSERT_REPLY(
        tenant_id=call.tenant_id,
        owner=key.owner,
        route=key.route,
        key_hash=key.key_hash,
        fingerprint=key.fingerprint,
        reply=msgspec.msgpack.encode(_Stored(schemas.REPLY, reply)),
        batch=reply.batch,
        created_at=reply.now,
    )
