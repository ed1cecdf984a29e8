"""Merchants are created and changed; keys are made, rotated, revoked; refusals leave a trace."""

import datetime as dt

import msgspec
import pytest

from service.db.store import GuardFailed
from service.kernel.errors import Faulted
from service.rooms.merchants import store
from service.rooms.merchants.contract import (
    AUDIT_KINDS,
    CreateMerchant,
    Limits,
    ResumeMerchant,
    RevokeKey,
    RotateKey,
    SetLimits,
    SetPreset,
    SetReviewMode,
    SuspendMerchant,
)
from service.rooms.merchants.queries import Authenticator
from service.rooms.merchants.tables import API_KEYS, MERCHANTS, TENANTS
from tests.service.rooms.merchants.conftest import INDEX_KEY, Shop, creation
from tests.support.uow import House, a_call, a_house_call, texts_in


def rotation(shop: Shop, key_id: str, *, overlap_s: int = 3_600) -> RotateKey:
    return RotateKey(key_id=key_id, secret_hash=shop.text().index(INDEX_KEY), overlap_s=overlap_s)


def test_a_merchant_gets_a_tenant_of_its_own_and_judges_only(house: House, shop: Shop) -> None:
    [tenant] = house.rows(TENANTS)
    [row] = house.rows(MERCHANTS)

    assert (tenant["tenant_id"], tenant["shard"]) == (shop.merchant.tenant_id, 0)
    assert (row["merchant_id"], row["preset"]) == (shop.merchant.merchant_id, "judge_only")
    assert (row["review_mode"], row["status"], row["version"]) == ("hold", "active", 1)


def test_a_merchant_joins_the_tenant_that_is_named(house: House, shop: Shop) -> None:
    joined = house.accept(
        CreateMerchant(name="Second", tenant_id=shop.merchant.tenant_id), a_house_call()
    )

    assert joined.tenant_id == shop.merchant.tenant_id
    assert len(house.rows(TENANTS)) == 1


def test_an_unknown_tenant_is_refused_and_only_the_entry_is_written(house: House) -> None:
    before = house.dump()

    code = house.refuse(CreateMerchant(name="Lost", tenant_id="ten_none"), a_house_call())

    assert code == "tenant_not_found"
    assert house.dump() == before
    [entry] = house.entries()
    assert (entry["kind"], entry["outcome"]) == ("merchant.created", "failure")


def test_no_merchant_makes_merchants(house: House, shop: Shop) -> None:
    with pytest.raises(Faulted):
        house.run(CreateMerchant(name="Mine"), shop.call)


def test_settings_change_one_by_one_and_say_what_they_were(house: House, shop: Shop) -> None:
    house.accept(SetPreset(preset="CN"), shop.call)
    house.accept(SetReviewMode(review_mode="before_capture"), shop.call)
    merchant = house.accept(SetLimits(limits={"CNY": Limits(challenge_minor=500_000)}), shop.call)

    [row] = house.rows(MERCHANTS)
    assert (row["preset"], row["review_mode"], row["version"]) == ("CN", "before_capture", 4)
    assert merchant.limits == {"CNY": Limits(challenge_minor=500_000)}
    [entry] = house.entries("merchant.preset_set")
    assert entry["fields"] == {"preset": "CN", "preset_before": "judge_only"}


def test_settings_of_a_merchant_that_is_not_there_are_refused(house: House, shop: Shop) -> None:
    before = house.dump()

    code = house.refuse(
        SetPreset(preset="CN"),
        a_call(tenant_id=shop.merchant.tenant_id, merchant_id="mer_none"),
    )

    assert code == "merchant_not_found"
    assert house.dump() == before


def test_a_key_keeps_its_scopes_sorted_and_once(house: House, shop: Shop) -> None:
    shop.create_key(shop.text(), scopes=("payments:write", "payments:read", "payments:read"))

    [row] = house.rows(API_KEYS)
    assert row["scopes"] == "payments:read payments:write"


