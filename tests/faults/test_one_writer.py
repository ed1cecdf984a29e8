"""Only one writer works: the lock says who, the fence stops whoever wakes up too late."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, a_key
from tests.support.places import change
from tests.support.servers import WORKER, Process, Service, stopped

pytestmark = pytest.mark.servers

CANNOT_START = 2
STOPPED = 3


def refused_start(process: Process) -> str:
    """Start a process that must not start; return what it said."""
    process.log.unlink(missing_ok=True)
    process.start()
    try:
        assert process.wait() == CANNOT_START
    finally:
        if process.is_running:
            process.kill()
    return process.log.read_text()


def names(said: str, process: Process) -> bool:
    """Say whether a text names a process and its machine, as either kind of lock tells them."""
    return re.search(rf"process {process.pid},? on", said) is not None


def raise_epoch(service: Service) -> None:
    """Do to the writer's row what a take-over does, behind the writer's back."""
    change(service.settings.database, "UPDATE writer SET epoch = epoch + 1")


def test_a_second_writer_does_not_start_and_says_who_holds_the_lock(service: Service) -> None:
    said = refused_start(service.another())

    assert names(said, service.writer)
    assert "stop that process first" in said
    with service.client(service.shop()) as client:
        create(client, a_payment("beside"))


def test_a_second_writer_does_not_start_beside_a_stopped_one(service: Service) -> None:
    shop = service.shop()

    with stopped(service.writer):
        said = refused_start(service.another())

    assert names(said, service.writer)
    with service.client(shop) as client:
        create(client, a_payment("woken"))


def test_a_second_worker_does_not_start_either(service: Service) -> None:
    said = refused_start(service.another(WORKER))

    assert names(said, service.worker)


def test_an_epoch_raised_behind_its_back_stops_the_writer_before_it_commits(
    service: Service,
) -> None:
    shop, once, body = service.shop(), a_key(), a_payment("fenced")
    with service.client(shop) as client:
        create(client, a_payment("before"))
        raise_epoch(service)
        before = Books(service.settings.database)

        answer = client.post("/v1/payments", body, once=once)

        # Feature state that it writes back while nobody waits may have met the fence before us.
        assert answer.status == BUSY
        assert answer.body["code"] in {"result_unknown", "overloaded"}
        assert service.writer.wait() == STOPPED
        after = Books(service.settings.database)
        assert after.payments == before.payments
        assert after.entries == before.entries
        assert "the store is not what this writer left" in service.writer.tail()
        service.start_writer()
        again = create(client, body, once=once)
    assert not again.is_replayed
    Books(service.settings.database).check()


def test_a_writer_that_wakes_up_after_a_take_over_commits_nothing(service: Service) -> None:
    shop, body = service.shop(), a_payment("late")
    with ThreadPoolExecutor(1) as pool, service.client(shop) as client:
        with stopped(service.writer):
            raise_epoch(service)
            asked = pool.submit(client.post, "/v1/payments", body)
            threading.Event().wait(0.2)

        assert asked.result().status == BUSY
        assert service.writer.wait() == STOPPED
        references = [row["reference"] for row in Books(service.settings.database).payments]
        assert "late" not in references
        service.start_writer()
        create(client, body)
