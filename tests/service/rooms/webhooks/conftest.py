"""A merchant with webhook endpoints, and what the worker would do about them."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import pytest

from keys.entropy import CountingEntropy
from keys.webhooks import SigningKeys
from service.db.places import Place
from service.db.statements import Row
from service.rooms.webhooks import jobs
from service.rooms.webhooks.contract import CreateEndpoint, Endpoint
from service.rooms.webhooks.model import new_keys
from service.rooms.webhooks.tables import CURSORS, DELIVERIES, ENDPOINTS, EVENTS, SECRETS
from service.unit_of_work.commands import Call, Reply
from service.worker.due import Due
from service.worker.parcels import Cause, Outcome, Parcel
from tests.support.desk import Desk

URL: Final = "https://hooks.example/payguard"


class Hooks:
    """A desk whose merchant is told what happens.

    Attributes:
        desk: The merchant's payments.
        source: What the worker sends.
    """

    def __init__(self, place: Place) -> None:
        self.desk = Desk(place, mode="sandbox")
        self.house = self.desk.house
        self.call = self.desk.call
        self.source = jobs.Deliveries(self.house.spanning, self.desk.sealer)
        self._entropy = CountingEntropy(70_000)
        self._count = 0

    def keys(self, call: Call | None = None) -> dict[str, Any]:
        """Return the fields of a command that bring new keys."""
        call = call or self.call
        self._count += 1
        place = (call.tenant_id, call.merchant_id, call.mode, f"whs_{self._count}")
        made = SigningKeys.generate(self._entropy)
        return new_keys(made, place=place, sealer=self.desk.sealer, entropy=self._entropy).sealed

    def creation(self, call: Call | None = None, **given: Any) -> CreateEndpoint:
        values = {"url": URL, "description": "", "kinds": ()}
        return CreateEndpoint(**{**values, **self.keys(call), **given})

    def endpoint(self, call: Call | None = None, **given: Any) -> Endpoint:
        made: Endpoint = self.house.accept(self.creation(call, **given), call or self.call)
        return made

    def fan_out(self) -> int:
        """Do what the worker's timer finds; return how many commands that took."""
        due = jobs.FanOuts(self.house.spanning)(self.house.clock.now(), 200)
        return sum(self.run(one).kind == "accepted" for one in due)

    def run(self, due: Due) -> Reply:
        return self.house.run(due.command, due.call)

    def parcels(self, limit: int = 10, busy: tuple[str, ...] = ()) -> list[Parcel]:
        """Return what is due now."""
        now = self.house.clock.now()
        return list(self.source(now, lambda name: 0 if name in busy else limit))

    def pay(self) -> list[Parcel]:
        """Return what is sent for a new payment."""
        self.desk.create()
        self.fan_out()
        return self.parcels()

    def report(self, parcel: Parcel, **given: Any) -> Reply:
        """Report what came of a parcel, as the worker does."""
        [due] = jobs.settle([outcome(parcel, **given)])
        return self.run(due)

    def deliveries(self) -> list[Row]:
        return self.house.rows(DELIVERIES)

    def events(self) -> list[Row]:
        return self.house.rows(EVENTS)

    def endpoints(self) -> list[Row]:
        return self.house.rows(ENDPOINTS)

    def secrets(self) -> list[Row]:
        return self.house.rows(SECRETS)

    def cursors(self) -> list[Row]:
        return self.house.rows(CURSORS)

    def wait(self, by: dt.timedelta) -> None:
        self.house.clock.advance(by)


def outcome(
    parcel: Parcel,
    cause: Cause = "ok",
    status: int | None = 200,
    retry_after_s: int | None = None,
) -> Outcome:
    """Return what came of a parcel."""
    return Outcome(
        parcel=parcel,
        delivered=cause == "ok",
        status=status,
        cause=cause,
        latency_ms=5,
        retry_after_s=retry_after_s,
    )


@pytest.fixture
def hooks(place: Place) -> Iterator[Hooks]:
    made = Hooks(place)
    yield made
    made.house.close()
