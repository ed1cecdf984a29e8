"""HKDF-SHA256 (RFC 5869). Never used on passwords, which need a slow hash."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive(secret: bytes, *, salt: bytes, info: bytes, length: int) -> bytes:
    """Return key material that depends on secret, salt and info.

    Args:
        secret: Input key material with full entropy.
        salt: May be empty.
        info: What the result is for; different info, independent result.
        length: Bytes wanted, 1 to 8,160.

    Raises:
        ValueError: The length is out of range.
    """
    if length < 1:
        raise ValueError("a derived key has 1 byte at least")
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(secret)
