"""Labels through the door: told, repeated, refused, several of one payment, whose they are."""

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

import pytest

from service.db.places import Place
from service.rooms.labels.api import ROUTES
from service.rooms.labels.tables import LABELS
from service.unit_of_work.commands import Call, Mode
from service.unit_of_work.tables import EVENTS
from tests.support.desk import Desk
from tests.support.front import Front

SCOPES: Final = ("labels:write", "labels:read")
HOUR: Final = dt.timedelta(hours=1)


class Labels:
    """A merchant with one payment an hour old, and its front end."""

    def __init__(self, place: Place) -> None:
        self.desk = Desk(place)
        self.house = self.desk.house
        self.payment_id = self.desk.create().payment.id
        self.paid_at = self.house.clock.now()
        self.house.clock.advance(HOUR)
        self.front = self.door(self.desk.call)

    def door(self, call: Call, mode: Mode = "live", scopes: tuple[str, ...] = SCOPES) -> Front:
        whose = {"tenant_id": call.tenant_id, "merchant_id": call.merchant_id}
        return Front(self.house, ROUTES, scopes=scopes, mode=mode, **whose)

    def body(self, **given: Any) -> dict[str, Any]:
        return {
            "payment_id": self.payment_id,
            "intent": "scam",
            "source": "bank",
            "external_id": "case-1",
        } | given

    def told(self, **given: Any) -> Any:
        response = self.front.post("/v1/labels", self.body(**given))
        assert response.status_code == 201, response.get_json()
        return response.get_json()

    def refused(self, **given: Any) -> tuple[int, str]:
        response = self.front.post("/v1/labels", self.body(**given))
        return response.status_code, response.get_json()["code"]

    def shown(self, more: str = "") -> Any:
        return self.front.get(f"/v1/labels?payment_id={self.payment_id}{more}").get_json()

    def rows(self) -> list[dict[str, Any]]:
        return self.house.rows(LABELS)


@pytest.fixture
def labels(place: Place) -> Iterator[Labels]:
    made = Labels(place)
    yield made
    made.house.close()


def test_a_label_is_kept_shown_and_an_event(labels: Labels) -> None:
    known_at = (labels.paid_at + HOUR / 2).isoformat().replace("+00:00", "Z")
    made = labels.told(known_at=known_at)

    assert made == labels.body(id=made["id"], known_at=known_at, recorded_at="2026-11-23T09:00:00Z")
    assert labels.shown() == {"counts": made, "labels": [made], "next_cursor": None}
    [event] = [row for row in labels.house.rows(EVENTS) if row["type"] == "label.recorded"]
    assert event["subject_id"] == made["id"]
    [entry] = labels.house.entries("label.recorded")
    assert (entry["subject"], entry["payment"]) == (made["id"], labels.payment_id)
    assert entry["fields"]["intent"] == "scam"


def test_without_a_time_it_became_known_now(labels: Labels) -> None:
    assert labels.told()["known_at"] == "2026-11-23T09:00:00Z"


def test_a_repeated_request_changes_nothing_more(labels: Labels) -> None:
    first = labels.front.post("/v1/labels", labels.body(), idempotency="the-same-key-0001")
    before = labels.house.dump()

    second = labels.front.post("/v1/labels", labels.body(), idempotency="the-same-key-0001")

    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert labels.house.dump() == before


def test_a_source_names_a_label_once(labels: Labels) -> None:
    first = labels.told()
    labels.house.clock.advance(HOUR)

    assert labels.told() == first
    assert labels.told(known_at=first["known_at"]) == first
    assert labels.refused(intent="normal") == (409, "label_taken")
    assert labels.refused(known_at="2026-11-23T08:30:00Z") == (409, "label_taken")
    other = labels.desk.create(reference="another").payment.id
    assert labels.refused(payment_id=other) == (409, "label_taken")
    assert len(labels.rows()) == 1
    assert labels.house.kinds().count("label.repeated") == 2
    assert labels.told(source="officer")["id"] != first["id"]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"known_at": "2026-11-23T07:59:59.999999Z"}, (422, "known_at_out_of_range")),
        ({"known_at": "2026-11-23T09:00:00.000001Z"}, (422, "known_at_out_of_range")),
        ({"payment_id": "pay_01M83PPH00FKD3C3JJSGFQ4H24"}, (404, "payment_not_found")),
        ({"payment_id": "nothing"}, (404, "payment_not_found")),
        ({"intent": "fraud"}, (422, "body_invalid")),
        ({"external_id": ""}, (422, "body_invalid")),
        ({"known_at": "2026-11-23T08:30:00"}, (422, "body_invalid")),
    ],
)
def test_a_label_that_cannot_be_is_refused(
    labels: Labels, given: dict[str, Any], code: tuple[int, str]
) -> None:
    assert labels.refused(**given) == code
    assert labels.rows() == []


def test_from_the_payment_until_now_a_label_may_be_known(labels: Labels) -> None:
    for number, at in enumerate(("2026-11-23T08:00:00Z", "2026-11-23T09:00:00Z")):
        assert labels.told(known_at=at, external_id=f"case-{number}")["known_at"] == at


def test_the_label_that_became_known_last_counts(labels: Labels) -> None:
    late = labels.told(external_id="case-2", known_at="2026-11-23T08:50:00Z")
    early = labels.told(external_id="case-1", known_at="2026-11-23T08:10:00Z", intent="normal")

    assert labels.shown() == {"counts": late, "labels": [late, early], "next_cursor": None}
    first = labels.shown("&limit=1")
    assert first["labels"] == [late]
    second = labels.shown(f"&limit=1&cursor={first['next_cursor']}")
    assert second == {"counts": late, "labels": [early], "next_cursor": None}


def test_labels_are_a_merchants_own_in_each_mode(labels: Labels) -> None:
    labels.told()
    tenant_id = labels.desk.call.tenant_id
    strangers = (
        labels.door(labels.desk.another()),
        labels.door(labels.desk.another(tenant_id=tenant_id)),
        labels.door(labels.desk.call, mode="sandbox"),
    )

    for front in strangers:
        response = front.post("/v1/labels", labels.body(external_id="case-9"))
        assert (response.status_code, response.get_json()["code"]) == (404, "payment_not_found")
        path = f"/v1/labels?payment_id={labels.payment_id}"
        assert front.get(path).status_code == 404
    assert len(labels.rows()) == 1


def test_each_route_asks_for_its_scope(labels: Labels) -> None:
    reader = labels.door(labels.desk.call, scopes=("labels:read",))
    writer = labels.door(labels.desk.call, scopes=("labels:write",))

    assert reader.post("/v1/labels", labels.body()).status_code == 403
    assert writer.get(f"/v1/labels?payment_id={labels.payment_id}").status_code == 403
