"""Running services for all proofs that leave them as they found them."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.servers import Service


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service with two gunicorn workers; each test brings shops of its own."""
    with Service(tmp_path_factory.mktemp("service") / "data") as running:
        yield running


@pytest.fixture(scope="session")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, Service]]:
    """Return two services on one file, each with a writer that neither lock nor fence holds."""
    folder = tmp_path_factory.mktemp("pair")
    given: dict[str, Any] = {
        "writer": "tests.support.unfenced_writer",
        "settings": {"WORKERS": 1},
        "timers": False,
    }
    with (
        Service(folder / "one", **given) as one,
        Service(folder / "two", beside=one, **given) as two,
    ):
        yield one, two


def restart_without(pair: tuple[Service, Service], guards: str) -> None:
    """Start both writers anew; `guards` names those that they lack besides, comma between."""
    for service in pair:
        service.writer.stop()
        service.start_writer(without=guards)