def test_replay_is_for_the_sandbox_only(house: House, shop: Shop) -> None:
    shop.create_key(shop.text("sandbox"), scopes=("replay",))
    before = house.rows(API_KEYS)

    code = house.refuse(creation(shop.text("live"), scopes=("replay",)), shop.call)

    assert code == "scope_sandbox_only"
    assert house.rows(API_KEYS) == before


def test_a_third_key_of_one_label_is_refused_and_logged(house: House, shop: Shop) -> None:
    shop.create_key(shop.text(), label="till")
    shop.create_key(shop.text(), label="till")
    before = house.dump()

    code = house.refuse(creation(shop.text(), label="till"), shop.call)

    assert code == "keys_active_limit"
    assert house.dump() == before
    assert house.entries("key.created")[-1]["outcome"] == "failure"


def test_another_label_mode_or_merchant_has_its_own_two(
    house: House, shop: Shop, other: Shop
) -> None:
    shop.create_key(shop.text(), label="till")
    shop.create_key(shop.text(), label="till")

    shop.create_key(shop.text(), label="web")
    shop.create_key(shop.text("sandbox"), label="till")
    other.create_key(other.text(), label="till")

    assert len(house.rows(API_KEYS)) == 5


def test_the_statement_alone_holds_the_limit(house: House, shop: Shop) -> None:
    shop.create_key(shop.text())
    shop.create_key(shop.text())
    transaction = house.store.begin()

    with pytest.raises(GuardFailed):
        transaction.run(
            [
                store.INSERT_KEY(
                    tenant_id=shop.merchant.tenant_id,
                    merchant_id=shop.merchant.merchant_id,
                    key_id="key_third",
                    mode="live",
                    scopes="payments:read",
                    secret_hash=bytes(32),
                    label="default",
                    created_at=house.clock.now(),
                )
            ]
        )


def test_both_keys_work_until_the_overlap_is_over(
    house: House, shop: Shop, authenticate: Authenticator
) -> None:
    old, new = shop.text(), shop.text()
    key = shop.create_key(old)

    rotated = house.accept(
        RotateKey(key_id=key.key_id, secret_hash=new.index(INDEX_KEY), overlap_s=3_600),
        shop.call,
    )

    assert authenticate(old.reveal()) is not None
    principal = authenticate(new.reveal())
    assert principal is not None
    assert principal.key_id == rotated.successor.key_id
    assert principal.scopes == frozenset({"payments:read"})
    house.clock.advance(dt.timedelta(seconds=3_599))
    assert authenticate(old.reveal()) is not None
    house.clock.advance(dt.timedelta(seconds=1))
    assert authenticate(old.reveal()) is None
    assert authenticate(new.reveal()) is not None


def test_a_second_rotation_waits_for_the_first_to_be_over(house: House, shop: Shop) -> None:
    key = shop.create_key(shop.text())
    successor = house.accept(rotation(shop, key.key_id), shop.call).successor
    before = house.dump()

    code = house.refuse(rotation(shop, successor.key_id), shop.call)

    assert code == "keys_active_limit"
    assert house.dump() == before
    house.clock.advance(dt.timedelta(seconds=3_600))
    house.accept(rotation(shop, successor.key_id), shop.call)


def test_a_rotation_without_overlap_leaves_one_key(
    house: House, shop: Shop, authenticate: Authenticator
) -> None:
    text = shop.text()
    shop.create_key(shop.text())
    key = shop.create_key(text)

    house.accept(rotation(shop, key.key_id, overlap_s=0), shop.call)

    assert authenticate(text.reveal()) is None


def test_a_new_rotation_never_prolongs_an_old_key(house: House, shop: Shop) -> None:
    key = shop.create_key(shop.text())
    first = house.accept(rotation(shop, key.key_id, overlap_s=60), shop.call)
    house.accept(RevokeKey(key_id=first.successor.key_id), shop.call)

    second = house.accept(rotation(shop, key.key_id, overlap_s=3_600), shop.call)

    assert second.replaced.expires_at == first.replaced.expires_at


def test_an_ended_key_is_not_rotated(house: House, shop: Shop) -> None:
    key = shop.create_key(shop.text())
    house.accept(rotation(shop, key.key_id, overlap_s=60), shop.call)
    house.clock.advance(dt.timedelta(seconds=60))

    assert house.refuse(rotation(shop, key.key_id), shop.call) == "key_not_active"


