import base64
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.http.paging import after, cursor_after
from service.http.ports import Principal
from service.http.routes import Answer, op

SECRET = "pk_live_notes_0123456789"


def test_pages_follow_each_other_by_cursor_and_by_link(house: Any) -> None:
    first = house.get("/v1/notes?limit=3&word=a%20b&is_open=true")
    cursor = first.get_json()["next_cursor"]
    link = first.headers["Link"]
    second = house.get(f"/v1/notes?limit=3&word=a+b&is_open=true&cursor={cursor}")
    third = house.get("/v1/notes" + link[1 : link.index(">")])

    assert first.get_json()["items"] == [1, 2, 3]
    assert link.endswith('>; rel="next"')
    assert second.get_json()["items"] == [4, 5, 6]
    assert third.get_json() == second.get_json()


def test_the_limit_may_change_between_pages(house: Any) -> None:
    cursor = house.get("/v1/notes?limit=3").get_json()["next_cursor"]

    assert house.get(f"/v1/notes?limit=2&cursor={cursor}").get_json()["items"] == [4, 5]


def test_a_page_has_fifty_rows_unless_told_otherwise(house: Any) -> None:
    assert len(house.get("/v1/notes").get_json()["items"]) == 50
    assert len(house.get("/v1/notes?limit=200").get_json()["items"]) == 200


@pytest.mark.parametrize("query", ["word=a", "is_open=false", "word=&is_open=true"])
def test_a_cursor_belongs_to_its_filters(house: Any, query: str) -> None:
    cursor = house.get("/v1/notes?is_open=true").get_json()["next_cursor"]

    house.refused(house.get(f"/v1/notes?{query}&cursor={cursor}"), 400, "cursor_invalid")


@pytest.mark.parametrize(
    "change", [{"tenant_id": "ten_2"}, {"merchant_id": "mer_2"}, {"mode": "sandbox"}]
)
def test_a_cursor_belongs_to_its_owner(house: Any, change: dict[str, str]) -> None:
    cursor = house.get("/v1/notes").get_json()["next_cursor"]
    mine = house.principals[SECRET]
    values: dict[str, Any] = {name: getattr(mine, name) for name in Principal.__slots__}
    house.principals[SECRET] = Principal(**values | change)

    house.refused(house.get(f"/v1/notes?cursor={cursor}"), 400, "cursor_invalid")


def test_a_rotated_key_of_the_same_merchant_goes_on(house: Any) -> None:
    cursor = house.get("/v1/notes").get_json()["next_cursor"]

    response = house.get(f"/v1/notes?cursor={cursor}", Authorization=f"Bearer {SECRET}x")

    assert response.status_code == 200


def test_a_cursor_belongs_to_its_list(build: Any, routes: Any) -> None:
    other = op(
        "get",
        "/v1/others",
        name="list_others",
        summary="List others.",
        query=routes[1].query,
        gives=routes[1].gives,
        scope="notes:read",
        writes=False,
        run=routes[1].run,
    )
    house = build([*routes, other])
    cursor = house.get("/v1/notes").get_json()["next_cursor"]

    house.refused(house.get(f"/v1/others?cursor={cursor}"), 400, "cursor_invalid")


def test_every_changed_bit_of_a_cursor_is_seen(house: Any) -> None:
    cursor = house.get("/v1/notes").get_json()["next_cursor"]
    sealed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))

    for place in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[place // 8] ^= 1 << place % 8
        text = base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
        house.refused(house.get(f"/v1/notes?cursor={text}"), 400, "cursor_invalid")


@given(text=st.text(max_size=80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_anything_else_is_no_cursor(house: Any, text: str) -> None:
    response = house.get(f"/v1/notes?cursor={quote(text, errors='replace')}")

    assert response.get_json()["code"] in {"cursor_invalid", "query_malformed", "rate_limited"}


@pytest.mark.parametrize("tail", ["=", "==", "\u00e9", " ", "%0A", "."])
def test_a_cursor_has_one_spelling(house: Any, tail: str) -> None:
    cursor = house.get("/v1/notes").get_json()["next_cursor"]

    house.refused(house.get(f"/v1/notes?cursor={cursor}{tail}"), 400, "cursor_invalid")


def test_a_cursor_does_not_show_the_key(house: Any) -> None:
    cursor = house.get("/v1/notes?word=hunter2").get_json()["next_cursor"]

    assert b"hunter2" not in base64.urlsafe_b64decode(cursor + "==")


@given(last=st.lists(st.text(max_size=10) | st.integers(-(2**63), 2**63 - 1), max_size=3))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_last_key_comes_back(build: Any, routes: Any, last: list[str | int]) -> None:
    seen: list[Any] = []

    def run(request: Any, ports: Any) -> Any:
        seen.append(after(request, ports))
        seen.append(cursor_after(last, request, ports))
        return Answer()

    house = build(
        [
            op(
                "get",
                "/v1/keys",
                name="list_keys",
                summary="List keys.",
                query=routes[1].query,
                gives=(200, None),
                scope="notes:read",
                writes=False,
                run=run,
            )
        ]
    )
    house.get("/v1/keys")
    house.get(f"/v1/keys?cursor={seen[1]}")

    assert seen[0] is None
    assert seen[2] == tuple(last)
