"""Opaque, prefixed, time-ordered ids. Pure: made from `now` and entropy that the caller gives."""

import datetime as dt
from collections.abc import Callable
from typing import Final

# Crockford's base 32: no I, L, O, U, so an id read out loud stays right.
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH: Final = 26
RANDOM_BYTES: Final = 10
ID_PATTERN: Final = rf"[a-z]{{2,8}}_[{ALPHABET}]{{{LENGTH}}}"
# What is what it is by its bytes is named by their digest.
DIGEST_PATTERN: Final = r"sha256:[0-9a-f]{64}"
NAME_PATTERN: Final = f"(?:{ID_PATTERN}|{DIGEST_PATTERN})"

# Two characters at a time: ids are made several times per payment, and this halves their cost.
_PAIRS: Final = tuple(one + other for one in ALPHABET for other in ALPHABET)
_PAIR_SHIFTS: Final = range(120, -1, -10)


def new_id(prefix: str, *, now: dt.datetime, entropy: Callable[[int], bytes]) -> str:
    """Return an id such as `pay_01KAYV0M8Q...`: prefix, underscore, 26 time-ordered characters.

    The layout is that of ULID: 48 bits of milliseconds since 1970, then 80 random bits.

    Args:
        prefix: Lower-case letters that say what the id names.
        now: Aware instant; its milliseconds lead the id.
        entropy: Gives n random bytes.

    Raises:
        ValueError: `now` is before 1970 or naive.
    """
    if now.tzinfo is None:
        raise ValueError("an id needs an aware instant")
    since = now - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    milliseconds = since // dt.timedelta(milliseconds=1)
    if milliseconds < 0:
        raise ValueError("an id needs an instant after 1970")
    number = (milliseconds << 80) | int.from_bytes(entropy(RANDOM_BYTES), "big")
    text = "".join([_PAIRS[(number >> shift) & 1023] for shift in _PAIR_SHIFTS])
    return f"{prefix}_{text}"
