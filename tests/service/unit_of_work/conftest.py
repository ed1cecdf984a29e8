"""One writer over the room of jars for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.jars import linger
from tests.support.writer import Bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    bench.kill()


@pytest.fixture
def lingering(tmp_path: Path) -> Iterator[Bench]:
    """A writer with a handler that takes as long as it is told."""
    bench = Bench(tmp_path)
    bench.kill()
    bench.handlers = type(bench.handlers)([*bench.handlers.names.values(), linger(bench.clock)])
    bench.start()
    yield bench
    bench.kill()