def test_a_revoked_key_works_no_more(house: House, shop: Shop, authenticate: Authenticator) -> None:
    text = shop.text()
    key = shop.create_key(text)

    revoked = house.accept(RevokeKey(key_id=key.key_id), shop.call)

    assert revoked.state == "revoked"
    assert authenticate(text.reveal()) is None
    assert house.refuse(RevokeKey(key_id=key.key_id), shop.call) == "key_not_active"


def test_another_merchants_key_is_as_unknown_as_no_key(
    house: House, shop: Shop, other: Shop, authenticate: Authenticator
) -> None:
    text = shop.text()
    key = shop.create_key(text)
    before = house.dump()

    codes = {
        house.refuse(RevokeKey(key_id=key.key_id), other.call),
        house.refuse(rotation(other, key.key_id), other.call),
        house.refuse(RevokeKey(key_id="key_none"), other.call),
    }

    assert codes == {"key_not_found"}
    assert house.dump() == before
    assert authenticate(text.reveal()) is not None


def test_a_network_mate_does_not_reach_a_key_either(house: House, shop: Shop) -> None:
    key = shop.create_key(shop.text())
    mate = house.accept(
        CreateMerchant(name="Mate", tenant_id=shop.merchant.tenant_id), a_house_call()
    )
    call = a_call(tenant_id=mate.tenant_id, merchant_id=mate.merchant_id)

    assert house.refuse(RevokeKey(key_id=key.key_id), call) == "key_not_found"


def test_a_suspended_merchants_keys_rest_until_it_is_resumed(
    house: House, shop: Shop, authenticate: Authenticator
) -> None:
    text = shop.text()
    shop.create_key(text)

    house.accept(SuspendMerchant(reason="bust-out"), shop.call)

    assert authenticate(text.reveal()) is None
    assert house.entries()[-1]["fields"]["reason"] == "bust-out"
    assert house.refuse(creation(shop.text()), shop.call) == "merchant_suspended"
    house.accept(ResumeMerchant(), shop.call)
    assert authenticate(text.reveal()) is not None


def test_no_row_and_no_entry_holds_a_keys_text(house: House, shop: Shop) -> None:
    old, new = shop.text(), shop.text()
    key = shop.create_key(old)
    house.accept(
        RotateKey(key_id=key.key_id, secret_hash=new.index(INDEX_KEY), overlap_s=60), shop.call
    )

    held = "\n".join(texts_in(rows) for rows in house.dump().values())
    held += msgspec.json.encode(house.entries()).decode()

    secrets = [text.reveal().rsplit("_", 1)[1] for text in (old, new)]
    assert not [secret for secret in secrets if secret in held]


def test_no_entry_holds_a_keys_hash(house: House, shop: Shop) -> None:
    text = shop.text()
    shop.create_key(text)

    logged = msgspec.json.encode(house.entries()).decode()

    assert text.index(INDEX_KEY).hex() not in logged


def test_every_entry_is_of_a_kind_with_a_meaning(house: House, shop: Shop) -> None:
    key = shop.create_key(shop.text())
    house.accept(rotation(shop, key.key_id), shop.call)
    house.accept(RevokeKey(key_id=key.key_id), shop.call)
    for command in (
        SetPreset(preset="CN"),
        SetReviewMode(review_mode="hold"),
        SetLimits(limits={}),
        SuspendMerchant(),
        ResumeMerchant(),
    ):
        house.accept(command, shop.call)

    assert set(house.kinds()) == set(AUDIT_KINDS)


@pytest.mark.usefixtures("shop")
def test_a_change_over_another_one_changes_nothing(house: House) -> None:
    [row] = house.rows(MERCHANTS)
    transaction = house.store.begin()

    with pytest.raises(GuardFailed):
        transaction.run(
            [
                store.UPDATE_MERCHANT(
                    of_tenant=row["tenant_id"],
                    of_merchant=row["merchant_id"],
                    of_version=row["version"] + 1,
                    preset="CN",
                    review_mode="hold",
                    limits="{}",
                    status="active",
                )
            ]
        )
