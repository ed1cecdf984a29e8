"""A desk under preset CN with a registered payer, and one in the sandbox."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.desk import Desk


@pytest.fixture
def cn(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path, preset="CN")
    desk.register()
    yield desk
    desk.house.close()
