"""Keyed hashes: find and compare what is not stored in clear. Never compares in varying time."""

import hmac
from typing import Final

KEY_BYTES: Final = 32
HASH_BYTES: Final = 32


def keyed_hash(key: bytes, *parts: bytes) -> bytes:
    """Return the HMAC-SHA256 over the parts, HASH_BYTES bytes.

    Each part goes in behind its length, so that no two lists of parts make one message:
    ("ab", "c") and ("a", "bc") differ. Begin with a word that says what is hashed.

    Raises:
        ValueError: The key has another length than KEY_BYTES, or there is no part.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key has {KEY_BYTES} bytes")
    if not parts:
        raise ValueError("a keyed hash needs one part at least")
    message = b"".join([len(part).to_bytes(8) + part for part in parts])
    return hmac.digest(key, message, "sha256")


def matches(one: bytes, other: bytes) -> bool:
    """Say whether two hashes are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(one, other)
