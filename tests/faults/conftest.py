"""One running service for all faults that it survives; each test leaves it running."""

from collections.abc import Iterator
from pathlib import Path

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


def a_service(folder: Path, database: Database | None, **more: object) -> Service:
    """Return a service with two gunicorn workers and the shortest queue that may be set."""
    # Threads enough that one front end alone can fill the queue, whoever takes the connections.
    settings = {"QUEUE_LENGTH_MAX": QUEUE, "THREADS": 3 * QUEUE, **more}
    return Service(folder / "data", settings=settings, database=database)


@pytest.fixture(scope="session")
def sqlite_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with a_service(tmp_path_factory.mktemp("service"), None) as running:
        yield running


@pytest.fixture(scope="session")
def postgres_service(
    tmp_path_factory: pytest.TempPathFactory, cluster: Cluster
) -> Iterator[Service]:
    with a_service(tmp_path_factory.mktemp("service"), cluster.database()) as running:
        yield running


@pytest.fixture
def service(store_kind: str, request: pytest.FixtureRequest) -> Service:
    """Return the service on a store; a test that asks runs on each, and both go on running."""
    running: Service = request.getfixturevalue(f"{store_kind}_service")
    return running
