"""A disk of PostgreSQL is full: nothing is lost, nothing takes half effect, and it passes."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, Client, a_key
from tests.support.disks import Ballast, small_disk
from tests.support.postgres import Cluster
from tests.support.probe import Probe
from tests.support.served import Served
from tests.support.servers import Service
from tests.support.traffic import Traffic
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long, pytest.mark.alone]

DATA_MIB, WAL_MIB = 160, 24
# So many refusals one after another: no table has room in the pages that it has.
REFUSED = 20
Sized = Callable[..., int]
DEADLINE_S = 2.0
GRACE_S = 1.0
# The promise is 3 s; where other work runs too, only that it is not a supervisor's long pause.
BACK_S = {"quick": 8, "ci": 8, "full": 3}
PATH = "/v1/payments"


@contextlib.contextmanager
def on_disk(mib: int, what: str) -> Iterator[tuple[Cluster, Path]]:
    """Yield a server of which one part, `data` or `wal`, lies on a small disk; and that disk."""
    with small_disk(mib) as disk:
        part = disk / what
        part.mkdir(mode=0o700)
        # A log of few and small segments comes to its disk's end soon.
        sizes = {"max_wal_size": "8MB", "min_wal_size": "2MB"} if what == "wal" else {}
        with Cluster(**{what: part}, **sizes) as own:
            yield own, disk


def until_refused(client: Client) -> None:
    """Wait until nothing is taken any more."""
    in_a_row = 0
    begun = time.monotonic()
    while in_a_row < REFUSED:
        assert time.monotonic() - begun < 120
        status = client.post(PATH, a_payment(a_key())).status
        in_a_row = in_a_row + 1 if status == BUSY else 0


def test_a_full_data_disk_refuses_loses_nothing_and_recovers_by_itself(
    tmp_path: Path, sized: Sized
) -> None:
    pause = threading.Event()
    with on_disk(DATA_MIB, "data") as (cluster, disk):
        database = cluster.database()
        with Service(tmp_path / "data", database=database) as service:
            shop = service.shop()
            with (
                service.client(shop) as client,
                Traffic(service, shop) as traffic,
                Ballast(disk) as ballast,
            ):
                known = create(client, a_payment("before"))
                pause.wait(0.5)
                processes = [service.writer.pid, *service.front_end.children()]
                ballast.fill()
                until_refused(client)
                for _ in range(REFUSED):
                    refused = client.post(PATH, a_payment("refused"), once="while-it-is-full")
                    assert refused.status == BUSY
                    assert int(refused.headers["retry-after"]) >= 1
                    assert client.get(f"{PATH}/{known.body['id']}").status == 200
                assert "No space left on device" in cluster.log()
                ballast.drop()
                assert Probe(client).seconds_until_served() < sized(**BACK_S)
                create(client, a_payment("after"))
                # Nobody had to be started again: neither the server nor anything of ours.
                assert processes == [service.writer.pid, *service.front_end.children()]
                assert service.writer.is_running
                assert "PANIC" not in cluster.log()
                pause.wait(0.3)
            traffic.check_replays()
        books = Books(database)
    references = {row["reference"] for row in books.payments}
    assert "refused" not in references
    assert {"before", "after"} <= references
    traffic.check_acknowledged(books)
    books.check()


def test_a_full_log_disk_ends_the_server_and_costs_no_acknowledged_payment(
    tmp_path: Path, sized: Sized
) -> None:
    with on_disk(WAL_MIB, "wal") as (cluster, disk):
        database = cluster.database()
        with Served(tmp_path / "served", database=database) as served:
            shop = served.shop()
            with (
                served.client(shop) as client,
                Traffic(served, shop) as traffic,
                Ballast(disk) as ballast,
            ):
                create(client, a_payment("before"))
                ballast.fill()
                # It cannot promise anything without its log, nor recover: it ends.
                until(lambda: cluster.has_ended, tries=6_000)
                down = Probe(client)
                for _ in range(REFUSED):
                    down.ask()
                ballast.drop()
                cluster.start()
                back_s = Probe(client).seconds_until_served()
                assert "PANIC" in cluster.log()
                assert down.statuses == {BUSY}, served.log()[-5_000:]
                assert down.slowest_s < DEADLINE_S + GRACE_S
            traffic.check_replays()
        books = Books(database)
    traffic.check_acknowledged(books)
    books.check()
    assert back_s < sized(**BACK_S)
