"""What webhooks want done later: messages fanned out, deliveries sent and settled, old ones cut.

Secrets are opened when a delivery is signed and at no other time.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from keys import webhooks
from keys.sealing import Sealer
from keys.webhooks import SigningKeys
from service.db.reader import Reader
from service.db.statements import Row
from service.rooms.webhooks import queries
from service.rooms.webhooks.contract import (
    DELIVERED_AT_ONCE,
    DELIVERY_KEPT,
    MESSAGES_AT_ONCE,
    Attempt,
    Delivered,
    DeliveryFailed,
    FanOut,
    Place,
    TrimDeliveries,
)
from service.rooms.webhooks.model import place_of_keys
from service.unit_of_work.commands import HOUSE, Call
from service.worker.due import Due, by_timer
from service.worker.parcels import PARCELS_MAX, Outcome, Parcel, Room

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
# One poll brings a tenant's messages into line in so many steps at most; the next poll goes on.
STEPS_A_POLL: Final = 20
RECEIVERS_AT_ONCE: Final = 500
TRIM_EVERY: Final = dt.timedelta(hours=1)


class FanOuts:
    """The timer that finds messages which became nobody's delivery yet, the tenants in turn.

    Args:
        reader: Where cursors and messages are read.
        paused: Subjects that are left alone now, as the loop that asks keeps them.
    """

    def __init__(self, reader: Reader, paused: Collection[str] = ()) -> None:
        self._reader = reader
        self._paused = paused
        self._after = ""

    def __call__(self, _now: dt.datetime, limit: int) -> Sequence[Due]:
        """Return commands that are due, a step or more for each tenant and `limit` at most.

        Raises:
            StoreUnavailable: Nobody can say now.
        """
        behind = [one for one in self._behind(limit) if _subject(one) not in self._paused]
        # So that the last in the alphabet has its steps beside one that is far behind.
        steps = min(limit // max(len(behind), 1), STEPS_A_POLL)
        return [due for one in behind for due in _fan_outs_of(self._reader, one, steps)]

    def _behind(self, limit: int) -> list[Row]:
        """Return tenants that are behind, from where the last look ended."""
        found = self._reader.fetch(queries.BEHIND(after=self._after, limit=limit))
        if not found and self._after:
            found = self._reader.fetch(queries.BEHIND(after="", limit=limit))
        self._after = found[-1]["tenant_id"] if len(found) == limit else ""
        return found


def _subject(cursor: Row) -> str:
    return f"webhooks:{cursor['tenant_id']}"


def lowest_unread(reader: Reader) -> int | None:
    """Return the sequence of the oldest message that some cursor has not passed, or None.

    A cursor that is started later begins behind all messages of its tenant: it lowers nothing.
    """
    [row] = reader.fetch(queries.LOWEST_UNREAD())
    unread: int | None = row["unread"]
    return unread


def _fan_outs_of(reader: Reader, cursor: Row, steps: int) -> Iterator[Due]:
    """Yield a tenant's commands, so many at most, each from where the one before it ends."""
    places = [
        Place(sequence=row["sequence"], ordinal=row["ordinal"])
        for row in reader.fetch(
            queries.PLACES_AFTER(
                tenant_id=cursor["tenant_id"],
                after_sequence=cursor["sequence"],
                after_ordinal=cursor["ordinal"],
                limit=steps * MESSAGES_AT_ONCE,
            )
        )
    ]
    after = Place(sequence=cursor["sequence"], ordinal=cursor["ordinal"])
    for start in range(0, len(places), MESSAGES_AT_ONCE):
        until = places[start : start + MESSAGES_AT_ONCE][-1]
        yield Due(
            subject=_subject(cursor),
            command=FanOut(after=after, until=until),
            call=by_timer(cursor["tenant_id"], HOUSE, "live"),
        )
        after = until


