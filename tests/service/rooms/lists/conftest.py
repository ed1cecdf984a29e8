"""Two merchants of one tenant and one of another, with lists behind the real door."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import pytest

from service.db.places import Place
from service.rooms.lists.api import ROUTES
from service.rooms.lists.commands import HANDLERS
from service.rooms.lists.tables import ENTRIES
from service.rooms.merchants.commands import HANDLERS as MERCHANTS
from service.rooms.merchants.contract import CreateMerchant
from service.unit_of_work.commands import Call, Mode
from tests.support.front import Front
from tests.support.uow import House, a_call, a_house_call

SCOPES: Final = ("lists:write", "lists:read")


class Lists:
    """A house with lists and its merchants' front ends."""

    def __init__(self, place: Place) -> None:
        self.house = House(place, (*MERCHANTS, *HANDLERS))
        self.call = self.merchant()
        self.front = self.door(self.call)

    def merchant(self, tenant_id: str | None = None, mode: Mode = "live") -> Call:
        made = self.house.accept(CreateMerchant(name="Lin", tenant_id=tenant_id), a_house_call())
        return a_call(tenant_id=made.tenant_id, merchant_id=made.merchant_id, mode=mode)

    def door(self, call: Call, mode: Mode = "live", scopes: tuple[str, ...] = SCOPES) -> Front:
        whose = {"tenant_id": call.tenant_id, "merchant_id": call.merchant_id}
        return Front(self.house, ROUTES, scopes=scopes, mode=mode, **whose)

    def add(self, **given: Any) -> Any:
        """Return the entry that an addition made."""
        response = self.front.post("/v1/lists/entries", body(**given))
        assert response.status_code == 201, response.get_json()
        # Ids made in one millisecond have no order.
        self.house.clock.advance(dt.timedelta(milliseconds=1))
        return response.get_json()

    def refused(self, **given: Any) -> tuple[int, str, list[str]]:
        """Return status, code and places of a refused addition."""
        response = self.front.post("/v1/lists/entries", body(**given))
        said = response.get_json()
        return (
            response.status_code,
            said["code"],
            [one["pointer"] for one in said.get("errors", ())],
        )

    def shown(self, query: str = "") -> list[str]:
        """Return the values of a page."""
        said = self.front.get(f"/v1/lists/entries{query}").get_json()
        return [one["value"] for one in said["entries"]]

    def rows(self) -> list[dict[str, Any]]:
        return self.house.rows(ENTRIES)


def body(**given: Any) -> dict[str, Any]:
    """Return a body that blocks a payee, unless it says otherwise."""
    return {
        "kind": "block",
        "entity": "payee",
        "value": "p_77",
        "reason": "three payers never got anything",
        "owner": "risk team",
    } | given


@pytest.fixture
def lists(place: Place) -> Iterator[Lists]:
    made = Lists(place)
    yield made
    made.house.close()
