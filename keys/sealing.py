"""Secrets at rest: authenticated encryption bound to a place. Never seals without a place."""

from typing import Final, NoReturn

from typing_extensions import override

from keys.entropy import Entropy
from keys.hazmat import aes_gcm, xaes

KEY_BYTES: Final = xaes.KEY_BYTES
# Large enough for a sealed command or feature vector, small enough to open in memory.
PLAIN_BYTES_MAX: Final = 1_048_576
BOUND_TO_CHARS_MAX: Final = 512

# First byte of a sealed text. Old formats may be opened, never sealed.
_FORMAT_XAES_256_GCM: Final = b"\x01"
_NONCE_ENDS: Final = 1 + xaes.NONCE_BYTES
_SHORTEST: Final = _NONCE_ENDS + xaes.TAG_BYTES
_LONGEST: Final = _SHORTEST + PLAIN_BYTES_MAX


class NotOpened(Exception):  # noqa: N818  it is the noun of the trade
    """A sealed text did not open. Why is not told: an attacker would learn from the difference."""

    def __init__(self) -> None:
        super().__init__("the sealed text does not open under this key and place")


class Sealer:
    """Seals and opens under one key. Safe to share between threads.

    A sealed text is one format byte, 24 random bytes of nonce, ciphertext and 16 bytes of tag.

    Args:
        key: KEY_BYTES bytes, used for nothing else.

    Raises:
        ValueError: The key has another length.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        self._cipher = xaes.Xaes(key)

    def seal(self, plain: bytes, *, bound_to: str, entropy: Entropy) -> bytes:
        """Return the sealed text.

        Args:
            plain: Up to PLAIN_BYTES_MAX bytes.
            bound_to: Where the text belongs, such as `table.column:row`; it opens nowhere else.
            entropy: Source of the nonce.

        Raises:
            ValueError: The place is missing or too long, or the plain text too long.
        """
        if len(plain) > PLAIN_BYTES_MAX:
            raise ValueError(f"at most {PLAIN_BYTES_MAX} bytes are sealed at once")
        associated = _associated(_FORMAT_XAES_256_GCM, bound_to)
        nonce = entropy(xaes.NONCE_BYTES)
        return _FORMAT_XAES_256_GCM + nonce + self._cipher.encrypt(nonce, plain, associated)

    def open(self, sealed: bytes, *, bound_to: str) -> bytes:
        """Return what was sealed for this place.

        Raises:
            NotOpened: Another key, another place, another format, or a changed text.
            ValueError: The place is missing or too long.
        """
        associated = _associated(_FORMAT_XAES_256_GCM, bound_to)
        if not _SHORTEST <= len(sealed) <= _LONGEST or sealed[:1] != _FORMAT_XAES_256_GCM:
            raise NotOpened
        try:
            return self._cipher.decrypt(sealed[1:_NONCE_ENDS], sealed[_NONCE_ENDS:], associated)
        except aes_gcm.TagMismatch:
            raise NotOpened from None

    @override
    def __repr__(self) -> str:
        return "Sealer(key not shown)"

    @override
    def __reduce__(self) -> NoReturn:
        raise TypeError("a sealer is not pickled: its key would leave the process")


def _associated(form: bytes, bound_to: str) -> bytes:
    if not 1 <= len(bound_to) <= BOUND_TO_CHARS_MAX:
        raise ValueError(f"a sealed text is bound to a place of 1 to {BOUND_TO_CHARS_MAX} chars")
    return form + bound_to.encode()
