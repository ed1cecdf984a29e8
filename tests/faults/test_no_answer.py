"""What a caller is told while the writer is late, full, stopped or away; and what is true then."""

import contextlib
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.db.places import Database
from service.db.postgres import SESSIONS
from tests.faults.conftest import QUEUE, a_service
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, Answer, Client, a_key, at_once
from tests.support.places import owning
from tests.support.servers import FRONT_ENDS, Service, stopped

pytestmark = [pytest.mark.servers, pytest.mark.alone]

# Twice as many as the queue takes.
CLIENTS = 2 * QUEUE
# The deadline of a request, and what a busy machine may add to it.
DEADLINE_S = 2.0
SLACK_S = 1.0
# The session that commits holds this lock, shared.
WRITERS_SESSION = """
    SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.mode = 'ShareLock' AND l.classid = :one AND l.objid = :two
      AND a.datname = current_database()
"""


@pytest.fixture(scope="module")
def threads_service(
    tmp_path_factory: pytest.TempPathFactory, module_database: Database | None
) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("threads")
    with a_service(folder, module_database, FRONT_END="threads") as running:
        yield running


@pytest.fixture(params=FRONT_ENDS)
def service(store_kind: str, request: pytest.FixtureRequest) -> Service:
    """Return the service on a store, behind each front end: callers of both are told the same."""
    name = "threads_service" if request.param == "threads" else f"{store_kind}_service"
    running: Service = request.getfixturevalue(name)
    return running


