"""Where randomness comes from: the one reader of the system's generator. Never seeds itself."""

import hashlib
import hmac
import itertools
import os
from collections.abc import Callable
from typing import Final, TypeAlias

Entropy: TypeAlias = Callable[[int], bytes]

SEED_BYTES: Final = 32
# Nothing here asks for more at once; a larger number is a mistake in the caller's units.
DRAW_BYTES_MAX: Final = 65_536

_BLOCK_BYTES: Final = 32
_STREAM: Final = b"payguard entropy v1"
_FIRST: Final = bytes(4)


def system(n: int) -> bytes:
    """Return n bytes from the operating system's generator, 1 to DRAW_BYTES_MAX.

    Raises:
        ValueError: n is out of range.
    """
    _check(n)
    return os.urandom(n)  # noqa: TID251  this is the one place that may


def derived(seed: bytes) -> Entropy:
    """Return a stream that only the seed determines, and that nobody without it can foretell.

    One command draws all its ids and salts from one such stream, so that a rerun of the command
    yields the same ones. Each draw is a block sequence of its own: how much one draw takes does
    not move what the next one gets. The stream counts its draws and belongs to one thread.

    Raises:
        ValueError: The seed has another length than SEED_BYTES.

    Source: HMAC-SHA256 in counter mode, NIST SP 800-108r1 section 4.1.
    """
    if len(seed) != SEED_BYTES:
        raise ValueError(f"a seed has {SEED_BYTES} bytes")
    draws = itertools.count()

    def draw(n: int) -> bytes:
        _check(n)
        context = _STREAM + next(draws).to_bytes(8) + n.to_bytes(4)
        if n <= _BLOCK_BYTES:
            return hmac.digest(seed, _FIRST + context, "sha256")[:n]
        blocks = (
            hmac.digest(seed, block.to_bytes(4) + context, "sha256")
            for block in range(-(-n // _BLOCK_BYTES))
        )
        return b"".join(blocks)[:n]

    return draw


class CountingEntropy:
    """Foreseeable bytes, different at every draw: the fake that ships with the port.

    Args:
        start: Number of the first draw; two fakes with one start give the same bytes.
    """

    def __init__(self, start: int = 0) -> None:
        self._draws = itertools.count(start)

    def __call__(self, n: int) -> bytes:
        """Return n bytes that depend on the number of this draw alone."""
        _check(n)
        return hashlib.shake_256(next(self._draws).to_bytes(8)).digest(n)


def _check(n: int) -> None:
    if not 1 <= n <= DRAW_BYTES_MAX:
        raise ValueError(f"a draw takes 1 to {DRAW_BYTES_MAX} bytes")
