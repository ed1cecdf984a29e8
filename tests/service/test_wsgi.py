"""A front end reads over as many connections as its setting says, however it waits."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from service.db.postgres_reader import PostgresReader
from service.db.store import StoreUnavailable
from service.front.hub import Hub
from service.front.postgres_reader import CooperativePostgresReader
from service.rooms.merchants.queries import PRINCIPAL_BY_HASH
from service.settings import Settings
from service.wsgi import _reader
from tests.support.postgres import Cluster

READ = PRINCIPAL_BY_HASH(secret_hash=b"x" * 32)
CONNECTIONS = 3
REQUESTS = 50
WAIT_S = 20


@pytest.fixture(scope="module")
def settings(quick_cluster: Cluster) -> Settings:
    place = quick_cluster.database(migrated=True)
    return Settings(reader_url=place.reader, reader_connections=CONNECTIONS)


def test_threads_share_that_many(settings: Settings) -> None:
    reader = _reader(settings, None)

    assert isinstance(reader, PostgresReader)
    with ExitStack() as lent:
        for _ in range(CONNECTIONS):
            lent.enter_context(reader._pool().connection())
        with pytest.raises(StoreUnavailable, match="every connection"):
            reader.fetch(READ)
    reader.close()


def test_greenlets_share_that_many(settings: Settings) -> None:
    loop = asyncio.new_event_loop()
    hub = Hub(loop, threads=CONNECTIONS)
    reader = _reader(settings, hub)
    found: list[object] = []

    for _ in range(REQUESTS):
        hub.spawn(lambda: found.append(reader.maybe(READ)))
    end = time.monotonic() + WAIT_S
    while len(found) < REQUESTS and time.monotonic() < end:
        loop.run_until_complete(asyncio.sleep(0.002))

    assert found == [None] * REQUESTS
    assert isinstance(reader, CooperativePostgresReader)
    assert len(reader._pool()._idle) == CONNECTIONS
    reader.close()
    hub.stop()
    loop.close()
