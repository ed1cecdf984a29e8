"""One key signs; a second, a wrong one, or one that is not the house's is not kept."""

import msgspec
import pytest

from keys.entropy import CountingEntropy
from service.db.store import GuardFailed
from service.kernel.errors import Faulted
from service.rooms.custody import store
from service.rooms.custody.contract import AUDIT_KINDS, CreateSigningKey
from service.rooms.custody.model import new_signing_key
from service.rooms.custody.tables import SIGNING_KEYS
from tests.support.uow import START, House, a_call, a_house_call

CALL = a_house_call("wsgi")


def test_the_first_key_is_kept_and_logged_by_its_name(
    house: House, fresh: CreateSigningKey
) -> None:
    created = house.accept(fresh, CALL)

    [row] = house.rows(SIGNING_KEYS)
    assert created.kid == row["kid"] == fresh.public_key.kid
    assert (row["tenant_id"], row["state"], row["purpose"]) == ("house", "active", "payment_token")
    [entry] = house.entries()
    assert (entry["kind"], entry["subject"]) == ("signing_key.created", created.kid)
    assert set(AUDIT_KINDS) == {"signing_key.created"}


def test_a_second_key_is_refused_and_nothing_changes(house: House, fresh: CreateSigningKey) -> None:
    house.accept(fresh, CALL)
    before = house.dump()

    code = house.refuse(new_signing_key(house.sealer, CountingEntropy(100)), CALL)

    assert code == "signing_key_exists"
    assert house.dump() == before
    assert house.entries()[-1]["outcome"] == "failure"


def test_the_table_alone_holds_one_active_key(house: House, fresh: CreateSigningKey) -> None:
    house.accept(fresh, CALL)
    transaction = house.store.begin()

    with pytest.raises(GuardFailed):
        transaction.run(
            [
                store.INSERT_KEY(
                    tenant_id="house",
                    kid="another",
                    purpose="payment_token",
                    state="active",
                    public_key="{}",
                    sealed_private=b"x",
                    created_at=START,
                )
            ]
        )


def test_a_key_under_a_name_that_is_not_its_own_is_refused(
    house: House, fresh: CreateSigningKey
) -> None:
    misnamed = msgspec.structs.replace(fresh.public_key, kid="A" * 43)

    code = house.refuse(msgspec.structs.replace(fresh, public_key=misnamed), CALL)

    assert code == "signing_key_invalid"
    assert house.rows(SIGNING_KEYS) == []


def test_a_point_that_is_not_on_the_curve_is_refused(house: House, fresh: CreateSigningKey) -> None:
    bent = msgspec.structs.replace(fresh.public_key, y=fresh.public_key.x)

    code = house.refuse(msgspec.structs.replace(fresh, public_key=bent), CALL)

    assert code == "signing_key_invalid"


def test_no_merchant_brings_a_key(house: House, fresh: CreateSigningKey) -> None:
    with pytest.raises(Faulted):
        house.run(fresh, a_call())

    assert house.rows(SIGNING_KEYS) == []
