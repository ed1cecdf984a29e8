"""One running service for all faults that it survives; each test leaves it running."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Service

QUEUE = 16


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service with two gunicorn workers and the shortest queue that may be set."""
    # Threads enough that one front end alone can fill the queue, whoever takes the connections.
    settings = {"QUEUE_LENGTH_MAX": QUEUE, "THREADS": 3 * QUEUE}
    with Service(tmp_path_factory.mktemp("service") / "data", settings=settings) as running:
        yield running
