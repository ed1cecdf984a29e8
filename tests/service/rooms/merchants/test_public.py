"""Rooms above learn how a merchant's payments are judged."""

from service.rooms.merchants import public
from service.rooms.merchants.contract import Limits, SetLimits, SuspendMerchant
from tests.service.rooms.merchants.conftest import Shop
from tests.support.uow import House, a_call


def test_settings_are_the_calling_merchants(house: House, shop: Shop) -> None:
    house.accept(SetLimits(limits={"CNY": Limits(small_minor=5_000)}), shop.call)

    settings = public.settings(house.view(), shop.call)

    assert settings == public.MerchantSettings(
        preset="judge_only",
        review_mode="hold",
        is_active=True,
        limits={"CNY": Limits(small_minor=5_000)},
    )


def test_a_suspended_merchant_says_so(house: House, shop: Shop) -> None:
    house.accept(SuspendMerchant(), shop.call)

    settings = public.settings(house.view(), shop.call)

    assert settings is not None
    assert not settings.is_active


def test_no_merchant_has_no_settings(house: House) -> None:
    assert public.settings(house.view(), a_call()) is None
