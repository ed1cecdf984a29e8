"""One running service for all faults that it survives; each test leaves it running."""

from collections.abc import Iterator

import pytest

from service.db.places import Database
from tests.support.postgres import Cluster
from tests.support.servers import Service

QUEUE = 16


def a_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    """Return a database of PostgreSQL; None for SQLite, which is a file in the data folder."""
    if store_kind == "sqlite":
        return None
    running: Cluster = request.getfixturevalue("cluster")
    return running.database()


@pytest.fixture
def own_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    return a_database(store_kind, request)


@pytest.fixture(scope="module")
def module_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    return a_database(store_kind, request)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service with two gunicorn workers and the shortest queue that may be set."""
    # Threads enough that one front end alone can fill the queue, whoever takes the connections.
    settings = {"QUEUE_LENGTH_MAX": QUEUE, "THREADS": 3 * QUEUE}
    with Service(tmp_path_factory.mktemp("service") / "data", settings=settings) as running:
        yield running
