"""Running services for all proofs that leave them as they found them."""

from collections.abc import Iterator
from typing import Any

import pytest

from service.db.places import Database
from tests.support.postgres import Cluster
from tests.support.servers import Service


def _database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    if store_kind == "sqlite":
        return None
    running: Cluster = request.getfixturevalue("cluster")
    return running.database()


@pytest.fixture(scope="session")
def database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    """Return the PostgreSQL database of the service that tests share; None for SQLite."""
    return _database(store_kind, request)


@pytest.fixture(scope="session")
def own_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    """Return another one, for services beside that one."""
    return _database(store_kind, request)


@pytest.fixture
def fresh_database(store_kind: str, request: pytest.FixtureRequest) -> Database | None:
    """Return one for a service of the test's own, whose root key opens no other's keys."""
    return _database(store_kind, request)


@pytest.fixture(scope="session")
def service(
    tmp_path_factory: pytest.TempPathFactory, database: Database | None
) -> Iterator[Service]:
    """Return a service with two gunicorn workers; each test brings shops of its own."""
    folder = tmp_path_factory.mktemp("service") / "data"
    with Service(folder, database=database) as running:
        yield running


@pytest.fixture(scope="session")
def pair(
    tmp_path_factory: pytest.TempPathFactory, own_database: Database | None
) -> Iterator[tuple[Service, Service]]:
    """Return two services on one store, each with a writer that neither lock nor fence holds."""
    folder = tmp_path_factory.mktemp("pair")
    given: dict[str, Any] = {
        "writer": "tests.support.unfenced_writer",
        "settings": {"WORKERS": 1},
        "timers": False,
    }
    with (
        Service(folder / "one", database=own_database, **given) as one,
        Service(folder / "two", beside=one, **given) as two,
    ):
        yield one, two


def restart_without(pair: tuple[Service, Service], guards: str) -> None:
    """Start both writers anew; `guards` names those that they lack besides, comma between."""
    for service in pair:
        service.writer.stop()
        service.start_writer(without=guards)