@contextlib.contextmanager
def locked(service: Service) -> Iterator[None]:
    """Keep every commit from beginning: SQLite's write lock, or PostgreSQL's own process, held."""
    place = service.settings.database
    if isinstance(place, Database):
        with owning(place) as connection:
            one, two = SESSIONS
            found = connection.execute(sa.text(WRITERS_SESSION), {"one": one, "two": two})
            [session] = found.scalars()
        os.kill(session, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(session, signal.SIGCONT)
        return
    with contextlib.closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def wait(seconds: float) -> None:
    threading.Event().wait(seconds)


def references(service: Service) -> Counter[str]:
    return Counter(row["reference"] for row in Books(service.settings.database).payments)


def timed(client: Client, reference: str) -> tuple[Answer, float]:
    start = time.monotonic()
    answer = client.post("/v1/payments", a_payment(reference))
    return answer, time.monotonic() - start


def test_a_front_end_stops_waiting_and_a_retry_tells_the_truth(service: Service) -> None:
    shop, once, body = service.shop(), a_key(), a_payment("unknown")
    with service.client(shop) as client:
        create(client, a_payment("warm"))
        with stopped(service.writer):
            start = time.monotonic()
            answer = client.post("/v1/payments", body, once=once, Payguard_Deadline_Ms="300")
            took_s = time.monotonic() - start

        assert (answer.status, answer.body["code"]) == (BUSY, "result_unknown")
        assert answer.headers["retry-after"]
        assert 0.25 < took_s < 0.3 + SLACK_S
        # It came to the writer after its deadline, so it was dropped unrun.
        create(client, a_payment("after it"))
        assert references(service)["unknown"] == 0
        again = create(client, body, once=once)
    assert not again.is_replayed
    assert references(service)["unknown"] == 1


@pytest.mark.long
def test_what_was_committed_without_an_answer_is_told_by_a_retry(
    tmp_path: Path, own_database: Database | None
) -> None:
    seams = {"DIES_AT": "committed", "DIES_AFTER": 6, "DIES_BY": signal.SIGSTOP.value}
    with Service(
        tmp_path / "data",
        writer="tests.support.mortal_writer",
        seams=seams,
        timers=False,
        database=own_database,
    ) as service:
        shop = service.shop()
        with service.client(shop) as client:
            answers = []
            for number in range(10):
                once, body = a_key(), a_payment(f"told-{number}")
                answers.append(client.post("/v1/payments", body, once=once))
                if answers[-1].status == BUSY:
                    break
            stored = references(service)[body["reference"]]
            service.writer.send(signal.SIGCONT)

            again = client.post_for_sure("/v1/payments", body, once=once)

    assert answers[-1].body["code"] == "result_unknown"
    assert stored == 1
    assert again.status == 201
    assert again.is_replayed
    assert again.body["payment_token_state"] == "active"


def test_a_full_queue_answers_at_once_and_takes_nothing(service: Service) -> None:
    shop = service.shop()
    names = [f"queue-{number}" for number in range(CLIENTS)]

    with service.client(shop) as client, ThreadPoolExecutor(2) as pool, locked(service):
        # The writer takes this one and waits with it for the lock; the rest fills the queue.
        first = pool.submit(client.post_for_sure, "/v1/payments", a_payment("first"), once=a_key())
        wait(0.2)
        asked = pool.submit(at_once, lambda: service.client(shop), timed, names, clients=CLIENTS)
        wait(0.8)
        assert references(service)["first"] == 0
    assert first.result().status == 201
    answers = asked.result()

    refused = [(answer, took_s) for answer, took_s in answers if answer.status == BUSY]
    made = sum(answer.status == 201 for answer, _ in answers)
    assert made + len(refused) == CLIENTS
    assert made == QUEUE
    assert len(refused) == CLIENTS - QUEUE
    assert {answer.body["code"] for answer, _ in refused} == {"overloaded"}
    assert {answer.headers["retry-after"] for answer, _ in refused} == {"1"}
    assert max(took_s for _, took_s in refused) < DEADLINE_S
    assert sum(references(service)[name] for name in names) == made
    Books(service.settings.database).check()


def test_a_writer_that_is_away_is_told_within_the_deadline(service: Service) -> None:
    shop, once, body = service.shop(), a_key(), a_payment("away")
    with service.client(shop) as client:
        made = create(client, a_payment("here"))
        service.writer.kill()

        answer, took_s = timed(client, "nobody")
        posted = client.post("/v1/payments", body, once=once)
        read = client.get(f"/v1/payments/{made.body['id']}")
        ready, live = client.get("/readyz"), client.get("/livez")
        service.start_writer()
        again = create(client, body, once=once)
        ready_again = client.get("/readyz")

    assert (answer.status, posted.status) == (BUSY, BUSY)
    assert answer.headers["retry-after"] == "1"
    assert took_s < DEADLINE_S + SLACK_S
    assert (read.status, ready.status, live.status) == (200, BUSY, 200)
    assert (again.is_replayed, ready_again.status) == (False, 200)
    assert references(service)["nobody"] == 0


def test_a_store_that_takes_no_commit_is_told_and_leaves_no_effect(service: Service) -> None:
    shop, once, body = service.shop(), a_key(), a_payment("unwritable")
    with service.client(shop) as client:
        with locked(service):
            answer = client.post("/v1/payments", body, once=once)
            # SQLite itself gives up waiting for the lock after two seconds; PostgreSQL's session,
            # woken before the writer gives it up, does what it was asked, late.
            wait(0.5)

        assert answer.status == BUSY
        assert answer.headers["retry-after"]
        again = create(client, body, once=once)
    assert again.status == 201
    assert references(service)["unwritable"] == 1


def test_a_front_end_that_is_told_to_stop_finishes_what_it_took(service: Service) -> None:
    shop = service.shop()
    names = [f"drain-{number}" for number in range(12)]

    def send(client: Client, reference: str) -> Answer:
        return client.post("/v1/payments", a_payment(reference))

    with ThreadPoolExecutor(1) as pool:
        with locked(service):
            asked = pool.submit(at_once, lambda: service.client(shop), send, names, clients=12)
            wait(0.5)
            service.front_end.send(signal.SIGTERM)
            wait(0.3)
        answers = asked.result()

    assert [answer.status for answer in answers] == [201] * len(names)
    assert service.front_end.wait() == 0
    service.start_front_end()
    service.until_ready()
    with service.client(shop) as client:
        create(client, a_payment("restarted"))
