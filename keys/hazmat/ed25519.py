"""Ed25519 (RFC 8032): seeds, public keys, signatures. Never chooses a seed.

The strict choice where RFC 8032 leaves room, so that every verifier of ours, and the stand-alone
one that auditors run, takes the same signatures: the equation without cofactor, S below the
group's order, A and R in canonical form, neither A nor R of small order. A key with a component
of small order beside a whole one is taken, since finding it out costs as much as verifying.
"""

from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 2**255 - 19
_SIGN_BIT: Final = 1 << 255
# The y of the eight points whose order divides 8: two of order 8 differ in sign of y only.
_ORDER_8: Final = 2707385501144840649318225287225658788936804267575313519463743609750303402022
_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_8, _P - _ORDER_8})


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
    """Say whether a signature is by this key over this data, by the strict choice.

    Raises:
        ValueError: The public key has another length than PUBLIC_BYTES.
    """
    key = Ed25519PublicKey.from_public_bytes(public)
    if not (_is_sound(public) and _is_sound(signature[:PUBLIC_BYTES])):
        return False
    try:
        key.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def _is_sound(point: bytes) -> bool:
    """Say whether a point's encoding is canonical, and its order not small."""
    y = int.from_bytes(point, "little") & (_SIGN_BIT - 1)
    return y < _P and y not in _SMALL_ORDER
