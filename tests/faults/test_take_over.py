"""A stopped writer is replaced on PostgreSQL; when it wakes it commits nothing and ends."""

import contextlib
import os
import re
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from service.db.advisory import AdvisorySession
from service.db.places import Database
from service.db.store import StoreUnavailable
from service.unit_of_work.tables import ENTRIES, EVENTS
from service.unit_of_work.tables import WRITER as WRITER_TABLE
from service.worker.holding import EVERY_S
from service.writer.lock import WriterRuns, worker_lock
from service.writer.main import EXIT_CANNOT_START, EXIT_STOPPED, TAKE_OVER
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, a_key
from tests.support.postgres import Cluster
from tests.support.servers import WORKER, WRITER, Process, Service, stopped
from tests.support.terminal import Process as Serve
from tests.support.traffic import Traffic
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


def is_stopped(process: Process) -> bool:
    """Say whether a process stands still."""
    return Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def committed(books: Books) -> tuple[object, ...]:
    """Return what a commit leaves behind, and its number."""
    [writer] = books.rows(WRITER_TABLE)
    numbers = (writer["epoch"], writer["sequence"], writer["entries"])
    return (books.payments, books.rows(ENTRIES), books.rows(EVENTS), numbers)


@pytest.mark.long
@pytest.mark.parametrize("point", [pytest.param("begun", marks=pytest.mark.longest), "run"])
def test_a_writer_that_was_stopped_inside_a_transaction_commits_none_of_it(
    cluster: Cluster, tmp_path: Path, point: str
) -> None:
    with Service(
        tmp_path / "data",
        writer="tests.support.mortal_writer",
        database=cluster.database(),
        timers=False,
    ) as service:
        shop = service.shop()
        service.writer.stop()
        service.start_writer(dies_at=point, dies_after=40, dies_by=signal.SIGSTOP.value)
        with contextlib.ExitStack() as after:
            with Traffic(service, shop) as traffic:
                until(lambda: is_stopped(service.writer), tries=POLLS)
                second = replaced(service)
                after.callback(second.stop)
                # Nobody asks the second one meanwhile: what is new is the first one's.
                service.front_end.stop()
                taken = committed(Books(service.settings.database))
                service.writer.send(signal.SIGCONT)
                status = service.writer.wait()
                late = committed(Books(service.settings.database))
                service.start_front_end()
            traffic.check_replays()
        assert status == EXIT_STOPPED
        assert late == taken
        assert any(one.tries > 1 for one in traffic.asked)
        books = Books(service.settings.database)
        traffic.check(books)
        books.check()


def test_a_worker_whose_lock_another_has_taken_ends(service: Service) -> None:
    with service:
        for _ in range(50):
            AdvisorySession(service.settings.database, "worker").end_holder()
            # The worker takes its lock again within a second; one of us is first.
            with contextlib.suppress(WriterRuns), worker_lock(service.settings):
                assert service.worker.wait() == EXIT_STOPPED
                assert "another worker has taken over" in service.worker.tail()
                return
    raise AssertionError("the worker was always first")


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


def test_serve_takes_over_from_a_service_whose_writer_hangs(
    cluster: Cluster, tmp_path: Path
) -> None:
    """The worker beside the writer that hangs is well, and would take its lock back."""
    place = cluster.database()
    with Serve("serve", environment=environment(tmp_path / "a", place)) as first:
        (tmp_path / "b").mkdir(mode=0o700)
        shutil.copy(tmp_path / "a" / "root.key", tmp_path / "b" / "root.key")
        [hangs] = first.children(WRITER)
        os.kill(hangs, signal.SIGSTOP)
        try:
            with Serve(
                "serve", "--take-over", environment=environment(tmp_path / "b", place)
            ) as second:
                # The server may need a moment to see that the lock was handed on.
                until(lambda: holder_of(place) in second.children(WORKER), tries=POLLS)
                # As long as the worker before would need to be first a second time.
                time.sleep(3 * EVERY_S)

                assert holder_of(place) in second.children(WORKER)
        finally:
            os.kill(hangs, signal.SIGCONT)


class Clinging(AdvisorySession):
    """Takes its lock again at once when it lost it, a few times."""

    takes = 0
    times = 3

    def take(self) -> None:
        super().take()
        self.takes += 1

    def cling(self) -> None:
        while self.takes < self.times:
            with contextlib.suppress(StoreUnavailable):
                self.hold()

    def close(self) -> None:
        self.times = 0
        self.leave()


def test_serve_takes_over_from_a_worker_that_was_faster_to_take_its_lock_again(
    cluster: Cluster, tmp_path: Path
) -> None:
    place = cluster.database()
    clinging = Clinging(place, "worker")
    clinging.take()
    with ThreadPoolExecutor(1) as pool, contextlib.closing(clinging):
        clung = pool.submit(clinging.cling)
        with Serve("serve", "--take-over", environment=environment(tmp_path, place)) as service:
            until(lambda: holder_of(place) in service.children(WORKER), tries=POLLS)
        clung.result()

        assert clinging.takes == clinging.times


def environment(home: Path, place: Database) -> dict[str, str]:
    return {
        "PAYGUARD_DATA_DIR": str(home),
        "PAYGUARD_PORT": "0",
        "PAYGUARD_LOG_LEVEL": "warning",
        "PAYGUARD_DATABASE_URL": place.writer,
        "PAYGUARD_READER_URL": place.reader,
        "PAYGUARD_OWNER_URL": place.owner,
    }


def holder_of(place: Database) -> int | None:
    """Return the process that holds the worker's lock, as its session is named."""
    with psycopg.connect(place.owner) as connection:
        row = connection.execute(
            "SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND application_name LIKE '%worker''s lock%'"
            # Other services may run on the same server.
            " AND datname = current_database()"
        ).fetchone()
    found = None if row is None else re.search(r"process (\d+),", row[0])
    return None if found is None else int(found[1])
