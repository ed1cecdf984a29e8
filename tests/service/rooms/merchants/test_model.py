"""A merchant's row is shown with its limits by currency."""

from service.rooms.merchants import queries
from service.rooms.merchants.contract import Limits, SetLimits
from service.rooms.merchants.model import shown
from tests.service.rooms.merchants.conftest import Shop
from tests.support.uow import House


def test_a_row_is_shown_as_the_command_that_made_it_said(house: House, shop: Shop) -> None:
    limits = {"CNY": Limits(small_minor=1, challenge_minor=2), "EUR": Limits()}
    said = house.accept(SetLimits(limits=limits), shop.call)

    row = queries.merchant(house.spanning, shop.merchant.merchant_id)

    assert row is not None
    assert shown(row) == said
    assert said.limits == limits
