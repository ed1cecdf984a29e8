"""A house in which models are added, and the key that signs them."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from service.db.places import Place
from service.rooms.models import model
from service.rooms.models.commands import handlers
from service.rooms.models.contract import AddModel, AddModelPart
from tests.support.uow import House, a_house_call

BY = model.signer(bytes(range(32)))


def manifest(**given: Any) -> bytes:
    """Return a manifest's bytes; what is not given is as a sound one has it."""
    digest = "00" * 32
    calibration = {"a": 1.0, "b": 0.0}
    told = {
        "format": 1,
        "name": "handbook",
        "origin": "trained",
        "created_at": "2026-11-20T00:00:00Z",
        "feature_set": "fs_1",
        "inputs": ["amount_minor", "payer_payment_count_1h"],
        "heads": {
            "unauthorized": {
                "trees_sha256": digest,
                "base_margin": 0.0,
                "calibration": calibration,
            }
        },
        "priors": {"unauthorized": 0.001, "scam": 0.001, "first_party": 0.001},
        "trained": {
            "since": "2026-10-01T00:00:00Z",
            "until": "2026-11-01T00:00:00Z",
            "rows": 1_000,
            "frauds": {"unauthorized": 8},
            "data_sha256": digest,
        },
        "metrics": {"average_precision": 0.74},
        "engine": {"xgboost": "3.2.0"},
        "golden": {"rows": 256, "rows_sha256": digest, "margins_sha256": digest},
    }
    return msgspec.json.encode(told | given, order="sorted")


def adding(file: bytes, **given: Any) -> AddModel:
    """Return the addition of a file, signed by the house."""
    told = given.pop("manifest", None) or manifest()
    values: dict[str, Any] = {
        "bytes_total": len(file),
        "parts": tuple(map(model.digest, model.parts_of(file))),
        "manifest": told,
        "note": model.signed(told, BY),
    }
    return AddModel(**values | given)


@pytest.fixture
def house(place: Place) -> Iterator[House]:
    made = House(place, handlers(BY.verifier))
    yield made
    made.close()


def keep(house: House, file: bytes) -> None:
    for content in model.parts_of(file):
        house.accept(AddModelPart(content=content), a_house_call())


def add(house: House, file: bytes, **given: Any) -> Any:
    keep(house, file)
    return house.accept(adding(file, **given), a_house_call())
