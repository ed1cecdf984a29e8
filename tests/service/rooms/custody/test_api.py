"""/.well-known/jwks.json: open to everybody, cacheable, public halves only."""

import pytest

from keys.token_keys import verifying_keys
from service.rooms.custody.api import ROUTES
from service.rooms.custody.contract import CreateSigningKey
from service.rooms.custody.queries import Signer
from tests.support.front import Front
from tests.support.uow import House, a_house_call

PATH = "/.well-known/jwks.json"


@pytest.fixture
def front(house: House, signer: Signer) -> Front:
    return Front(house, ROUTES, scopes=(), signer=signer)


def test_the_public_keys_are_there_for_everybody(
    house: House, front: Front, fresh: CreateSigningKey
) -> None:
    house.accept(fresh, a_house_call())

    response = front.get(PATH, secret=None)

    assert response.status_code == 200
    assert list(verifying_keys(response.get_json())) == [fresh.public_key.kid]


def test_before_the_first_key_the_set_is_empty(front: Front) -> None:
    assert front.get(PATH, secret=None).get_json() == {"keys": []}


def test_the_route_says_for_how_long_the_set_may_be_kept(front: Front) -> None:
    response = front.get(PATH, secret=None)

    assert "public, max-age=300" in response.headers.getlist("Cache-Control")
