"""A stopped writer is replaced on PostgreSQL; when it wakes it commits nothing and ends."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from service.writer.main import EXIT_CANNOT_START, EXIT_STOPPED, TAKE_OVER
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, a_key
from tests.support.postgres import Cluster
from tests.support.servers import WRITER, Process, Service, stopped
from tests.support.writer import until

pytestmark = pytest.mark.servers
POLLS = 3_000


@pytest.fixture
def service(cluster: Cluster, tmp_path: Path) -> Service:
    return Service(tmp_path / "data", database=cluster.database())


def replaced(service: Service) -> Process:
    """Start a writer that takes over, and wait until it listens."""
    process = service.another(WRITER, TAKE_OVER)
    before = service.settings.socket_file.stat()
    process.start()

    def listens() -> bool:
        assert process.is_running, process.tail()
        try:
            now = service.settings.socket_file.stat()
        except FileNotFoundError:
            # The old socket is away, the new one not there yet.
            return False
        # A file system may give the number of a removed file out again.
        return (now.st_ino, now.st_ctime_ns) != (before.st_ino, before.st_ctime_ns)

    until(listens, tries=POLLS)
    return process


def test_a_stopped_writer_that_was_replaced_commits_nothing_when_it_wakes(service: Service) -> None:
    with service, ThreadPoolExecutor(1) as pool:
        shop, body, once = service.shop(), a_payment("late"), a_key()
        with service.client(shop) as client:
            create(client, a_payment("before"))
            with stopped(service.writer):
                asked = pool.submit(client.post, "/v1/payments", body, once=once)
                threading.Event().wait(0.2)
                second = replaced(service)
                taken = Books(service.settings.database)
            try:
                # The stopped one has a command in its socket, and runs it when it wakes.
                assert asked.result().status == BUSY
                assert service.writer.wait() == EXIT_STOPPED
                assert Books(service.settings.database).payments == taken.payments
                again = create(client, body, once=once)
                assert not again.is_replayed
                Books(service.settings.database).check()
            finally:
                second.stop()


def test_without_being_told_to_a_second_writer_names_the_holder(service: Service) -> None:
    with service, stopped(service.writer):
        second = service.another()
        second.start()

        assert second.wait() == EXIT_CANNOT_START
        assert f"process {service.writer.pid}," in second.tail()


def test_after_a_kill_the_next_writer_starts_at_once(service: Service) -> None:
    with service:
        shop = service.shop()
        os.kill(service.writer.pid, 9)
        service.writer.wait()
        service.start_writer()

        with service.client(shop) as client:
            create(client, a_payment("after"))
