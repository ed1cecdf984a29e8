"""Desks under preset CN and without levels, and the door of what is judged besides payments."""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from service.db.places import Place
from service.rooms.assessments.api import ROUTES
from service.rooms.assessments.tables import ACTIONS
from service.rooms.challenges import api as challenges
from service.rooms.lists import api as lists
from service.unit_of_work.commands import Call, Mode
from tests.support.desk import Desk
from tests.support.front import Front

SCOPES: Final = (
    *("assessments:write", "assessments:read", "assessments:decide"),
    *("payments:read", "payments:write", "lists:write"),
)


class Actions:
    """A merchant whose logins and payouts are judged behind the real door."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.house = desk.house
        self.front = self.door(desk.call)

    def door(self, call: Call, mode: Mode | None = None, scopes: tuple[str, ...] = SCOPES) -> Front:
        whose = {"tenant_id": call.tenant_id, "merchant_id": call.merchant_id}
        routes = (*ROUTES, *challenges.ROUTES, *lists.ROUTES)
        return Front(self.house, routes, scopes=scopes, mode=mode or call.mode, **whose)

    def body(self, event: str = "login", **given: Any) -> dict[str, Any]:
        belongs: dict[str, Any] = {}
        if event in {"new_payee", "payout"}:
            belongs["payee"] = {"payee_id": "p_77"}
        if event == "payout":
            belongs["amount"] = {"value": 10_000, "currency": "CNY"}
        if event == "account_change":
            belongs["changes"] = ["email"]
        at = self.house.clock.now().isoformat()
        told = {"event": event, "payer": {"payer_id": "c_17"}, "occurred_at": at}
        return told | belongs | given

    def made(self, event: str = "login", **given: Any) -> Any:
        response = self.front.post("/v1/assessments", self.body(event, **given))
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    def refused(self, event: str = "login", **given: Any) -> tuple[int, str, list[str]]:
        said = self.front.post("/v1/assessments", self.body(event, **given)).get_json()
        return said["status"], said["code"], [one["pointer"] for one in said.get("errors", ())]

    def held(self, **given: Any) -> Any:
        """Return a payout that waits: its payer's contact was changed an hour ago."""
        changed = {"payer_id": "c_17", "contact_changed_at": "2026-11-23T07:00:00Z"}
        return self.made("payout", payer=changed, **given)

    def decide(self, made: Any, word: str, **given: Any) -> Any:
        return self.front.post(f"/v1/assessments/{made['id']}/{word}", given)

    def shown(self, made: Any) -> Any:
        return self.front.get(f"/v1/assessments/{made['id']}").get_json()

    def rows(self) -> list[dict[str, Any]]:
        return self.house.rows(ACTIONS)


@pytest.fixture
def cn(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN")
    desk.register()
    yield desk
    desk.house.close()


@pytest.fixture
def actions(cn: Desk) -> Actions:
    return Actions(cn)


@pytest.fixture
def plain(place: Place) -> Iterator[Actions]:
    """Return a merchant whose preset asks for no proof."""
    made = Actions(Desk(place))
    yield made
    made.house.close()


@pytest.fixture
def sandbox(place: Place) -> Iterator[Actions]:
    made = Actions(Desk(place, preset="CN", mode="sandbox"))
    yield made
    made.house.close()
