"""A database that lets reads hang: who reads is told in time, and nobody else notices."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.clients import BUSY, Answer, Client
from tests.support.postgres import Cluster
from tests.support.servers import Service, Shop

pytestmark = [pytest.mark.servers, pytest.mark.alone]

# More than threads or connections of one front end.
READERS = 24
DEADLINE_S = 2.0
SLACK_S = 1.5
OTHERS_P99_S = 0.2


@contextlib.contextmanager
def locked(cluster: Cluster, service: Service) -> Iterator[None]:
    """Hold a lock against which each read of payments waits."""
    name = str(service.settings.reader_url).partition("?")[0].rpartition("/")[2]
    with cluster.connect(name) as connection, connection.transaction():
        connection.execute("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE")
        yield


def reads(port: int, shop: Shop, taken: list[tuple[Answer, float]]) -> None:
    with Client(port, shop.keys["live"]) as client:
        began = time.monotonic()
        answer = client.get("/v1/payments")
        taken.append((answer, time.monotonic() - began))


def test_reads_that_hang_are_told_in_time_and_hold_up_nobody_else(
    tmp_path: Path, quick_cluster: Cluster
) -> None:
    database = quick_cluster.database(migrated=True)
    settings = {"WORKERS": 1, "FRONT_END": "cooperative", "THREADS": 8}
    with Service(tmp_path / "data", database=database, settings=settings) as service:
        shop = service.shop()
        taken: list[tuple[Answer, float]] = []
        others: list[float] = []
        readers = [
            threading.Thread(target=reads, args=(service.port, shop, taken)) for _ in range(READERS)
        ]
        with locked(quick_cluster, service):
            for one in readers:
                one.start()
            with Client(service.port, "nobody") as client:
                while any(one.is_alive() for one in readers):
                    began = time.monotonic()
                    assert client.get("/livez").status == 200
                    others.append(time.monotonic() - began)
                    time.sleep(0.01)
        for one in readers:
            one.join()
        with service.client(shop) as client:
            assert client.get("/v1/payments").status == 200

    assert {answer.status for answer, _ in taken} == {BUSY}
    assert max(took for _, took in taken) < DEADLINE_S + SLACK_S
    assert sorted(others)[int(len(others) * 0.99)] < OTHERS_P99_S
