"""Which models there are, over HTTP: by pages, one, and to keys that may read them."""

import pytest

from service.rooms.models.api import ROUTES
from tests.service.rooms.models.conftest import add, manifest
from tests.support.front import Front
from tests.support.places import change
from tests.support.uow import House


@pytest.fixture
def front(house: House) -> Front:
    return Front(house, ROUTES, scopes=("models:read",))


def test_models_come_by_pages_the_newest_first(house: House, front: Front) -> None:
    for number in range(3):
        add(house, bytes([number]), manifest=manifest(name=f"model {number}"))

    first = front.get("/v1/models?limit=2").get_json()
    last = front.get(f"/v1/models?limit=2&cursor={first['next_cursor']}").get_json()

    names = [one["name"] for one in (*first["models"], *last["models"])]
    assert sorted(names) == ["model 0", "model 1", "model 2"]
    assert last["next_cursor"] is None


def test_one_model_is_told_with_what_was_signed(house: House, front: Front) -> None:
    made = add(house, b"file")

    said = front.get(f"/v1/models/sha256:{made.sha256}").get_json()

    assert said["id"] == f"sha256:{made.sha256}"
    assert said["inputs"] == ["amount_minor", "payer_payment_count_1h"]
    assert said["trained"]["rows"] == 1_000
    assert said["trained"]["frauds"] == {"unauthorized": 8}
    assert said["metrics"] == {"average_precision": 0.74}
    assert (said["heads"], said["bytes"], said["origin"]) == (["unauthorized"], 4, "trained")


@pytest.mark.parametrize(
    "name", ["sha256:" + "0" * 64, "0" * 64, "nonsense", "mdl_01M8693804KV09GNB36AH50ZYS"]
)
def test_what_is_no_model_is_not_found(front: Front, name: str) -> None:
    response = front.get(f"/v1/models/{name}")

    assert (response.status_code, response.get_json()["code"]) == (404, "model_not_found")


def test_a_key_without_the_scope_reads_none(house: House) -> None:
    response = Front(house, ROUTES, scopes=("payments:read",)).get("/v1/models")

    assert response.status_code == 403


@pytest.mark.parametrize("content", [b"{}", b"\xff", b""])
def test_a_damaged_model_is_shown_as_that_beside_the_others(
    house: House, front: Front, content: bytes
) -> None:
    made = add(house, b"file")
    change(house.place, "UPDATE models SET manifest = :manifest", manifest=content)
    add(house, b"other", manifest=manifest(name="another"))

    listed = {one["id"]: one for one in front.get("/v1/models").get_json()["models"]}
    response = front.get(f"/v1/models/sha256:{made.sha256}")

    assert sorted(one["damaged"] for one in listed.values()) == [False, True]
    assert listed[f"sha256:{made.sha256}"]["heads"] == []
    assert (response.status_code, response.get_json()["code"]) == (409, "model_damaged")