class Deliveries:
    """The parcels of all endpoints, a few of each receiver, the receivers in turn.

    Args:
        reader: Where deliveries and sealed keys are read.
        sealer: Opens the keys when a parcel is signed.
        receivers: How many are looked at in one poll; those behind have their turn in the next.
        rows: How many are read in one poll, and no more begun; the same.
    """

    def __init__(
        self,
        reader: Reader,
        sealer: Sealer,
        *,
        receivers: int = RECEIVERS_AT_ONCE,
        rows: int = PARCELS_MAX,
    ) -> None:
        self._reader = reader
        self._sealer = sealer
        self._limit = receivers
        self._rows = rows
        self._after = ""

    def __call__(self, now: dt.datetime, room: Room) -> Sequence[Parcel]:
        """Return parcels that are due; service.worker.parcels.Source says how many.

        Raises:
            StoreUnavailable: Nobody can say now.
        """
        parcels: list[Parcel] = []
        for one in self._receivers(now):
            limit = room(one["endpoint_id"])
            if not limit:
                continue
            parcels += self._parcels(one, now, limit)
            if len(parcels) >= self._rows:
                # Those behind it have their turn in the next look.
                self._after = one["endpoint_id"]
                break
        return parcels

    def _receivers(self, now: dt.datetime) -> list[Row]:
        """Return endpoints with something due, from where the last look ended."""
        read = queries.RECEIVERS_DUE
        found = self._reader.fetch(read(after=self._after, now=now, limit=self._limit))
        if not found and self._after:
            found = self._reader.fetch(read(after="", now=now, limit=self._limit))
        is_full = len(found) == self._limit
        self._after = found[-1]["endpoint_id"] if is_full else ""
        return found

    def _parcels(self, receiver: Row, now: dt.datetime, limit: int) -> Iterator[Parcel]:
        of = {"tenant_id": receiver["tenant_id"], "endpoint_id": receiver["endpoint_id"]}
        due = self._reader.fetch(queries.DELIVERIES_DUE(**of, now=now, limit=limit))
        sealed = self._reader.fetch(queries.SEALED_KEYS(**of, now=now))
        if not sealed:
            # It was deleted between the two looks.
            return
        call = by_timer(receiver["tenant_id"], receiver["merchant_id"], receiver["mode"])
        for row in due:
            yield Parcel(
                delivery_id=row["delivery_id"],
                receiver=receiver["endpoint_id"],
                url=receiver["url"],
                sign=self._signer(call, sealed, row),
                body=row["body"],
                attempt=row["attempts"] + 1,
                call=call,
                sandbox=receiver["mode"] == "sandbox",
            )

    def _signer(
        self, call: Call, sealed: Sequence[Row], delivery: Row
    ) -> Callable[[int], Mapping[str, str]]:
        def sign(unix_s: int) -> Mapping[str, str]:
            keys = [
                SigningKeys(
                    self._sealer.open(
                        row["sealed"],
                        bound_to=place_of_keys(
                            tenant_id=call.tenant_id,
                            merchant_id=call.merchant_id,
                            mode=call.mode,
                            secret_id=row["secret_id"],
                        ),
                    )
                )
                for row in sealed
            ]
            signed = webhooks.headers(
                keys, message_id=delivery["event_id"], timestamp=unix_s, body=delivery["body"]
            )
            return {"content-type": CONTENT_TYPE, **signed}

        return sign


def settle(outcomes: Sequence[Outcome]) -> Sequence[Due]:
    """Return the commands that write down what came of parcels; twice does nothing more."""

    def receiver(outcome: Outcome) -> str:
        return outcome.parcel.receiver

    dues = [_failed(one) for one in outcomes if not one.delivered]
    taken = sorted((one for one in outcomes if one.delivered), key=receiver)
    for endpoint_id, group in groupby(taken, key=receiver):
        several = list(group)
        for start in range(0, len(several), DELIVERED_AT_ONCE):
            some = several[start : start + DELIVERED_AT_ONCE]
            attempts = tuple(
                Attempt(delivery_id=one.delivery_id, attempt=one.attempt, status=one.status)
                for one in some
            )
            command = Delivered(endpoint_id=endpoint_id, attempts=attempts)
            dues.append(Due(subject=endpoint_id, command=command, call=some[0].parcel.call))
    return dues


def _failed(outcome: Outcome) -> Due:
    command = DeliveryFailed(
        endpoint_id=outcome.parcel.receiver,
        delivery_id=outcome.delivery_id,
        attempt=outcome.attempt,
        cause=outcome.cause,
        status=outcome.status,
        retry_after_s=outcome.retry_after_s,
    )
    return Due(subject=outcome.delivery_id, command=command, call=outcome.parcel.call)


class Trimming:
    """The timer of TrimDeliveries: looks once an hour, and on while there is more to do."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._looks_at: dt.datetime | None = None

    def __call__(self, now: dt.datetime, _limit: int) -> Sequence[Due]:
        """Return the command if anything is over; with nothing to do, nothing is logged either."""
        if self._looks_at is not None and now < self._looks_at:
            return ()
        if not self._reader.fetch(queries.OLDEST(before=now - DELIVERY_KEPT)):
            self._looks_at = now + TRIM_EVERY
            return ()
        call = by_timer()
        return (Due(subject="webhooks", command=TrimDeliveries(), call=call),)
