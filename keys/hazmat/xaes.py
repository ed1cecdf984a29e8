"""XAES-256-GCM: AES-256-GCM with a 192-bit nonce that may be random. Never chooses a nonce."""

from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from keys.hazmat import aes_gcm

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 24
TAG_BYTES: Final = aes_gcm.TAG_BYTES

_HALF: Final = 12
_BLOCK_BITS: Final = 128
_REDUCTION: Final = 0b10000111


class Xaes:
    """One key, ready for many messages: 2**80 of them under random nonces.

    Args:
        key: KEY_BYTES bytes.

    Raises:
        ValueError: The key has another length.

    Source: C2SP XAES-256-GCM; a NIST SP 800-108r1 CMAC derivation in front of AES-256-GCM.
    """

    __slots__ = ("_raw", "_subkey")

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a key has {KEY_BYTES} bytes")
        # ECB over whole blocks of our own is the raw AES that CMAC is defined by. It carries
        # nothing from one block to the next, so that one context serves all messages.
        aes = Cipher(algorithms.AES256(key), modes.ECB())  # noqa: S305  CMAC, one block at a time
        self._raw = aes.encryptor().update
        self._subkey = _double(self._raw(bytes(16)))

    def encrypt(self, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
        """Return ciphertext and tag.

        Raises:
            ValueError: The nonce has another length than NONCE_BYTES.
        """
        return aes_gcm.encrypt(self._message_key(nonce), nonce[_HALF:], plain, associated)

    def decrypt(self, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
        """Return what was encrypted.

        Raises:
            TagMismatch: Anything differs from what was encrypted.
            ValueError: The nonce has another length than NONCE_BYTES.
        """
        return aes_gcm.decrypt(self._message_key(nonce), nonce[_HALF:], sealed, associated)

    def _message_key(self, nonce: bytes) -> bytes:
        if len(nonce) != NONCE_BYTES:
            raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
        context = b"X\x00" + nonce[:_HALF]
        return self._raw(
            _xor(b"\x00\x01" + context, self._subkey) + _xor(b"\x00\x02" + context, self._subkey)
        )


def _double(block: bytes) -> bytes:
    """Multiply by x in GF(2**128), as CMAC's subkeys are made (RFC 4493 section 2.3)."""
    number = int.from_bytes(block) << 1
    if number >> _BLOCK_BITS:
        number = (number ^ _REDUCTION) & ((1 << _BLOCK_BITS) - 1)
    return number.to_bytes(16)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(16)
