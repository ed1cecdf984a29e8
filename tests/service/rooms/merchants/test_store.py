"""Each guarded statement alone, as somebody else than the handlers would run it."""

import datetime as dt
from typing import Any

import pytest

from service.db.statements import Bound
from service.db.store import GuardFailed
from service.rooms.merchants import store
from service.rooms.merchants.contract import Key, RevokeKey, RotateKey
from service.rooms.merchants.tables import API_KEYS
from tests.service.rooms.merchants.conftest import INDEX_KEY, Shop
from tests.support.uow import START, House

HOUR = dt.timedelta(hours=1)


def fails(house: House, bound: Bound) -> bool:
    """Run one statement and say whether its guard failed; leave nothing behind."""
    transaction = house.store.begin()
    try:
        transaction.run([bound])
    except GuardFailed:
        return True
    transaction.rollback()
    return False


@pytest.fixture
def key(shop: Shop) -> Key:
    return shop.create_key(shop.text())


def owned(shop: Shop, key: Key, **changed: Any) -> dict[str, Any]:
    values = {
        "of_tenant": shop.merchant.tenant_id,
        "of_merchant": shop.merchant.merchant_id,
        "of_key": key.key_id,
        "now": START,
    }
    return {**values, **changed}


def test_an_active_key_gets_its_end(house: House, shop: Shop, key: Key) -> None:
    assert not fails(house, store.EXPIRE_KEY(**owned(shop, key), ends_at=START + HOUR))


def test_a_key_that_has_ended_gets_no_later_end(house: House, shop: Shop, key: Key) -> None:
    rotate = RotateKey(key_id=key.key_id, secret_hash=shop.text().index(INDEX_KEY), overlap_s=3_600)
    house.accept(rotate, shop.call)
    after = START + HOUR

    assert fails(house, store.EXPIRE_KEY(**owned(shop, key, now=after), ends_at=after + HOUR))


def test_a_revoked_key_gets_no_end_and_no_second_revocation(
    house: House, shop: Shop, key: Key
) -> None:
    house.accept(RevokeKey(key_id=key.key_id), shop.call)

    assert fails(house, store.EXPIRE_KEY(**owned(shop, key), ends_at=START + HOUR))
    assert fails(house, store.REVOKE_KEY(**owned(shop, key, now=START + HOUR)))


@pytest.mark.parametrize("owner", ["of_tenant", "of_merchant", "of_key"])
def test_nobody_elses_key_is_touched(house: House, shop: Shop, key: Key, owner: str) -> None:
    stranger = owned(shop, key, **{owner: "x"})

    assert fails(house, store.EXPIRE_KEY(**stranger, ends_at=START + HOUR))
    assert fails(house, store.REVOKE_KEY(**stranger))
    assert house.rows(API_KEYS)[0]["state"] == "active"
