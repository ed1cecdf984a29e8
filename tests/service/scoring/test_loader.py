"""From what the store keeps to a model on the shelf, and what stays in the folder of arrays."""

import dataclasses
from pathlib import Path

import pytest

from keys.notes import Signer, Verifier, sign_note
from risk.models.arrays import map_model
from risk.models.container import unpack
from risk.models.manifest import text_to_sign
from service.scoring.loader import Loader
from service.scoring.shelf import Shelf
from tests.support.scored import a_model

BY = Signer("payguard-model", bytes(range(32)))


@dataclasses.dataclass(frozen=True)
class Kept:
    file: bytes
    note: str


@pytest.mark.long
def test_only_the_arrays_that_are_used_stay_of_a_model(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    file = a_model()
    model_id = unpack(file).id
    kept = Kept(file, sign_note(text_to_sign(model_id), BY))
    verifier = Verifier.of(BY.verifier_key)
    shelf = Shelf()
    loader = Loader(find={model_id: kept}.get, verifier=verifier, folder=folder, shelf=shelf)
    loader.load(model_id, in_force=None)
    [used] = folder.glob("*.arrays")
    model = used.name.partition("-")[0]
    older = folder / f"{model}-{'0' * 64}.arrays"
    another = folder / f"{'1' * 64}-{'0' * 64}.arrays"
    left = folder / ".left.arrays"
    for one in (older, another, left):
        one.write_bytes(b"of another time")

    loader.load(model_id, in_force=None)

    assert shelf.why_not(model_id) is None
    # What another model judged is still explained by its arrays.
    assert sorted(folder.iterdir()) == sorted([used, another])
    assert map_model(used).id == model_id


def test_what_is_not_in_the_store_is_said_to_be_missing(tmp_path: Path) -> None:
    shelf = Shelf()
    verifier = Verifier.of(BY.verifier_key)
    loader = Loader(find=lambda _: None, verifier=verifier, folder=tmp_path / "models", shelf=shelf)

    loader.load("sha256:nothing", in_force=None)

    assert shelf.why_not("sha256:nothing") == "model_missing"
    assert not (tmp_path / "models").exists()
