"""The audit log's tree (RFC 9162 section 2.1): hashes, growth, proofs and their checks. Pure.

A node is named by its level and index: it covers the leaves from index << level on, 1 << level
of them; level 0 is the leaves. Only complete nodes have names, and only they are ever stored.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

HASH_BYTES: Final = 32
SALT_BYTES: Final = 32

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
# Ours, not the RFC's: a commitment can never be passed off as a leaf or a node.
_COMMITMENT: Final = b"\x02"
_SIZE_BYTES: Final = 8

EMPTY_ROOT: Final = hashlib.sha256().digest()

Coordinates: TypeAlias = tuple[int, int]
NodeLookup: TypeAlias = Callable[[int, int], bytes]
_Range: TypeAlias = tuple[int, int]


class ProofFails(ValueError):  # noqa: N818  says what the proof does
    """A proof does not show what it is said to show; the text names what is wrong."""


class Node(NamedTuple):
    """A complete node: its level from 0 (leaves), its index on that level, its hash."""

    level: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks a node
    hash: bytes


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of an entry's canonical bytes (RFC 9162 section 2.1.1)."""
    return hashlib.sha256(_LEAF + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node (RFC 9162 section 2.1.1).

    Raises:
        ValueError: A child is not HASH_BYTES long.
    """
    if len(left) != HASH_BYTES or len(right) != HASH_BYTES:
        raise ValueError(f"a child of a node has {HASH_BYTES} bytes")
    return hashlib.sha256(_NODE + left + right).digest()


def commitment(salt: bytes, value: bytes) -> bytes:
    """Return SHA-256(0x02 || salt || value), which fixes a value without showing it.

    Whoever is given salt and value can check it; once the salt is destroyed, nobody can guess
    the value by trying.

    Args:
        salt: SALT_BYTES random bytes, fresh for each value.
        value: Canonical bytes of what is committed to.

    Raises:
        ValueError: The salt has another length, which would let it run into the value.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return hashlib.sha256(_COMMITMENT + salt + value).digest()


class Frontier:
    """What is needed of a tree to go on growing it: the hashes of its widest full subtrees."""

    def __init__(self, size: int, hashes: Sequence[bytes]) -> None:
        """Take up a tree.

        Args:
            size: Number of leaves, from 0.
            hashes: Of its full subtrees from the left, widest first: one for each 1 in the
                binary form of `size`.

        Raises:
            ValueError: The hashes do not fit the size.
        """
        if size < 0 or len(hashes) != size.bit_count():
            raise ValueError("a tree has one full subtree for each 1 of its size")
        if any(len(one) != HASH_BYTES for one in hashes):
            raise ValueError(f"a hash has {HASH_BYTES} bytes")
        self._size = size
        self._hashes = list(hashes)

    @classmethod
    def empty(cls) -> "Frontier":
        """Return the tree without leaves."""
        return cls(0, ())

    @classmethod
    def unpack(cls, packed: bytes) -> "Frontier":
        """Return what `pack` gave.

        Raises:
            ValueError: The bytes are not such.
        """
        if len(packed) < _SIZE_BYTES:
            raise ValueError("a packed tree begins with its size")
        hashes = packed[_SIZE_BYTES:]
        cut = [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
        return cls(int.from_bytes(packed[:_SIZE_BYTES]), cut)

    def pack(self) -> bytes:
        """Return the size in 8 bytes, big-endian, then the hashes, widest first."""
        return self._size.to_bytes(_SIZE_BYTES) + b"".join(self._hashes)

    @property
    def size(self) -> int:
        """Number of leaves."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """Hashes of the full subtrees, widest first."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> tuple[Node, ...]:
        """Add a leaf.

        Args:
            leaf: What `leaf_hash` returned.

        Returns:
            The leaf's node, then every inner node that it made complete, lowest first.

        Raises:
            ValueError: The leaf is not HASH_BYTES long.
        """
        if len(leaf) != HASH_BYTES:
            raise ValueError(f"a leaf's hash has {HASH_BYTES} bytes")
        index = self._size
        made = [Node(0, index, leaf)]
        while index & 1:
            index >>= 1
            made.append(Node(len(made), index, node_hash(self._hashes.pop(), made[-1].hash)))
        self._hashes.append(made[-1].hash)
        self._size += 1
        return tuple(made)

    def root(self) -> bytes:
        """Return the tree's root; EMPTY_ROOT without leaves."""
        return _folded(self._hashes) if self._hashes else EMPTY_ROOT


def root_from(node: NodeLookup, size: int) -> bytes:
    """Return the root of the first `size` leaves.

    Args:
        node: Returns the hash of a complete node, by level and index.
        size: Number of leaves, from 0.

    Raises:
        ValueError: The size is below 0.
    """
    if size < 0:
        raise ValueError("a tree has at least no leaf")
    return _hash_of((0, size), node) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, node: NodeLookup) -> tuple[bytes, ...]:
    """Return the proof that a leaf is in the tree of `size` (RFC 9162 section 2.1.3.1).

    Raises:
        ValueError: The index is not in the tree.
    """
    return tuple(_hash_of(one, node) for one in _inclusion_ranges(index, size))


def consistency_proof(old: int, new: int, node: NodeLookup) -> tuple[bytes, ...]:
    """Return the proof that the tree of `new` begins with that of `old` (section 2.1.4.1).

    Raises:
        ValueError: Not 1 <= old <= new.
    """
    return tuple(_hash_of(one, node) for one in _consistency_ranges(old, new))


def nodes_of_root(size: int) -> tuple[Coordinates, ...]:
    """Return level and index of every node that `root_from` asks for, from the left."""
    return tuple(_full_subtrees((0, size)))


def nodes_of_inclusion(index: int, size: int) -> tuple[Coordinates, ...]:
    """Return level and index of every node that `inclusion_proof` asks for.

    Raises:
        ValueError: The index is not in the tree.
    """
    ranges = _inclusion_ranges(index, size)
    return tuple(found for one in ranges for found in _full_subtrees(one))


def nodes_of_consistency(old: int, new: int) -> tuple[Coordinates, ...]:
    """Return level and index of every node that `consistency_proof` asks for.

    Raises:
        ValueError: Not 1 <= old <= new.
    """
    ranges = _consistency_ranges(old, new)
    return tuple(found for one in ranges for found in _full_subtrees(one))


def verify_inclusion(
    *, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Hold that a leaf is in a tree (RFC 9162 section 2.1.3.2).

    Raises:
        ProofFails: The proof does not show it.
    """
    if not 0 <= index < size:
        raise ProofFails("the leaf's index is not in the tree")
    _check_lengths((leaf, *proof))
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise ProofFails("the proof is too long")
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    if last:
        raise ProofFails("the proof is too short")
    if found != root:
        raise ProofFails("the leaf and the proof give another root")


def verify_consistency(
    *, old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes
) -> None:
    """Hold that a tree begins with an older one (RFC 9162 section 2.1.4.2).

    Both sizes are at least 1: that a tree begins with nothing needs no proof.

    Raises:
        ProofFails: The proof does not show it.
    """
    if old < 1:
        raise ProofFails("an older tree has at least one leaf")
    verify_subtree(span=(0, old), size=new, proof=proof, subtree_root=old_root, root=new_root)


def verify_subtree(
    *, span: _Range, size: int, proof: Sequence[bytes], subtree_root: bytes, root: bytes
) -> None:
    """Hold that a tree contains a subtree (the generalised proof of Merkle tree certificates).

    Args:
        span: First leaf and the one behind the last; the first is a multiple of the least
            power of two that is not below the subtree's size. Without leaves it is in every
            tree: its root is EMPTY_ROOT, its proof is empty.
        size: Of the whole tree.
        proof: From the subtree's root to the tree's.
        subtree_root: Said to be the subtree's.
        root: Said to be the tree's.

    Raises:
        ProofFails: The proof does not show it.
    """
    if span[1] > size:
        raise ProofFails("the older tree or subtree is larger than the tree")
    if span[0] == span[1] >= 0 and not proof and subtree_root == EMPTY_ROOT:
        return
    if not is_subtree(span):
        raise ProofFails("these leaves are no subtree")
    if proof:
        _check_lengths((subtree_root, *proof))
    of_subtree, of_tree = _climbed(span, size, proof, subtree_root)
    if of_subtree != subtree_root:
        raise ProofFails("the proof gives the older tree another root")
    if of_tree != root:
        raise ProofFails("the proof gives the newer tree another root")


def verify_subtree_inclusion(
    *, index: int, span: _Range, leaf: bytes, proof: Sequence[bytes], root: bytes
) -> None:
    """Hold that a leaf is in a subtree, which is a tree of its own.

    Raises:
        ProofFails: The proof does not show it, or there is no such subtree.
    """
    if not is_subtree(span):
        raise ProofFails("these leaves are no subtree")
    begin, end = span
    verify_inclusion(index=index - begin, size=end - begin, leaf=leaf, proof=proof, root=root)


def is_subtree(span: _Range) -> bool:
    """Say whether the leaves from the first on, up to and without the second, are a subtree."""
    begin, end = span
    return 0 <= begin < end and begin % (1 << (end - begin - 1).bit_length()) == 0


def _climbed(
    span: _Range, size: int, proof: Sequence[bytes], subtree_root: bytes
) -> tuple[bytes, bytes]:
    """Return the roots of subtree and tree that the proof gives, from the subtree's last leaf."""
    first, at, last = span[0], span[1] - 1, size - 1
    while first != at and (at == last or at & 1):
        first, at, last = first >> 1, at >> 1, last >> 1
    rest = list(proof)
    if first != at and not rest:
        raise ProofFails("the proof is too short")
    of_subtree = of_tree = subtree_root if first == at else rest.pop(0)
    for sibling in rest:
        if last == 0:
            raise ProofFails("the proof is too long")
        if at & 1 or at == last:
            of_subtree = node_hash(sibling, of_subtree) if first < at else of_subtree
            of_tree = node_hash(sibling, of_tree)
            shift = max((at & -at).bit_length() - 1, 0)
            first, at, last = first >> shift, at >> shift, last >> shift
        else:
            of_tree = node_hash(of_tree, sibling)
        first, at, last = first >> 1, at >> 1, last >> 1
    if last:
        raise ProofFails("the proof is too short")
    return of_subtree, of_tree


def _check_lengths(hashes: Sequence[bytes]) -> None:
    if any(len(one) != HASH_BYTES for one in hashes):
        raise ProofFails(f"a hash has {HASH_BYTES} bytes")


def _inclusion_ranges(index: int, size: int) -> list[_Range]:
    if not 0 <= index < size:
        raise ValueError("the leaf's index is not in the tree")
    begin, end = 0, size
    found = []
    while end - begin > 1:
        middle = begin + _left_half(end - begin)
        if index < middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    return found[::-1]


def _consistency_ranges(old: int, new: int) -> list[_Range]:
    if not 1 <= old <= new:
        raise ValueError("an older tree has at least one leaf, and no more than the newer")
    begin, end = 0, new
    found = []
    while old != end:
        middle = begin + _left_half(end - begin)
        if old <= middle:
            found.append((middle, end))
            end = middle
        else:
            found.append((begin, middle))
            begin = middle
    if begin:
        found.append((begin, end))
    return found[::-1]


def _left_half(size: int) -> int:
    """Return the greatest power of two below the size."""
    return 1 << ((size - 1).bit_length() - 1)


def _full_subtrees(span: _Range) -> list[Coordinates]:
    begin, end = span
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def _hash_of(span: _Range, node: NodeLookup) -> bytes:
    return _folded([node(level, index) for level, index in _full_subtrees(span)])


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Return the hash over full subtrees, widest first; at least one."""
    found = hashes[-1]
    for one in reversed(hashes[:-1]):
        found = node_hash(one, found)
    return found
