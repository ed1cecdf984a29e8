"""The synchronous standby is gone: nothing is acknowledged, and nothing lost once it is back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.writer.main import EXIT_STOPPED
from tests.support.books import Books
from tests.support.checkout import a_payment, create
from tests.support.clients import BUSY, a_key
from tests.support.postgres import Cluster
from tests.support.servers import Service
from tests.support.writer import until

pytestmark = [pytest.mark.servers, pytest.mark.long]

POLLS = 3_000
PATH = "/v1/payments"


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """Return a server whose settings concern no other test; its own disk is not the matter."""
    with Cluster(fsync=False) as own:
        yield own


def cancel_the_wait(cluster: Cluster) -> None:
    """End the one wait for a standby, as an administrator does who wants to go on without it."""
    until(lambda: len(cluster.waiting_for_standby()) == 1, tries=POLLS)
    [session] = cluster.waiting_for_standby()
    cluster.cancel(session)


def test_what_no_standby_confirmed_is_not_acknowledged_and_told_once_one_did(
    cluster: Cluster, tmp_path: Path
) -> None:
    database = cluster.database()
    once, body = a_key(), a_payment("unconfirmed")
    with Service(tmp_path / "data", database=database, timers=False) as service:
        shop = service.shop()
        with service.client(shop) as client, cluster.bound_to_standby():
            asked = client.post(PATH, body, once=once)
            cancel_the_wait(cluster)
            stopped = service.writer.wait()
            again = client.post(PATH, body, once=once)
            # The next one does not serve either before its own first commit is confirmed, and
            # with it all that stands before it in the log.
            service.writer.start()
            cancel_the_wait(cluster)
            not_started = service.writer.wait()
            why = service.writer.tail()
            with cluster.standby():
                service.start_writer()
                told = client.post_for_sure(PATH, body, once=once)
                after = create(client, a_payment("confirmed"))
                service.writer.stop()
        books = Books(database)

    assert (asked.status, asked.body["code"]) == (BUSY, "result_unknown")
    assert again.status == BUSY
    assert (stopped, not_started) == (EXIT_STOPPED, EXIT_STOPPED)
    assert "writer_stops" in why
    assert "Traceback" not in why
    # This server had it all the time; it is told now that the standby has it too.
    assert (told.status, told.is_replayed) == (201, True)
    assert after.status == 201
    assert [row["reference"] for row in books.payments] == ["unconfirmed", "confirmed"]
    books.check()
