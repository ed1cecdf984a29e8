"""The windows of all features: buckets, by event time. Never reads a clock; never guesses.

A window is the sum of the buckets of its size that end with, and include, the bucket of the event
it is read for. Buckets are aligned to UTC. Later buckets do not count. A late event adds to the
bucket of its own time. What was let go to keep the state small is remembered as a floor, and a
window that would reach below it is unknown (`None`): a read is exact, or it says that it is not.
"""

import datetime as dt
from functools import lru_cache
from typing import Final, NamedTuple

# Payments may come from 24 h ago to 2 min ahead. Buckets are kept that much longer than their
# longest window, so that one payment ahead of its time cannot push the present out of memory.
LATE_S: Final = 24 * 3600 + 120
EPOCH: Final = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND: Final = dt.timedelta(seconds=1)


class Tier(NamedTuple):
    """Buckets of one size, and the windows that are made of them.

    Attributes:
        bucket_s: Length of a bucket.
        window_s_max: Longest window made of these buckets.
        buckets_max: Buckets kept at most; the oldest go first. Busy entities only: the two long
            tiers can never reach it.
    """

    bucket_s: int
    window_s_max: int
    buckets_max: int

    @property
    def buckets_kept(self) -> int:
        """Return how many buckets back from the newest one a permitted read can reach."""
        return self.window_s_max // self.bucket_s + -(-LATE_S // self.bucket_s)


TIERS: Final = (
    Tier(bucket_s=1, window_s_max=60, buckets_max=256),
    Tier(bucket_s=60, window_s_max=3_600, buckets_max=512),
    Tier(bucket_s=3_600, window_s_max=7 * 86_400, buckets_max=256),
    Tier(bucket_s=86_400, window_s_max=90 * 86_400, buckets_max=128),
)
_KEPT: Final = tuple(tier.buckets_kept for tier in TIERS)


def tier_of(window_s: int) -> int:
    """Return the place in TIERS of the buckets that make up a window.

    Raises:
        ValueError: The window is not a whole number of its buckets, or longer than any.
    """
    for place, tier in enumerate(TIERS):
        if window_s <= tier.window_s_max:
            if window_s < tier.bucket_s or window_s % tier.bucket_s:
                raise ValueError(f"a window of {window_s} s is not whole buckets")
            return place
    raise ValueError(f"a window of {window_s} s is longer than any kept")


@lru_cache(maxsize=64)
def second_of(at: dt.datetime) -> int:
    """Return whole seconds since 1970 in UTC, rounded down.

    Raises:
        TypeError: The time has no offset.
    """
    return (at - EPOCH) // _SECOND
