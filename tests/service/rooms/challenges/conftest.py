"""A sandbox desk, where challenges and holds are had by the payee's name."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, preset="CN", mode="sandbox")
    yield desk
    desk.house.close()
