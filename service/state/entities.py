"""Whose feature state it is, what a fact adds to it, and the table that keeps it. Pure."""

import datetime as dt
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import sqlalchemy as sa

from service.db.metadata import METADATA

ENTITIES: Final = sa.Table(
    "entities",
    METADATA,
    sa.Column("tenant_id", sa.String(64), primary_key=True),
    sa.Column("mode", sa.String(8), primary_key=True),
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("feature_set", sa.String(64), nullable=False),
    # The last sequence whose events the state holds.
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("state", sa.LargeBinary, nullable=False),
)


class EntityKey(NamedTuple):
    """Names one entity's feature state."""

    tenant_id: str
    mode: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a fact adds to the feature state of one entity.

    Attributes:
        kind: Entity kind, such as `payer`.
        key: The entity within its tenant and mode.
        at: Event time.
        amount_minor: Minor units, 0 or more.
        currency: ISO 4217 code.
    """

    kind: str
    key: str
    at: dt.datetime
    amount_minor: int
    currency: str


def pack(observations: tuple[Observation, ...]) -> bytes | None:
    """Return observations as msgpack, or None where there are none."""
    if not observations:
        return None
    return msgspec.msgpack.encode(
        [(one.kind, one.key, one.at, one.amount_minor, one.currency) for one in observations]
    )


def unpack(packed: bytes | None) -> tuple[Observation, ...]:
    """Return the observations of a stored event."""
    if packed is None:
        return ()
    rows = msgspec.msgpack.decode(packed, type=list[tuple[str, str, dt.datetime, int, str]])
    return tuple(
        Observation(kind=kind, key=key, at=at, amount_minor=minor, currency=currency)
        for kind, key, at, minor, currency in rows
    )
