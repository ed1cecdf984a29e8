"""One writer over the room of jars for each test."""

from collections.abc import Iterator

import pytest

from service.db.places import Place
from tests.support.jars import linger
from tests.support.writer import Bench


@pytest.fixture
def bench(place: Place) -> Iterator[Bench]:
    bench = Bench(place)
    yield bench
    bench.kill()


@pytest.fixture
def lingering(place: Place) -> Iterator[Bench]:
    """A writer with a handler that takes as long as it is told."""
    bench = Bench(place)
    bench.kill()
    bench.handlers = type(bench.handlers)([*bench.handlers.names.values(), linger(bench.clock)])
    bench.start()
    yield bench
    bench.kill()
