"""A sandbox desk, where challenges and holds are had by the payee's name."""

from collections.abc import Iterator

import pytest

from service.db.places import Place
from tests.support.desk import Desk


@pytest.fixture
def sandbox(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN", mode="sandbox")
    yield desk
    desk.house.close()
