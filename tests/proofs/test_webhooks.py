"""Webhooks through the real processes: each event reaches its receiver, whoever is killed."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from keys.webhooks import Verifier
from service.rooms.webhooks.contract import ENDPOINTS_MAX
from service.worker.post import USUAL
from tests.support.checkout import a_payment, create
from tests.support.clients import Client
from tests.support.postgres import Cluster
from tests.support.servers import Service
from tests.support.stub_receiver import OK, Line, StubReceiver, answers, hangs_after_the_request
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

TRIES: int = 3_000
RECEIVERS: int = 50


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.long)])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service on each store that may deliver to this machine."""
    place = None
    if request.param == "postgres":
        cluster: Cluster = request.getfixturevalue("cluster")
        place = cluster.database()
    folder: Path = tmp_path_factory.mktemp("webhooks") / "data"
    settings = {"WEBHOOK_ALLOW_PRIVATE": "true", "WORKERS": 1}
    with Service(folder, settings=settings, database=place) as running:
        yield running


def endpoint(client: Client, url: str) -> dict[str, Any]:
    answer = client.post("/v1/webhook_endpoints", {"url": url})
    assert answer.status == 201, answer
    made: dict[str, Any] = answer.body
    return made


def ids(receiver: StubReceiver) -> list[str]:
    return [msgspec.json.decode(body)["subject"] for body in receiver.bodies()]


def headers_of(request: bytes) -> dict[str, str]:
    lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    pairs = (line.split(": ", 1) for line in lines)
    return {name.lower(): value for name, value in pairs}


def test_each_payment_is_told_with_signatures_that_hold(service: Service) -> None:
    with (
        StubReceiver() as receiver,
        service.client(service.shop(modes=["sandbox"]), "sandbox") as client,
    ):
        made = endpoint(client, receiver.url)
        paid = {create(client, a_payment(f"told-{n}")).body["id"] for n in range(20)}
        until(lambda: paid <= set(ids(receiver)), tries=TRIES)

    for request in receiver.requests:
        head, body = headers_of(request), request.partition(b"\r\n\r\n")[2]
        for key in (made["secret"], made["public_keys"][0]["public_key"]):
            Verifier([key]).verify(head, body, now_s=int(time.time()))
    assert Counter(ids(receiver)) == Counter(paid)


def test_a_worker_that_is_killed_sends_again_what_it_had_not_reported(service: Service) -> None:
    def act(line: Line) -> None:
        while line.request() is not None:
            # The first is held until its worker is dead.
            if len(receiver.requests) == 1:
                line.wait_for_the_end()
                return
            line.send(OK)

    with (
        StubReceiver(act) as receiver,
        service.client(service.shop(modes=["sandbox"]), "sandbox") as client,
    ):
        endpoint(client, receiver.url)
        paid = create(client, a_payment("killed")).body["id"]
        until(lambda: len(receiver.requests) == 1, tries=TRIES)
        service.worker.kill()
        service.worker.start()
        until(lambda: len(receiver.requests) == 2, tries=TRIES)

    first, second = (headers_of(one)["webhook-id"] for one in receiver.requests)
    assert (ids(receiver), first) == ([paid, paid], second)


def test_a_writer_that_is_killed_costs_no_event_and_no_second_one(service: Service) -> None:
    with (
        StubReceiver(answers(after_s=0.01)) as receiver,
        service.client(service.shop(modes=["sandbox"]), "sandbox") as client,
    ):
        made = endpoint(client, receiver.url)
        paid = set()
        for number in range(30):
            paid.add(create(client, a_payment(f"writer-{number}")).body["id"])
            if number == 15:
                service.kill_writer()
        until(lambda: paid <= set(ids(receiver)), tries=TRIES)
        until(lambda: states(client, made["id"]) == {"delivered"}, tries=TRIES)

    assert Counter(ids(receiver)) == Counter(paid)


def states(client: Client, endpoint_id: str) -> set[str]:
    page = client.get(f"/v1/webhook_endpoints/{endpoint_id}/deliveries?limit=200").body
    return {one["state"] for one in page["deliveries"]}


def test_one_that_hangs_among_fifty_delays_no_other_and_a_stop_is_a_stop(service: Service) -> None:
    with ExitStack() as stack:
        hung = stack.enter_context(StubReceiver(hangs_after_the_request))
        others = [stack.enter_context(StubReceiver()) for _ in range(RECEIVERS - 1)]
        clients = [
            stack.enter_context(service.client(service.shop(modes=["sandbox"]), "sandbox"))
            for _ in range(-(-RECEIVERS // ENDPOINTS_MAX))
        ]
        told: dict[int, list[StubReceiver]] = {number: [] for number in range(len(clients))}
        for number, receiver in enumerate([hung, *others]):
            endpoint(clients[number % len(clients)], receiver.url)
            told[number % len(clients)].append(receiver)
        paid = {
            number: {create(client, a_payment(f"hung-{n}")).body["id"] for n in range(5)}
            for number, client in enumerate(clients)
        }
        began = time.monotonic()
        until(
            lambda: all(
                paid[number] <= set(ids(one))
                for number, receivers in told.items()
                for one in receivers
                if one is not hung
            ),
            tries=TRIES,
        )
        told_in_s = time.monotonic() - began
        until(lambda: len(hung.requests) > 0, tries=TRIES)
        began = time.monotonic()
        status = service.worker.stop()
        took = time.monotonic() - began
        service.worker.start()

    print(f"{len(others)} receivers were told in {told_in_s:.1f} s")
    # Less than one attempt at the one that hangs takes: nobody waited for it.
    assert told_in_s < USUAL.total
    assert status == 0
    assert took < 10


def test_without_the_setting_no_connection_is_made_to_this_machine(tmp_path: Path) -> None:
    with (
        StubReceiver() as receiver,
        Service(tmp_path / "data", settings={"WORKERS": 1}) as service,
        service.client(service.shop(modes=["sandbox"]), "sandbox") as client,
    ):
        made = endpoint(client, receiver.url)
        create(client, a_payment("inside"))
        until(lambda: causes(client, made["id"]) == {"refused_address"}, tries=TRIES)

    assert receiver.connections == 0


def causes(client: Client, endpoint_id: str) -> set[str]:
    page = client.get(f"/v1/webhook_endpoints/{endpoint_id}/deliveries").body
    return {one["last_cause"] for one in page["deliveries"]}
