"""How often one key may come: a token bucket per key and process. Approximate by intent."""

import threading
from collections import OrderedDict
from typing import Final, NamedTuple

KEYS_MAX: Final = 10_000
WINDOW_S: Final = 60
POLICY: Final = "default"
_SECOND_NS: Final = 1_000_000_000


class Standing(NamedTuple):
    """Where a key stands after one more request.

    Attributes:
        is_over: The request is one too many.
        left: Requests that may come at once now.
        reset_s: Seconds until the bucket is full.
        retry_s: Seconds until the next request may come.
    """

    is_over: bool
    left: int
    reset_s: int
    retry_s: int

    def header(self) -> str:
        """Return the value of the RateLimit header."""
        return f'"{POLICY}";r={self.left};t={self.reset_s}'


class Buckets:
    """One token bucket a key, as the instant at which it will be full (GCRA).

    Several processes count apart, so the true limit is up to their number times as high; limits
    on proofs and money are exact and stand elsewhere.
    """

    def __init__(self, *, per_minute: int, burst: int) -> None:
        """Set rate and size.

        Raises:
            ValueError: One of them is not positive.
        """
        if per_minute < 1 or burst < 1:
            raise ValueError("rate and burst are positive")
        self.policy: Final = f'"{POLICY}";q={per_minute};w={WINDOW_S}'
        self._interval_ns: Final = WINDOW_S * _SECOND_NS // per_minute
        self._depth_ns: Final = self._interval_ns * burst
        self._full_at: Final[OrderedDict[str, int]] = OrderedDict()
        self._lock: Final = threading.Lock()

    def take(self, key: str, *, now_ns: int) -> Standing:
        """Take one token of a key, if there is one."""
        with self._lock:
            full_at = max(self._full_at.get(key, 0), now_ns)
            after = full_at + self._interval_ns
            is_over = after - now_ns > self._depth_ns
            if not is_over:
                self._full_at[key] = full_at = after
                self._full_at.move_to_end(key)
                if len(self._full_at) > KEYS_MAX:
                    self._full_at.popitem(last=False)
        missing_ns = full_at - now_ns
        return Standing(
            is_over=is_over,
            left=(self._depth_ns - missing_ns) // self._interval_ns,
            reset_s=-(-missing_ns // _SECOND_NS),
            retry_s=-(-(missing_ns + self._interval_ns - self._depth_ns) // _SECOND_NS),
        )
