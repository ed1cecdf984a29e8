"""The worker's own process: a timer that is due is served, whoever was away in between."""

import datetime as dt

import pytest

from service.kernel.clock import SystemClock
from tests.support.books import Books
from tests.support.checkout import a_payment, create, execute
from tests.support.clients import Client
from tests.support.servers import Service
from tests.support.writer import until

pytestmark = pytest.mark.servers

LAPSES_AFTER = dt.timedelta(milliseconds=300)


def authorized(client: Client, reference: str) -> str:
    """Return a payment whose authorization lapses in a moment: the one timer a caller can set."""
    body = a_payment(reference)
    created = create(client, body)
    assert execute(client, created, body).body["decision"] == "go"
    now = SystemClock().now()
    event = {
        "type": "authorized",
        "source": "psp",
        "external_id": reference,
        "occurred_at": now.isoformat(),
        "result": {"authorization_expires_at": (now + LAPSES_AFTER).isoformat()},
    }
    answer = client.post(f"/v1/payments/{created.body['id']}/events", event)
    assert answer.body["status"] == "executed"
    return str(created.body["id"])


def lapses(client: Client, payment_id: str) -> None:
    """Wait until the worker has let a payment's authorization lapse."""

    def is_reversed() -> bool:
        return bool(client.get(f"/v1/payments/{payment_id}").body["status"] == "reversed")

    until(is_reversed, tries=2_000)


def test_the_worker_serves_a_timer(service: Service) -> None:
    with service.client(service.shop()) as client:
        payment_id = authorized(client, "lapses")

        lapses(client, payment_id)

        told = client.get(f"/v1/payments/{payment_id}").body
    assert told["amounts"]["released"] == told["amounts"]["executed"] == 38_000
    assert told["events"][-1]["type"] == "lapse"
    Books(service.settings.database).check()


@pytest.mark.long
def test_a_worker_that_was_killed_serves_what_came_due_in_between(service: Service) -> None:
    with service.client(service.shop()) as client:
        payment_id = authorized(client, "overdue")
        service.worker.kill()
        service.worker.start()

        lapses(client, payment_id)


@pytest.mark.long
def test_a_timer_that_came_while_the_writer_was_away_is_served_later(service: Service) -> None:
    with service.client(service.shop()) as client:
        payment_id = authorized(client, "waits")
        service.kill_writer()

        lapses(client, payment_id)

    entries = Books(service.settings.database).entries
    kinds = [one["kind"] for one in entries if one["payment"] == payment_id]
    assert kinds.count("payment.lapsed") == 1
