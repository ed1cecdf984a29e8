"""Tiles make the same tree as the frontier; keys name themselves; comparisons say what is wrong."""

import hashlib

import pytest

from keys.entropy import CountingEntropy
from keys.notes import Checkpoint, Signer
from keys.sealing import NotOpened, Sealer
from keys.translog import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from service.rooms.audit import model
from service.rooms.audit.model import Tiles, partial_tiles

SEALER = Sealer(bytes(32))
SIGNER = Signer("pay.example/log/0", bytes(range(32)))


def leaf(index: int) -> bytes:
    return hashlib.sha256(index.to_bytes(8)).digest()


def tiles_of(size: int) -> Tiles:
    tiles = Tiles()
    for index in range(size):
        tiles.append(leaf(index))
    return tiles


def frontier_of(size: int) -> Frontier:
    frontier = Frontier.empty()
    for index in range(size):
        frontier.append(leaf(index))
    return frontier


@pytest.mark.parametrize("size", [0, 1, 2, 255, 256, 257, 600, 1024, 65_536, 65_537])
def test_tiles_have_the_root_of_the_frontier(size: int) -> None:
    assert tiles_of(size).root() == frontier_of(size).root()
    assert (size > 0) or tiles_of(size).root() == EMPTY_ROOT


@pytest.mark.parametrize("size", [1, 255, 256, 300, 65_800])
def test_a_tree_goes_on_from_its_partial_tiles_alone(size: int) -> None:
    whole = tiles_of(size)
    stored = {(one.level, one.tile): one.hashes for one in whole.changed()}
    later = Tiles(size)
    for place in partial_tiles(size):
        later.put(*place, stored[place])

    assert later.root() == whole.root()
    for index in range(size, size + 300):
        later.append(leaf(index))
        whole.append(leaf(index))
    assert later.root() == whole.root() == frontier_of(size + 300).root()
    assert set(later.changed()) <= set(whole.changed())


@pytest.mark.parametrize("size", [7, 256, 700])
def test_proofs_from_tiles_verify(size: int) -> None:
    tiles = tiles_of(size)
    for index in {0, size // 2, size - 1}:
        proof = inclusion_proof(index, size, tiles.node)
        verify_inclusion(index=index, size=size, leaf=leaf(index), proof=proof, root=tiles.root())
    proof = consistency_proof(size - 3, size, tiles.node)
    roots = {"old_root": frontier_of(size - 3).root(), "new_root": tiles.root()}
    verify_consistency(old=size - 3, new=size, proof=proof, **roots)


def test_a_tile_that_is_too_short_is_refused_and_one_that_is_longer_is_cut() -> None:
    hashes = b"".join(leaf(index) for index in range(10))
    tiles = Tiles(8)

    with pytest.raises(ValueError, match="too few"):
        tiles.put(0, 0, hashes[:32])
    tiles.put(0, 0, hashes)
    assert tiles.root() == frontier_of(8).root()


def test_a_key_is_sealed_under_its_name_and_signs_growth() -> None:
    made = model.new_log_key("0", SEALER, issuer="https://pay.example", entropy=CountingEntropy())

    signer = model.signer_of(made.origin, made.key_id, made.sealed_seed, SEALER)
    assert (made.origin, signer.verifier.public) == ("pay.example/log/0", made.public_key)
    with pytest.raises(NotOpened):
        model.signer_of(made.origin, "00000000", made.sealed_seed, SEALER)
    command = model.growth(Tiles(), [leaf(0), leaf(1)], signer, "0")
    signed = model.opened(command.note, [signer.verifier])
    assert signed == Checkpoint("pay.example/log/0", 2, frontier_of(2).root())
    assert model.opened(command.note, [SIGNER.verifier]) is None
    assert (command.before, [one.hashes for one in command.tiles]) == (0, [leaf(0) + leaf(1)])


@pytest.mark.parametrize(
    ("issuer", "origin"),
    [
        ("https://pay.example", "pay.example/log/0"),
        ("a b+c", "a-b-c/log/0"),
        ("é" * 300, "-" * 200 + "/log/0"),
    ],
)
def test_an_origin_is_a_name_that_notes_can_have(issuer: str, origin: str) -> None:
    assert model.origin_of(issuer, "0") == origin
    Signer(origin, bytes(32))


def test_what_is_wrong_between_the_database_and_the_outside() -> None:
    outside = Checkpoint("o", 5, leaf(5))

    assert model.compared(outside, size=5, root_there=leaf(5)) is None
    assert model.compared(outside, size=9, root_there=leaf(6)) == "not_extending"
    assert model.compared(outside, size=4, root_there=None) == "rolled_back"
    assert model.compared(None, size=4, root_there=None) == "not_ours"
