"""The disk of the store is full: nothing is lost, nothing takes half effect, and it passes."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, a_key
from tests.support.disks import Ballast, small_disk
from tests.support.servers import Service
from tests.support.traffic import Traffic
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

# More than the store's own log may take (64 MiB): a disk that the log fills has no room to move it.
DISK_MIB = 256


@pytest.fixture
def disk() -> Iterator[Path]:
    """Return a small file system of its own."""
    with small_disk(DISK_MIB) as place:
        yield place


def test_a_full_disk_refuses_loses_nothing_and_recovers_by_itself(disk: Path) -> None:
    pause = threading.Event()
    with Service(disk / "data") as service:
        shop = service.shop()
        with (
            service.client(shop) as client,
            Traffic(service, shop) as traffic,
            Ballast(disk) as ballast,
        ):
            known = create(client, a_payment("before"))
            pause.wait(0.5)
            ballast.fill()
            path = "/v1/payments"
            # What room the log's file still has is used up first.
            until(lambda: client.post(path, a_payment(a_key())).status == BUSY, tries=3_000)
            for _ in range(20):
                refused = client.post(path, a_payment("refused"), once="while-the-disk-is-full")
                assert refused.status == BUSY
                assert int(refused.headers["retry-after"]) >= 1
                assert client.get(f"/v1/payments/{known.body['id']}").status == 200
            processes = [service.writer.pid, *service.front_end.children()]
            ballast.drop()
            until(
                lambda: (
                    client.post(path, a_payment("after"), once="after-the-disk-was-full").status
                    == 201
                )
            )
            # Nobody had to be started again.
            assert processes == [service.writer.pid, *service.front_end.children()]
            assert service.writer.is_running
            pause.wait(0.3)
        traffic.check_replays()
        service.writer.stop()
        books = Books(service.settings.database_file)
    references = {row["reference"] for row in books.payments}
    assert "refused" not in references
    assert {"before", "after"} <= references
    traffic.check_acknowledged(books)
    books.check()
