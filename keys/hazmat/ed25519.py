"""Ed25519 (RFC 8032): seeds, public keys, signatures. Never chooses a seed."""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64


def public_of(seed: bytes) -> bytes:
    """Return the public key of a seed.

    Raises:
        ValueError: The seed has another length than SEED_BYTES.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def sign(seed: bytes, data: bytes) -> bytes:
    """Return the signature, SIGNATURE_BYTES long; the same for the same data.

    Raises:
        ValueError: The seed has another length than SEED_BYTES.
    """
    return Ed25519PrivateKey.from_private_bytes(seed).sign(data)


def verifies(public: bytes, signature: bytes, data: bytes) -> bool:
    """Say whether a signature is by this key over this data.

    Raises:
        ValueError: The public key has another length than PUBLIC_BYTES.
    """
    key = Ed25519PublicKey.from_public_bytes(public)
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True
