"""Whose feature state it is, what a fact adds to it, and the table that keeps it. Pure."""

import datetime as dt
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

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


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """All that labels say of one payment.

    Attributes:
        payment_id: The payment.
        said: When each label became known, in whole seconds since 1970, and whether it says fraud;
            in the order of becoming known.
        was_normal: Whether its amount was normal for its payer.
    """

    payment_id: str
    said: tuple[tuple[int, bool], ...]
    was_normal: bool


class Observation(msgspec.Struct, frozen=True, kw_only=True):
    """What a fact adds to the feature state of one entity.

    Attributes:
        kind: Entity kind, such as `payer`.
        key: The entity within its tenant and mode.
        at: Event time.
        amount_minor: Minor units, 0 or more.
        currency: ISO 4217 code.
        is_declined: What was said of the payment; None where that is not known.
        others: Kind -> key of every entity of the same fact; told by the observations beside it,
            so it is not stored.
        told: What labels say of the payment of that time; it is then not counted once more.
        ratio_milli: The amount in thousandths of what was usual for its payer; None where that is
            not known.
        is_partial: The event is of a form that says neither that nor the labels of payments which
            nobody doubted: a state does not know them up to that time.
    """

    kind: str
    key: str
    at: dt.datetime
    amount_minor: int
    currency: str
    is_declined: bool | None = None
    others: Mapping[str, str] = {}
    told: Told | None = None
    ratio_milli: int | None = None
    is_partial: bool = False


# The first form is a list of one row for each observation, and begins with a list; every later one
# begins with its number. All are read for ever. Before `FORM` and `FORM_TOLD` labels that only ever
# said normal were not told at all.
FORM_PLAIN: Final = 2
FORM_TOLD_FRAUDS: Final = 3
FORM: Final = 4
FORM_TOLD: Final = 5
_First = tuple[str, str, dt.datetime, int, str]
_Plain = tuple[dt.datetime, int, str, bool | None, list[str]]
# One fact: time, amount, currency, whether it was declined, the amount to what was usual, and kind
# and key in turn.
_Fact = tuple[dt.datetime, int, str, bool | None, int | None, list[str]]
# What labels say of one payment: its time, id, whether it was normal; what was said; kind and key.
_Telling = tuple[dt.datetime, str, bool, tuple[tuple[int, bool], ...], list[str]]


def pack(observations: tuple[Observation, ...]) -> bytes | None:
    """Return observations as msgpack, or None where there are none.

    What neighbours share is written once: one payment is seen by a dozen entities.
    """
    if not observations:
        return None
    if observations[0].told is not None:
        return _pack_told(observations, observations[0].told)
    facts: list[_Fact] = []
    last: Observation | None = None
    for one in observations:
        if last is None or not _is_same_fact(last, one):
            shared = (one.at, one.amount_minor, one.currency, one.is_declined, one.ratio_milli)
            facts.append((*shared, []))
        facts[-1][-1].extend((one.kind, one.key))
        last = one
    return msgspec.msgpack.encode((FORM, facts))


def unpack(packed: bytes | None) -> tuple[Observation, ...]:
    """Return the observations of a stored event, in whichever form it was written.

    Raises:
        ValueError: The form is a later one.
    """
    if packed is None:
        return ()
    form = msgspec.msgpack.decode(packed, type=list[Any])[:1]
    if form in ([FORM_TOLD], [FORM_TOLD_FRAUDS]):
        return _unpack_told(packed)
    facts, is_partial = _facts(packed), form != [FORM]
    return tuple(
        Observation(
            kind=kind,
            key=key,
            at=at,
            amount_minor=minor,
            currency=currency,
            is_declined=is_declined,
            others=others,
            ratio_milli=ratio_milli,
            is_partial=is_partial,
        )
        for at, minor, currency, is_declined, ratio_milli, named in facts
        for others in (dict(zip(named[::2], named[1::2], strict=True)),)
        for kind, key in zip(named[::2], named[1::2], strict=True)
    )


def _pack_told(observations: tuple[Observation, ...], told: Told) -> bytes:
    """Return what labels say of one payment; one event tells of no other."""
    assert {one.told for one in observations} == {told}
    names = [part for one in observations for part in (one.kind, one.key)]
    telling: _Telling = (observations[0].at, told.payment_id, told.was_normal, told.said, names)
    return msgspec.msgpack.encode((FORM_TOLD, telling))


def _unpack_told(packed: bytes) -> tuple[Observation, ...]:
    form, telling = msgspec.msgpack.decode(packed, type=tuple[int, _Telling])
    at, payment_id, was_normal, said, named = telling
    told = Told(payment_id=payment_id, said=said, was_normal=was_normal)
    return tuple(
        Observation(
            kind=kind,
            key=key,
            at=at,
            amount_minor=0,
            currency="",
            told=told,
            is_partial=form == FORM_TOLD_FRAUDS,
        )
        for kind, key in zip(named[::2], named[1::2], strict=True)
    )


def _facts(packed: bytes) -> list[_Fact]:
    head = msgspec.msgpack.decode(packed, type=list[Any])[:1]
    if head == [FORM]:
        return msgspec.msgpack.decode(packed, type=tuple[int, list[_Fact]])[1]
    if head == [FORM_PLAIN]:
        plain = msgspec.msgpack.decode(packed, type=tuple[int, list[_Plain]])[1]
        return [
            (at, minor, currency, is_declined, None, named)
            for at, minor, currency, is_declined, named in plain
        ]
    if head and isinstance(head[0], int):
        raise ValueError(f"observations of form {head[0]}")
    facts: list[_Fact] = []
    for kind, key, at, minor, currency in msgspec.msgpack.decode(packed, type=list[_First]):
        shared = (at, minor, currency)
        if facts and facts[-1][:3] == shared:
            facts[-1][-1].extend((kind, key))
        else:
            facts.append((*shared, None, None, [kind, key]))
    return facts


def _is_same_fact(one: Observation, other: Observation) -> bool:
    return (
        one.at == other.at
        and one.amount_minor == other.amount_minor
        and one.currency == other.currency
        and one.is_declined == other.is_declined
        and one.ratio_milli == other.ratio_milli
    )
