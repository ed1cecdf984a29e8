"""Clients that ask the same of webhooks at once, at two front ends, get it as often as they may."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from keys.webhooks import Verifier
from service.rooms.webhooks.contract import ENDPOINTS_MAX
from service.rooms.webhooks.tables import ENDPOINTS, SECRETS
from tests.proofs.test_webhooks import endpoint, headers_of
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import Answer, Client, a_key, at_once
from tests.support.places import rows_of
from tests.support.postgres import Cluster
from tests.support.servers import Service, Shop
from tests.support.stub_receiver import StubReceiver
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

RACERS = 8
TRIES = 3_000
# No delivery goes there: nothing is paid.
URL = "https://hooks.example/payguard"
Sized = Callable[..., int]


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """Two front ends over each store, with a worker that may deliver to this machine."""
    place = None
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("cluster")
        place = cluster.database()
    folder: Path = tmp_path_factory.mktemp("once") / "data"
    settings = {"WEBHOOK_ALLOW_PRIVATE": "true", "WORKERS": 2}
    with Service(folder, settings=settings, database=place) as running:
        yield running


def race(
    service: Service, shop: Shop, path: str, body: Any = None, *, once: str = ""
) -> list[Answer]:
    """Post the same by racers at once, each under a key of its own unless one is given."""

    def ask(client: Client, _: int) -> Answer:
        return client.post(path, body, once=once)

    return at_once(lambda: service.client(shop, "sandbox"), ask, range(RACERS), clients=RACERS)


def statuses(answers: list[Answer]) -> Counter[int]:
    return Counter(one.status for one in answers)


def entries(service: Service, kind: str, subject: str) -> int:
    """Return how many entries of a kind the log has of a subject."""
    books = Books(service.settings.database)
    return sum(one["kind"] == kind and one["subject"] == subject for one in books.entries)


@pytest.mark.parametrize("free", [1, 3])
def test_racers_at_the_limit_get_what_is_free_and_no_more(
    service: Service, sized: Sized, free: int
) -> None:
    for _ in range(sized(quick=1, ci=2, full=50)):
        shop = service.shop(modes=["sandbox"])
        with service.client(shop, "sandbox") as client:
            for _ in range(ENDPOINTS_MAX - free):
                endpoint(client, URL)

            answers = race(service, shop, "/v1/webhook_endpoints", {"url": URL})

            assert statuses(answers) == {201: free, 409: RACERS - free}
            codes = {one.body["code"] for one in answers if one.status == 409}
            assert codes == {"webhook_endpoints_limit"}
            shown = client.get("/v1/webhook_endpoints").body["endpoints"]
        assert len(shown) == ENDPOINTS_MAX
        kept = [
            row["endpoint_id"]
            for row in rows_of(service.settings.database, ENDPOINTS)
            if row["tenant_id"] == shop.tenant_id
        ]
        assert sorted(kept) == sorted(one["id"] for one in shown)


def test_racers_that_rotate_leave_two_keys(service: Service, sized: Sized) -> None:
    shop = service.shop(modes=["sandbox"])
    with service.client(shop, "sandbox") as client:
        made = endpoint(client, URL)
        path = f"/v1/webhook_endpoints/{made['id']}"
        for _ in range(sized(quick=2, ci=4, full=100)):
            answers = race(service, shop, f"{path}/rotate")

            assert statuses(answers) == {200: RACERS}
            assert len({one.body["secret"] for one in answers}) == RACERS
            assert {len(one.body["public_keys"]) for one in answers} == {2}
            kept = [
                row
                for row in rows_of(service.settings.database, SECRETS)
                if row["endpoint_id"] == made["id"]
            ]
            assert sorted(row["expires_at"] is None for row in kept) == [False, True]
            shown = client.get(path).body["public_keys"]
            assert {one["public_key"] for one in shown} == {row["public_key"] for row in kept}
            newest = [one["public_key"] for one in shown if one["expires_at"] is None]
            assert newest[0] in {one.body["public_keys"][0]["public_key"] for one in answers}


def test_a_rotation_asked_for_many_times_under_one_key_is_one(service: Service) -> None:
    shop = service.shop(modes=["sandbox"])
    with service.client(shop, "sandbox") as client:
        made = endpoint(client, URL)

    answers = race(service, shop, f"/v1/webhook_endpoints/{made['id']}/rotate", once=a_key())

    assert set(statuses(answers)) <= {200, 409}
    assert {one.body["code"] for one in answers if one.status == 409} <= {"idempotency_in_progress"}
    assert entries(service, "webhook_endpoint.secret_rotated", made["id"]) == 1


def test_racers_that_replay_one_delivery_send_no_more_than_they_asked_for(
    service: Service, sized: Sized
) -> None:
    shop = service.shop(modes=["sandbox"])
    rounds = sized(quick=2, ci=2, full=50)
    with StubReceiver() as receiver, service.client(shop, "sandbox") as client:
        made = endpoint(client, receiver.url)
        create(client, a_payment("replayed"))
        listing = f"/v1/webhook_endpoints/{made['id']}/deliveries"

        def deliveries() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = client.get(listing).body["deliveries"]
            return found

        def is_taken() -> bool:
            return [one["state"] for one in deliveries()] == ["delivered"]

        until(is_taken, tries=TRIES)
        [delivery] = deliveries()
        for _ in range(rounds):
            before = len(receiver.requests)
            answers = race(service, shop, f"/v1/webhook_deliveries/{delivery['id']}/replay")
            assert statuses(answers) == {200: RACERS}
            until(is_taken, tries=TRIES)
            assert 1 <= len(receiver.requests) - before <= RACERS

        verifier = Verifier([made["secret"]])
        sent = {
            verifier.verify(headers_of(one), one.partition(b"\r\n\r\n")[2], now_s=int(time.time()))
            for one in receiver.requests
        }
        assert sent == {delivery["event_id"]}
        assert [one["id"] for one in deliveries()] == [delivery["id"]]
    assert entries(service, "webhook.replayed", delivery["id"]) == rounds * RACERS
