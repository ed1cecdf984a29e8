"""Models are added whole, signed and once; what is refused leaves its entry and no row."""

from typing import Any

import msgspec
import pytest

from service.carriers.frames import FRAME_BYTES_MAX
from service.rooms.models import model, public, queries
from service.rooms.models.contract import (
    FILE_BYTES_MAX,
    PART_BYTES_MAX,
    PARTS_MAX,
    AddModelPart,
    NoteScorer,
)
from service.rooms.models.tables import MODEL_PARTS, MODELS
from tests.service.rooms.models.conftest import BY, add, adding, keep, manifest
from tests.support.places import change
from tests.support.uow import House, a_call, a_house_call

# Longer than one part, with no two parts alike.
FILE = b"".join(number.to_bytes(4, "big") for number in range(500_000))


def test_a_file_comes_back_as_it_was_brought(house: House) -> None:
    made = add(house, FILE)

    assert (made.name, made.origin) == ("handbook", "trained")
    kept = public.find(f"sha256:{made.sha256}", house.spanning.fetch)
    assert kept is not None
    assert (kept.file, model.digest(kept.file)) == (FILE, model.digest(FILE))
    assert set(house.kinds()) == {"model.part_kept", "model.added"}


def test_a_model_is_added_once(house: House) -> None:
    add(house, FILE)

    assert house.refuse(adding(FILE), a_house_call()) == "model_exists"
    assert len(house.rows(MODELS)) == 1


def test_a_part_that_is_kept_is_not_kept_twice(house: House) -> None:
    keep(house, FILE)
    before = house.rows(MODEL_PARTS)
    keep(house, FILE)

    assert house.rows(MODEL_PARTS) == before


def test_a_file_with_a_part_missing_is_refused(house: House) -> None:
    house.accept(AddModelPart(content=FILE[:PART_BYTES_MAX]), a_house_call())

    assert house.refuse(adding(FILE), a_house_call()) == "model_incomplete"
    assert house.rows(MODELS) == []


@pytest.mark.parametrize("what", ["key", "manifest", "nonsense"])
def test_what_the_house_did_not_sign_is_refused(house: House, what: str) -> None:
    keep(house, FILE)
    notes = {
        "key": model.signed(manifest(), model.signer(bytes(32))),
        "manifest": model.signed(manifest(name="another"), BY),
        "nonsense": "nonsense",
    }

    assert house.refuse(adding(FILE, note=notes[what]), a_house_call()) == "model_unsigned"
    assert house.rows(MODELS) == []
    [entry] = house.entries("model.refused")
    assert (entry["outcome"], entry["fields"]) == ("failure", {"problem": "model_unsigned"})


@pytest.mark.parametrize("told", [b"{", b"[]", manifest(origin="elsewhere"), manifest(heads=[])])
def test_a_manifest_that_cannot_be_read_is_refused(house: House, told: bytes) -> None:
    keep(house, FILE)

    assert house.refuse(adding(FILE, manifest=told), a_house_call()) == "model_unfit"


def test_only_the_house_brings_models(house: House) -> None:
    for command in (AddModelPart(content=b"part"), adding(FILE)):
        with pytest.raises(Exception, match="cmd_"):
            house.run(command, a_call())
    assert house.rows(MODELS) == []
    assert house.rows(MODEL_PARTS) == []


def test_the_largest_file_travels_in_parts_that_frames_take() -> None:
    largest = AddModelPart(content=bytes(PART_BYTES_MAX))

    # The call and the names beside it take the rest.
    assert len(msgspec.msgpack.encode(largest)) < FRAME_BYTES_MAX - 16_384
    assert PARTS_MAX * PART_BYTES_MAX >= FILE_BYTES_MAX


def test_the_scorer_s_comings_and_goings_are_noted_in_order(house: House) -> None:
    model_id = f"sha256:{'0' * 64}"
    assert not queries.is_scorer_down(house.spanning)

    house.accept(NoteScorer(model=model_id, state="down", why="check_ended"), a_house_call())
    assert queries.is_scorer_down(house.spanning)
    made = house.accept(NoteScorer(model=model_id, state="ready"), a_house_call())

    assert (made.number, queries.is_scorer_down(house.spanning)) == (2, False)
    assert house.kinds() == ["scorer.down", "scorer.ready"]


def test_a_part_that_was_damaged_is_put_right_by_bringing_it_again(house: House) -> None:
    made = add(house, FILE)
    sha256 = model.digest(FILE[:PART_BYTES_MAX])
    change(
        house.place,
        "UPDATE model_parts SET content = :content WHERE sha256 = :sha256",
        content=b"other",
        sha256=sha256,
    )

    keep(house, FILE)

    kept = public.find(f"sha256:{made.sha256}", house.spanning.fetch)
    assert kept is not None
    assert kept.file == FILE
    [entry] = house.entries("model.part_healed")
    assert (entry["subject"], entry["fields"]) == (sha256, {"bytes": PART_BYTES_MAX})


@pytest.mark.parametrize(
    ("damage", "value"),
    [
        ("UPDATE models SET manifest = :value", b"{}"),
        ("UPDATE models SET note = :value", "n"),
        ("UPDATE models SET parts = :value", b"[]"),
        ("UPDATE models SET size_bytes = :value", 1),
    ],
)
def test_a_row_that_was_damaged_is_put_right_by_adding_the_file_again(
    house: House, damage: str, value: Any
) -> None:
    made = add(house, FILE)
    before = house.rows(MODELS)
    change(house.place, damage, value=value)

    house.accept(adding(FILE), a_house_call())

    assert house.rows(MODELS) == before
    assert [one["subject"] for one in house.entries("model.healed")] == [made.sha256]
    assert house.refuse(adding(FILE), a_house_call()) == "model_exists"
