"""Who holds a key is found by its hash; whoever does not, is nobody."""

import pytest

from service.rooms.merchants import queries
from service.rooms.merchants.queries import Authenticator
from tests.service.rooms.merchants.conftest import Shop
from tests.support.uow import House


def test_a_keys_holder_is_known_by_its_text(
    shop: Shop, other: Shop, authenticate: Authenticator
) -> None:
    text = shop.text("sandbox")
    key = shop.create_key(text, scopes=("payments:write", "replay"))
    other.create_key(other.text())

    principal = authenticate(text.reveal())

    assert principal is not None
    assert principal.key_id == key.key_id
    assert principal.merchant_id == shop.merchant.merchant_id
    assert principal.tenant_id == shop.merchant.tenant_id
    assert principal.mode == "sandbox"
    assert principal.scopes == frozenset({"payments:write", "replay"})


def test_a_key_that_was_never_made_is_nobodys(shop: Shop, authenticate: Authenticator) -> None:
    shop.create_key(shop.text())

    assert authenticate(shop.text().reveal()) is None


@pytest.mark.parametrize("text", ["", "pgk_live_", "Bearer x", "pgk_live_é", "x" * 10_000])
def test_what_is_no_key_is_nobodys(authenticate: Authenticator, text: str) -> None:
    assert authenticate(text) is None


def test_the_same_text_under_another_index_key_is_nobodys(house: House, shop: Shop) -> None:
    text = shop.text()
    shop.create_key(text)

    assert Authenticator(house.reader, bytes(32), house.clock)(text.reveal()) is None


def test_the_command_line_finds_a_merchant_by_its_id(house: House, shop: Shop) -> None:
    row = queries.merchant(house.spanning, shop.merchant.merchant_id)

    assert row is not None
    assert row["tenant_id"] == shop.merchant.tenant_id
    assert queries.merchant(house.spanning, "mer_none") is None


def test_the_command_line_lists_merchants_of_all_tenants_page_by_page(
    house: House, shop: Shop, other: Shop
) -> None:
    ids = sorted([shop.merchant.merchant_id, other.merchant.merchant_id])

    assert [row["merchant_id"] for row in queries.merchants(house.spanning)] == ids
    assert [row["merchant_id"] for row in queries.merchants(house.spanning, after=ids[0])] == ids[
        1:
    ]


def test_a_merchants_keys_are_listed_without_their_hashes(
    house: House, shop: Shop, other: Shop
) -> None:
    first = shop.create_key(shop.text())
    second = shop.create_key(shop.text())
    other.create_key(other.text())
    row = queries.merchant(house.spanning, shop.merchant.merchant_id)
    assert row is not None

    listed = queries.keys_of(house.spanning, row)
    rest = queries.keys_of(house.spanning, row, after=listed[0]["key_id"])

    assert {one["key_id"] for one in listed} == {first.key_id, second.key_id}
    assert [one["key_id"] for one in rest] == [listed[1]["key_id"]]
    assert "secret_hash" not in listed[0]
