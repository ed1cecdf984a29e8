"""A house with the merchants' handlers, and merchants in it."""

from collections.abc import Iterator

import pytest

from keys.api_keys import ApiKeyText, new_api_key
from keys.entropy import CountingEntropy
from service.db.places import Place
from service.rooms.merchants.commands import HANDLERS
from service.rooms.merchants.contract import CreateKey, CreateMerchant, Key, Merchant
from service.rooms.merchants.queries import Authenticator
from service.unit_of_work.commands import Call
from tests.support.uow import House, a_call, a_house_call

INDEX_KEY = bytes(range(32))


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    house = House(place, HANDLERS)
    yield house
    house.close()


@pytest.fixture
def authenticate(house: House) -> Authenticator:
    return Authenticator(house.reader, INDEX_KEY, house.clock)


class Shop:
    """A merchant, the call of its owner, and the key texts that were made for it."""

    def __init__(self, house: House, *, name: str = "Lin's Phones", start: int = 0) -> None:
        self._house = house
        self._entropy = CountingEntropy(start)
        self.merchant: Merchant = house.accept(CreateMerchant(name=name), a_house_call())
        self.call: Call = a_call(
            tenant_id=self.merchant.tenant_id,
            merchant_id=self.merchant.merchant_id,
            principal="cli",
        )

    def text(self, mode: str = "live") -> ApiKeyText:
        return new_api_key("live" if mode == "live" else "sandbox", self._entropy)

    def create_key(self, text: ApiKeyText, **given: object) -> Key:
        key: Key = self._house.accept(creation(text, **given), self.call)
        return key


def creation(text: ApiKeyText, **given: object) -> CreateKey:
    """Return the command that adds this key, with one scope unless others are given."""
    values = {"scopes": ("payments:read",), "mode": text.mode, **given}
    return CreateKey(secret_hash=text.index(INDEX_KEY), **values)  # type: ignore[arg-type]  # values of many types by name


@pytest.fixture
def shop(house: House) -> Shop:
    return Shop(house)


@pytest.fixture
def other(house: House) -> Shop:
    return Shop(house, name="Other", start=1_000)
