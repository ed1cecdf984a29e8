"""P-256 private keys: made, stored, turned into JWKs. Never signs; keys.hazmat.jws does."""

import base64
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec

from keys.entropy import Entropy

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey

SCALAR_BYTES: Final = 32

# Order of the group, SEC 2 section 2.4.2.
_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
# One draw is refused with a chance of 2**-32; this many in a row mean that the source is broken.
_DRAWS_MAX: Final = 8


def generate(entropy: Entropy) -> PrivateKey:
    """Return a private key drawn evenly from all of them.

    Raises:
        RuntimeError: The source gave no usable number in _DRAWS_MAX draws.

    Source: FIPS 186-5 appendix A.2.2, rejection sampling.
    """
    for _ in range(_DRAWS_MAX):
        candidate = int.from_bytes(entropy(SCALAR_BYTES))
        if candidate <= _ORDER - 2:
            return ec.derive_private_key(candidate + 1, ec.SECP256R1())
    raise RuntimeError("the source of entropy is broken")


def to_bytes(key: PrivateKey) -> bytes:
    """Return the private number as SCALAR_BYTES bytes, for sealing and nothing else."""
    return key.private_numbers().private_value.to_bytes(SCALAR_BYTES)


def from_bytes(scalar: bytes) -> PrivateKey:
    """Return the key that `to_bytes` wrote.

    Raises:
        ValueError: Another length, or no number of the group.
    """
    number = int.from_bytes(scalar)
    if len(scalar) != SCALAR_BYTES or not 1 <= number < _ORDER:
        raise ValueError("this is no P-256 private key")
    return ec.derive_private_key(number, ec.SECP256R1())


def coordinates(key: PrivateKey) -> dict[str, str]:
    """Return the members of the public JWK that fix the key (RFC 7518 section 6.2.1)."""
    point = key.public_key().public_numbers()
    return {
        "kty": "EC",
        "crv": "P-256",
        "x": _text(point.x),
        "y": _text(point.y),
    }


def _text(coordinate: int) -> str:
    return base64.urlsafe_b64encode(coordinate.to_bytes(SCALAR_BYTES)).rstrip(b"=").decode()
