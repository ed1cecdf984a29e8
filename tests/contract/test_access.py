"""Who may do what, how often, and how often the same: on every route of the table."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from service import wsgi
from service.db.places import Database, Place
from service.http.routes import Route
from service.rooms.merchants.contract import (
    DEFAULT_SCOPES,
)
from tests.contract.house import EVERY_SCOPE, Holder, House
from tests.contract.places import good_request

GUARDED: Final = [route for route in wsgi.ROUTES if route.scope]
OPEN: Final = [route for route in wsgi.ROUTES if not route.scope]
WRITING: Final = [route for route in wsgi.ROUTES if route.writes]
NO_KEYS: Final = (
    *(None, "", "Bearer", "Bearer ", "Bearer x", "Basic YTpi", "Payguard-Client x", "Bearer a, b"),
    *(f"Bearer pgk_live_{'a' * 52}", f"Bearer pgk_sandbox_{'a' * 51}q x", "Bearer \xe9"),
)
NO_IDEMPOTENCY_KEYS: Final = (
    *(
        "short",
        "x" * 15,
        "x" * 256,
        "with,a-comma-in-it",
        'with"a-quote-in-it',
        "with\\a-backslash",
    ),
    *("with a blank in it", "caf\xe9-caf\xe9-caf\xe9-caf\xe9", '"unbalanced-quotes', '"short"'),
)


def sequence(house: House) -> Any:
    return house.query("SELECT sequence FROM writer")


def ask(house: House, key: Holder | None, route: Route, path: str, body: Any, **more: Any) -> Any:
    return house.send(route.method.upper(), path, key=key, body=body, **more)


def all_routes(routes: list[Route]) -> Any:
    return pytest.mark.parametrize("route", routes, ids=lambda route: route.name)


@all_routes(list(wsgi.ROUTES))
def test_a_good_request_is_answered_as_documented(house: House, ada: Holder, route: Route) -> None:
    path, body = good_request(house, ada, route.name)

    answer = ask(house, ada, route, path, body)

    assert answer.status == route.gives[0]
    if body is not None:
        house.watcher.request(route.method.upper(), path, body)


@all_routes(OPEN)
def test_a_public_route_asks_for_no_key(house: House, ada: Holder, route: Route) -> None:
    path, body = good_request(house, ada, route.name)

    assert ask(house, None, route, path, body).status == route.gives[0]


@all_routes(GUARDED)
def test_a_key_without_the_scope_is_refused(house: House, ada: Holder, route: Route) -> None:
    others = tuple(one for one in EVERY_SCOPE if one != route.scope)
    merchant = house.merchant()
    lacking = house.key(merchant, "sandbox", others)
    path, body = good_request(house, ada, route.name)
    before = sequence(house)

    answer = ask(house, lacking, route, path, body)

    assert (answer.status, answer.code) == (403, "scope_missing")
    assert answer.json["required_scope"] == route.scope
    assert sequence(house) == before


@all_routes(GUARDED)
@pytest.mark.parametrize("sent", NO_KEYS)
def test_who_holds_no_key_is_refused(house: House, route: Route, sent: str | None) -> None:
    path, body = route.path, {} if route.takes else None
    before = sequence(house)

    answer = ask(house, None, route, path, body, headers={"Authorization": sent})

    twice = sent is not None and "," in sent
    assert (answer.status, answer.code) == (
        (400, "header_invalid") if twice else (401, "not_authenticated")
    )
    assert twice or answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert sequence(house) == before


def test_the_key_comes_before_the_body(house: House) -> None:
    answer = house.send("POST", "/v1/payments", body=b"[" * 100_000)

    assert (answer.status, answer.code) == (401, "not_authenticated")


def test_forced_outcomes_are_for_the_sandbox(house: House, people: Any) -> None:
    payee = {"payee_id": "test:decline"}

    assert house.create(people.ada, payee=payee)["status"] == "declined"
    assert house.create(people.ada_live, payee=payee)["status"] == "approved"


def test_a_usual_key_of_a_server_releases_nothing_that_is_held(house: House, ada: Holder) -> None:
    path, body = good_request(house, ada, "release_assessment")
    usual = house.key(house.merchant(), "sandbox", DEFAULT_SCOPES)

    answer = house.send("POST", path, key=usual, body=body)

    assert (answer.status, answer.code) == (403, "scope_missing")
    assert answer.json["required_scope"] == "assessments:decide"


def test_why_is_told_to_keys_that_may_know_alone(house: House) -> None:
    merchant = house.merchant()
    lacking = house.key(
        merchant,
        "sandbox",
        tuple(one for one in EVERY_SCOPE if one != "assessments:explain"),
    )

    created = house.create(lacking)
    shown = house.get(f"/v1/payments/{created['id']}", lacking)

    assert created["assessment"]["explanation"] is None
    assert [one["explanation"] for one in shown["assessments"]] == [None]
    known = house.get(f"/v1/payments/{created['id']}", house.key(merchant))
    assert known["assessment"]["explanation"]["rules"]


@all_routes(WRITING)
def test_a_write_needs_an_idempotency_key_of_good_form(
    house: House, ada: Holder, route: Route
) -> None:
    path, body = good_request(house, ada, route.name)
    before = sequence(house)

    for sent in (None, ""):
        missing = ask(house, ada, route, path, body, headers={"Idempotency-Key": sent})
        assert (missing.status, missing.code) == (400, "idempotency_key_missing")
    for sent in NO_IDEMPOTENCY_KEYS:
        refused = ask(house, ada, route, path, body, headers={"Idempotency-Key": sent})
        assert (refused.status, refused.code) == (400, "idempotency_key_malformed"), sent

    assert sequence(house) == before


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        *(("0", 400), ("-1", 400), ("1.5", 400), ("1e3", 400), ("x", 400), ("", 400)),
        *(("9" * 8, 400), ("1500", 201), ("9999999", 201)),
    ],
)
def test_a_deadline_is_a_whole_number(house: House, ada: Holder, sent: str, status: int) -> None:
    answer = house.send(
        *("POST", "/v1/payments"),
        key=ada,
        body=house.body(),
        headers={"Payguard-Deadline-Ms": sent},
    )

    assert answer.status == status


class TestRates:
    """A house in which a key may come six times at once, and once a second."""

    @pytest.fixture
    def slow(self, tmp_path: Path, own_place: Place) -> Iterator[House]:
        database = own_place if isinstance(own_place, Database) else None
        made = House(tmp_path, database=database, rate_per_minute=60)
        yield made
        made.close()

    def test_a_key_that_comes_too_often_is_told_when_to_come_again(self, slow: House) -> None:
        merchant = slow.merchant()
        busy, calm = slow.key(merchant), slow.key(merchant)
        body = slow.body()
        once = {"Idempotency-Key": "asked-too-often-1"}
        told = [slow.send("GET", "/v1/payments", key=busy) for _ in range(6)]

        refused = slow.send("POST", "/v1/payments", key=busy, body=body, headers=once)
        other = slow.send("GET", "/v1/payments", key=calm)
        slow.clock.advance(dt.timedelta(seconds=int(refused.headers["Retry-After"])))
        later = slow.send("POST", "/v1/payments", key=busy, body=body, headers=once)

        assert {one.status for one in told} == {200}
        assert told[0].headers["RateLimit-Policy"] == '"default";q=60;w=60'
        assert [one.headers["RateLimit"].split(";")[1] for one in told] == [
            *("r=5", "r=4", "r=3", "r=2", "r=1", "r=0")
        ]
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert other.status == 200
        assert (later.status, "Idempotent-Replayed" in later.headers) == (201, False)

    def test_who_is_refused_counts_as_well(self, slow: House) -> None:
        key = slow.key(slow.merchant(), "sandbox", ("payments:write",))

        statuses = [slow.send("GET", "/v1/payments", key=key).status for _ in range(8)]

        assert statuses == [403] * 6 + [429] * 2
