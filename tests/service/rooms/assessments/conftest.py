"""A desk under preset CN with a registered payer, and one in the sandbox."""

from collections.abc import Iterator

import pytest

from service.db.places import Place
from tests.support.desk import Desk


@pytest.fixture
def cn(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN")
    desk.register()
    yield desk
    desk.house.close()
