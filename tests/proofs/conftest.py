"""One running service for all proofs that leave it as they found it."""

from collections.abc import Iterator

import pytest

from tests.support.servers import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service with two gunicorn workers; each test brings shops of its own."""
    with Service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running
