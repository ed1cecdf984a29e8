"""Lists through the door: added, repeated, refused, listed by pages, removed; whose they are."""

from typing import Any

import pytest

from tests.service.rooms.lists.conftest import Lists, body
from tests.support.uow import texts_in


def test_an_entry_is_added_shown_and_removed(lists: Lists) -> None:
    made = lists.add(expires_at="2026-12-01T00:00:00Z")

    assert made == {
        "id": made["id"],
        "kind": "block",
        "strength": "overridable",
        "entity": "payee",
        "value": "p_77",
        "prefix": None,
        "reason": "three payers never got anything",
        "owner": "risk team",
        "added_by": "key_1",
        "created_at": "2026-11-23T08:00:00Z",
        "expires_at": "2026-12-01T00:00:00Z",
    }
    path = f"/v1/lists/entries/{made['id']}"
    assert lists.front.get(path).get_json() == made
    removed = lists.front.post(f"{path}/remove", {})
    assert (removed.status_code, removed.get_json()) == (200, made)
    again = lists.front.post(f"{path}/remove", {})
    assert (again.status_code, again.get_json()["code"]) == (404, "list_entry_not_found")
    assert lists.front.get(path).status_code == 404
    assert lists.rows() == []


def test_each_change_is_an_entry_of_the_log(lists: Lists) -> None:
    made = lists.add(strength="absolute")
    lists.front.post(f"/v1/lists/entries/{made['id']}/remove", {})
    lists.refused(expires_at="2026-11-23T08:00:00Z")

    told = [one for one in lists.house.entries() if one["kind"].startswith("list_entry.")]
    assert [(one["kind"], one["outcome"]) for one in told] == [
        ("list_entry.added", "success"),
        ("list_entry.removed", "success"),
        ("list_entry.added", "failure"),
    ]
    versions = [one["fields"].pop("lists") for one in told[:2]]
    assert told[0]["fields"] == told[1]["fields"]
    assert len(set(versions)) == 2
    assert told[0]["fields"]["strength"] == "absolute"
    assert told[0]["fields"]["value"] == "p_77"


def test_a_repeated_request_changes_nothing_more(lists: Lists) -> None:
    first = lists.front.post("/v1/lists/entries", body(), idempotency="the-same-key-0001")
    before = lists.house.dump()

    second = lists.front.post("/v1/lists/entries", body(), idempotency="the-same-key-0001")

    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert lists.house.dump() == before


def test_a_value_stands_on_a_list_once(lists: Lists) -> None:
    made = lists.add()

    response = lists.front.post("/v1/lists/entries", body(reason="again"))

    said = response.get_json()
    assert (response.status_code, said["code"]) == (409, "list_entry_exists")
    assert said["entry_id"] == made["id"]
    lists.add(kind="watch")
    assert len(lists.rows()) == 2


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"kind": "allow", "strength": "absolute"}, "/strength"),
        ({"entity": "ip", "value": "203.0.113.0/23"}, "/value"),
        ({"entity": "ip", "value": "203.0.113.9/24"}, "/value"),
        ({"entity": "ip", "value": "::ffff:203.0.113.0/120"}, "/value"),
        ({"entity": "email", "value": "nobody"}, "/value"),
        ({"entity": "bin", "value": "4111"}, "/value"),
        ({"entity": "bin", "value": "411111-421111"}, "/value"),
        ({"entity": "bin", "value": "411119-411111"}, "/value"),
        ({"entity": "ip_country", "value": "cn"}, "/value"),
        ({"entity": "payee", "value": "p_支"}, "/value"),
        ({"entity": "payee", "value": "p_77", "prefix": 24}, "/value"),
    ],
)
def test_a_value_that_cannot_match_is_refused(
    lists: Lists, given: dict[str, Any], where: str
) -> None:
    assert lists.refused(**given) == (422, "body_invalid", [where])
    assert lists.rows() == []


def test_an_entry_that_is_over_before_it_begins_is_refused(lists: Lists) -> None:
    said = lists.refused(expires_at="2026-11-23T08:00:00Z")

    assert said == (422, "list_entry_over", ["/expires_at"])


@pytest.mark.parametrize(
    ("entity", "clear", "prefix"),
    [
        ("email", "Lin.Zhang@example.com", None),
        ("phone", "+86 138 0013 8000", None),
        ("ip", "203.0.113.9", 32),
        ("ip", "203.0.0.0/16", 16),
        ("ip", "2001:db8:1234::/48", 48),
    ],
)
def test_a_clear_contact_or_address_is_not_stored(
    lists: Lists, entity: str, clear: str, prefix: int | None
) -> None:
    made = lists.add(entity=entity, value=clear)

    assert made["prefix"] == prefix
    assert clear.lower() not in (texts_in(lists.rows()) + str(lists.house.entries())).lower()
    path = f"/v1/lists/entries/{made['id']}/remove"
    lists.front.post(path, {})
    # What was shown is taken again, so that an export can be imported.
    again = lists.add(entity=entity, value=made["value"], prefix=made["prefix"])
    assert (again["value"], again["prefix"]) == (made["value"], made["prefix"])


def test_lists_come_by_pages_and_filters(lists: Lists) -> None:
    for number in range(5):
        lists.add(value=f"p_{number}")
    lists.add(kind="watch", entity="device", value="d_1")

    assert lists.shown() == ["d_1", "p_4", "p_3", "p_2", "p_1", "p_0"]
    assert lists.shown("?kind=watch") == ["d_1"]
    assert lists.shown("?entity=payee&value=p_3") == ["p_3"]
    assert lists.shown("?kind=allow") == []
    found, path = [], "/v1/lists/entries?kind=block&limit=2"
    cursor = ""
    while cursor is not None:
        said = lists.front.get(f"{path}&cursor={cursor}" if cursor else path).get_json()
        found += [one["value"] for one in said["entries"]]
        cursor = said["next_cursor"]
    assert found == ["p_4", "p_3", "p_2", "p_1", "p_0"]


def test_lists_are_a_merchants_own_in_each_mode(lists: Lists) -> None:
    made = lists.add()
    path = f"/v1/lists/entries/{made['id']}"
    strangers = (
        lists.door(lists.merchant()),
        lists.door(lists.merchant(lists.call.tenant_id)),
        lists.door(lists.call, mode="sandbox"),
    )

    for front in strangers:
        assert front.get(path).status_code == 404
        assert front.post(f"{path}/remove", {}).status_code == 404
        assert front.get("/v1/lists/entries").get_json()["entries"] == []
        assert front.post("/v1/lists/entries", body()).status_code == 201
    assert len(lists.rows()) == 4


def test_each_route_asks_for_its_scope(lists: Lists) -> None:
    reader = lists.door(lists.call, scopes=("lists:read",))
    writer = lists.door(lists.call, scopes=("lists:write",))

    assert reader.post("/v1/lists/entries", body()).status_code == 403
    assert writer.get("/v1/lists/entries").status_code == 403
