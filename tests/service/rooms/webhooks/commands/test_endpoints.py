import datetime as dt

import pytest

from service.rooms.webhooks.contract import (
    ENDPOINTS_MAX,
    DeleteEndpoint,
    DisableEndpoint,
    EnableEndpoint,
    RotateSecret,
    UpdateEndpoint,
)
from service.unit_of_work.commands import Call
from tests.service.rooms.webhooks.conftest import URL, Hooks
from tests.support.uow import a_call, texts_in

DAY = dt.timedelta(days=1)


def strangers(hooks: Hooks) -> list[Call]:
    """Return calls of another tenant, of a neighbour, and of the merchant's other mode."""
    call = hooks.call
    own = {"tenant_id": call.tenant_id, "merchant_id": call.merchant_id}
    return [
        hooks.desk.another(mode="sandbox"),
        hooks.desk.another(mode="sandbox", tenant_id=call.tenant_id),
        a_call(**own, mode="live"),
    ]


def test_an_endpoint_is_kept_with_its_keys_sealed(hooks: Hooks) -> None:
    made = hooks.endpoint(kinds=("payguard.payment.moved",), description="shop")

    [row] = hooks.endpoints()
    [secret] = hooks.secrets()
    assert (row["url"], row["state"], row["version"]) == (URL, "enabled", 1)
    assert made.kinds == ("payguard.payment.moved",)
    assert [one.public_key for one in made.public_keys] == [secret["public_key"]]
    assert secret["expires_at"] is None
    [entry] = hooks.house.entries("webhook_endpoint.created")
    assert entry["subject"] == made.id
    assert entry["fields"]["host"] == "hooks.example"
    assert "/payguard" not in str(entry)


def test_an_address_that_is_not_for_deliveries_is_refused(hooks: Hooks) -> None:
    assert hooks.house.refuse(hooks.creation(url="ftp://hooks.example/"), hooks.call) == (
        "webhook_url_not_allowed"
    )
    made = hooks.endpoint()
    update = UpdateEndpoint(endpoint_id=made.id, url="https://169.254.169.254/")
    assert hooks.house.refuse(update, hooks.call) == "webhook_url_not_allowed"
    assert hooks.endpoints()[0]["url"] == URL


def test_a_merchant_has_so_many_endpoints_in_a_mode_and_no_more(hooks: Hooks) -> None:
    for _ in range(ENDPOINTS_MAX):
        last = hooks.endpoint()

    assert hooks.house.refuse(hooks.creation(), hooks.call) == "webhook_endpoints_limit"
    assert len(hooks.endpoints()) == ENDPOINTS_MAX
    assert len(hooks.secrets()) == ENDPOINTS_MAX
    for other in strangers(hooks):
        hooks.endpoint(other)
    hooks.house.accept(DeleteEndpoint(endpoint_id=last.id), hooks.call)
    hooks.endpoint()


def test_what_is_not_named_stays(hooks: Hooks) -> None:
    made = hooks.endpoint(description="shop")

    changed = hooks.house.accept(
        UpdateEndpoint(endpoint_id=made.id, url="https://other.example/"), hooks.call
    )

    assert (changed.url, changed.description) == ("https://other.example/", "shop")
    assert changed.public_keys == made.public_keys


def test_a_rotation_adds_keys_and_ends_the_old_ones_later(hooks: Hooks) -> None:
    made = hooks.endpoint()
    [first] = [one.public_key for one in made.public_keys]

    rotated = hooks.house.accept(
        RotateSecret(endpoint_id=made.id, overlap_s=86_400, **hooks.keys()), hooks.call
    )

    new, old = rotated.public_keys
    assert old.public_key == first
    assert (new.expires_at, old.expires_at) == (None, hooks.house.clock.now() + DAY)
    assert len(hooks.secrets()) == 2


def test_a_second_rotation_ends_what_the_first_left(hooks: Hooks) -> None:
    made = hooks.endpoint()
    for _ in range(3):
        hooks.wait(dt.timedelta(seconds=1))
        rotated = hooks.house.accept(
            RotateSecret(endpoint_id=made.id, overlap_s=600, **hooks.keys()), hooks.call
        )

    kept = {row["public_key"] for row in hooks.secrets()}
    assert kept == {one.public_key for one in rotated.public_keys}
    assert len(kept) == 2


def test_a_disabled_endpoint_is_enabled_again_and_no_longer_failing(hooks: Hooks) -> None:
    made = hooks.endpoint()

    off = hooks.house.accept(DisableEndpoint(endpoint_id=made.id), hooks.call)
    on = hooks.house.accept(EnableEndpoint(endpoint_id=made.id), hooks.call)

    assert (off.state, off.disabled_because) == ("disabled", "merchant")
    assert (on.state, on.disabled_because, on.failing_since) == ("enabled", None, None)


def test_deleting_destroys_the_keys_and_hides_the_rest(hooks: Hooks) -> None:
    made = hooks.endpoint()
    hooks.pay()

    hooks.house.accept(DeleteEndpoint(endpoint_id=made.id), hooks.call)

    assert hooks.secrets() == []
    assert hooks.parcels() == []
    assert hooks.house.refuse(EnableEndpoint(endpoint_id=made.id), hooks.call) == (
        "webhook_endpoint_not_found"
    )


@pytest.mark.parametrize("which", range(3))
def test_an_endpoint_of_another_is_not_there(hooks: Hooks, which: int) -> None:
    made = hooks.endpoint()
    other = strangers(hooks)[which]
    before = hooks.endpoints(), hooks.secrets()

    for command in (
        UpdateEndpoint(endpoint_id=made.id, description="x"),
        RotateSecret(endpoint_id=made.id, overlap_s=0, **hooks.keys(other)),
        DisableEndpoint(endpoint_id=made.id),
        EnableEndpoint(endpoint_id=made.id),
        DeleteEndpoint(endpoint_id=made.id),
    ):
        assert hooks.house.refuse(command, other) == "webhook_endpoint_not_found"

    assert (hooks.endpoints(), hooks.secrets()) == before


def test_no_secret_is_in_the_store_in_clear(hooks: Hooks) -> None:
    hooks.endpoint()
    [parcel] = hooks.pay()
    signed = dict(parcel.sign(1_764_000_000))
    everything = "\n".join(texts_in(rows) for rows in hooks.house.dump().values())

    [secret] = hooks.secrets()
    opened = hooks.desk.sealer.open(
        secret["sealed"],
        bound_to=(
            f"webhook_secrets.sealed:{hooks.call.tenant_id}:{hooks.call.merchant_id}:sandbox:"
            f"{secret['secret_id']}"
        ),
    )
    assert opened[:32].decode("latin-1") not in everything
    assert opened[32:].decode("latin-1") not in everything
    assert signed["webhook-signature"].split(",")[1] not in everything
