"""A house with custody's handlers, and a key that was made for it."""

from collections.abc import Iterator

import pytest

from keys.entropy import CountingEntropy
from service.db.places import Place
from service.rooms.custody.commands import HANDLERS
from service.rooms.custody.contract import CreateSigningKey
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.queries import Signer
from tests.support.uow import House


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    house = House(place, HANDLERS)
    yield house
    house.close()


@pytest.fixture
def fresh(house: House) -> CreateSigningKey:
    return new_signing_key(house.sealer, CountingEntropy())


@pytest.fixture
def signer(house: House) -> Signer:
    return Signer(house.reader, house.sealer, house.clock)
