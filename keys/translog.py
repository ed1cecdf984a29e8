"""Hashes of the audit log's tree: leaves, nodes, salted commitments. Never stores or orders."""

import hashlib
from typing import Final

HASH_BYTES: Final = 32
SALT_BYTES: Final = 32

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
# Ours, not the RFC's: a commitment can never be passed off as a leaf or a node.
_COMMITMENT: Final = b"\x02"


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
