"""Desks of merchants: one that asks for no proof, one under preset CN, one in the sandbox."""

from collections.abc import Iterator

import pytest

from service.db.places import Place
from tests.support.desk import Desk, a_front, signing
from tests.support.front import Front


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    desk = Desk(place)
    yield desk
    desk.house.close()


@pytest.fixture
def cn(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN")
    desk.register()
    yield desk
    desk.house.close()


@pytest.fixture
def sandbox(place: Place) -> Iterator[Desk]:
    desk = Desk(place, preset="CN", mode="sandbox")
    desk.register()
    yield desk
    desk.house.close()


@pytest.fixture
def front(desk: Desk) -> Front:
    return a_front(signing(desk))


@pytest.fixture
def sandbox_front(sandbox: Desk) -> Front:
    return a_front(signing(sandbox))
