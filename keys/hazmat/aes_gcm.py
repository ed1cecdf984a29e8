"""AES-GCM with the one shape we use: 96-bit nonce, 128-bit tag. Never chooses a nonce."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class TagMismatch(Exception):  # noqa: N818  it is what happened; sealing tells the outside less
    """The text, its associated data, nonce or key is not the one that was sealed."""


def encrypt(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    """Return ciphertext and tag; a nonce used twice under one key gives both texts away.

    Raises:
        ValueError: The key has not 16, 24 or 32 bytes, or the nonce not NONCE_BYTES.
    """
    _check_nonce(nonce)
    return AESGCM(key).encrypt(nonce, plain, associated)


def decrypt(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Return what was encrypted.

    Raises:
        TagMismatch: Anything differs from what was encrypted.
        ValueError: The key has not 16, 24 or 32 bytes, or the nonce not NONCE_BYTES.
    """
    _check_nonce(nonce)
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except InvalidTag:
        raise TagMismatch from None


def _check_nonce(nonce: bytes) -> None:
    # GCM hashes a nonce of any other length, and random ones then collide far sooner.
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
