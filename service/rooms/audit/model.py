"""Tiles of the log's tree, its keys and checkpoints. Pure: leaves, seeds and sealer are given."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from keys.entropy import Entropy
from keys.notes import Checkpoint, NotANote, Signer, Verifier, open_checkpoint, sign_checkpoint
from keys.sealing import Sealer
from keys.translog import HASH_BYTES, node_hash, root_from
from service.rooms.audit import contract
from service.rooms.audit.contract import (
    TILE_HASHES,
    CreateLogKey,
    DivergenceReason,
    GrowTree,
    LogEntry,
    Tile,
)

SEED_BYTES: Final = 32
HEIGHT: Final = 8
LEVELS: Final = 8

_NOT_IN_A_NAME: Final = re.compile(r"[^!-*,-~]")
_BODY: Final = msgspec.json.Decoder(dict[str, Any])


def partial_tiles(size: int) -> Iterator[tuple[int, int]]:
    """Yield level and place of each tile that a tree of this size has begun and not filled."""
    for level in range(LEVELS):
        if size >> HEIGHT * level & TILE_HASHES - 1:
            yield level, size >> HEIGHT * (level + 1)


def tile_of(level: int, index: int) -> tuple[int, int]:
    """Return level and place of the tile that a complete node is made from."""
    height = level % HEIGHT
    return level // HEIGHT, index >> HEIGHT - height


class Tiles:
    """Some tiles of a tree, from which its nodes are made; grows by leaves."""

    def __init__(self, size: int = 0) -> None:
        self.size = size
        self._tiles: dict[tuple[int, int], list[bytes]] = {}
        self._changed: set[tuple[int, int]] = set()

    def put(self, level: int, tile: int, hashes: bytes) -> None:
        """Take a tile as it is stored; hashes that the tree's size does not have are left out.

        Raises:
            ValueError: It has fewer than it should.
        """
        width = min((self.size >> HEIGHT * level) - tile * TILE_HASHES, TILE_HASHES)
        if len(hashes) % HASH_BYTES or len(hashes) < width * HASH_BYTES:
            raise ValueError("a tile of the log has too few hashes")
        cut = [hashes[at * HASH_BYTES : (at + 1) * HASH_BYTES] for at in range(width)]
        self._tiles[level, tile] = cut

    def append(self, leaf: bytes) -> None:
        """Add a leaf's hash; the tiles that it belongs to are there, or begin with it."""
        value, index = leaf, self.size
        for level in range(LEVELS):
            place = level, index // TILE_HASHES
            hashes = self._tiles.setdefault(place, [])
            assert len(hashes) == index % TILE_HASHES
            hashes.append(value)
            self._changed.add(place)
            if len(hashes) < TILE_HASHES:
                break
            value, index = _folded(hashes), index // TILE_HASHES
        self.size += 1

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete node.

        Raises:
            KeyError: Its tile is not here.
        """
        hashes = self._tiles[tile_of(level, index)]
        count = 1 << level % HEIGHT
        start = index * count % TILE_HASHES
        return _folded(hashes[start : start + count])

    def root(self) -> bytes:
        """Return the tree's root."""
        return root_from(self.node, self.size)

    def changed(self) -> tuple[Tile, ...]:
        """Return the tiles that leaves were added to, in order."""
        return tuple(
            Tile(level=level, tile=tile, hashes=b"".join(self._tiles[level, tile]))
            for level, tile in sorted(self._changed)
        )


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Return the root over 1, 2, 4 ... 256 hashes."""
    while len(hashes) > 1:
        pairs = zip(hashes[::2], hashes[1::2], strict=True)
        hashes = [node_hash(left, right) for left, right in pairs]
    return hashes[0]


def origin_of(issuer: str, log: str) -> str:
    """Return a log's name to the world: who issues, without scheme, and the log's own name."""
    named = issuer.partition("://")[2] or issuer
    return f"{_NOT_IN_A_NAME.sub('-', named)[:200]}/log/{log}"


def new_log_key(log: str, sealer: Sealer, *, issuer: str, entropy: Entropy) -> CreateLogKey:
    """Return the command that keeps a fresh key; its seed is sealed here already."""
    seed = entropy(SEED_BYTES)
    verifier = Signer(origin_of(issuer, log), seed).verifier
    key_id = verifier.key_id.hex()
    return CreateLogKey(
        log=log,
        origin=verifier.name,
        key_id=key_id,
        public_key=verifier.public,
        sealed_seed=sealer.seal(seed, bound_to=_place(key_id), entropy=entropy),
    )


def signer_of(origin: str, key_id: str, sealed_seed: bytes, sealer: Sealer) -> Signer:
    """Return what signs with a stored key.

    Raises:
        NotOpened: It was sealed under another root key.
    """
    return Signer(origin, sealer.open(sealed_seed, bound_to=_place(key_id)))


def _place(key_id: str) -> str:
    return f"log_keys.sealed_seed:{key_id}"


def growth(tiles: Tiles, leaves: Iterable[bytes], signer: Signer, log: str) -> GrowTree:
    """Return the command by which a tree takes in leaves; adds them to the tiles."""
    before = tiles.size
    for leaf in leaves:
        tiles.append(leaf)
    signed = Checkpoint(signer.verifier.name, tiles.size, tiles.root())
    note = sign_checkpoint(signed, signer)
    return GrowTree(log=log, before=before, note=note, tiles=tiles.changed())


def opened(note: str, verifiers: Iterable[Verifier]) -> Checkpoint | None:
    """Return what a note says that one of these keys signed, each for its own origin, or None."""
    held = list(verifiers)
    for origin in dict.fromkeys(one.name for one in held):
        try:
            return open_checkpoint(note, held, origin)
        except NotANote:
            continue
    return None


def compared(
    outside: Checkpoint | None, *, size: int, root_there: bytes | None
) -> DivergenceReason | None:
    """Return what is wrong between the database and the checkpoint outside of it, or None.

    Args:
        outside: The checkpoint outside; None where it is none that a key of ours signed.
        size: Of the latest checkpoint in the database.
        root_there: Root of the database's tree at the size outside; None where it is smaller.
    """
    if outside is None:
        return "not_ours"
    if outside.size > size or root_there is None:
        return "rolled_back"
    return None if root_there == outside.root else "not_extending"


def shown(row: dict[str, Any]) -> LogEntry:
    """Return an entry as its merchant sees it."""
    return LogEntry(
        index=row["position"],
        number=row["number"],
        kind=row["kind"],
        at=row["at"],
        leaf=row["leaf"].hex(),
        body=row["body"].decode(),
    )


def mode_of(row: dict[str, Any]) -> str:
    """Return the mode that an entry was made in; its row has none."""
    return str(_BODY.decode(row["body"])["mode"])


def shown_checkpoint(row: dict[str, Any]) -> contract.Checkpoint:
    """Return a checkpoint, read with its key, as it is shown."""
    return contract.Checkpoint(
        log=row["log"],
        origin=row["origin"],
        size=row["size"],
        root=row["root"].hex(),
        note=row["note"],
        verifier_key=Verifier(row["origin"], row["public_key"]).verifier_key,
        signed_at=row["signed_at"],
    )
