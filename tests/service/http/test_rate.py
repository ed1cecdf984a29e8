import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.http.rate import KEYS_MAX, Buckets

SECOND = 1_000_000_000


@given(st.integers(1, 600), st.integers(1, 50), st.lists(st.integers(0, 2 * SECOND), max_size=80))
def test_no_key_gets_more_than_burst_and_rate(
    per_minute: int, burst: int, waits: list[int]
) -> None:
    buckets = Buckets(per_minute=per_minute, burst=burst)
    now_ns = start_ns = 5 * SECOND
    taken = 0

    for wait in waits:
        now_ns += wait
        taken += not buckets.take("key", now_ns=now_ns).is_over

    assert taken <= burst + (now_ns - start_ns) * per_minute // (60 * SECOND)


@given(st.integers(1, 600), st.integers(1, 50), st.integers(0, 200))
def test_who_waits_as_told_gets_in(per_minute: int, burst: int, count: int) -> None:
    buckets = Buckets(per_minute=per_minute, burst=burst)
    standing = [buckets.take("key", now_ns=SECOND) for _ in range(count + burst + 1)][-1]

    assert standing.is_over
    assert standing.left == 0
    assert standing.retry_s >= 1
    later = SECOND + standing.retry_s * SECOND
    assert not buckets.take("key", now_ns=later).is_over


def test_what_is_left_counts_down() -> None:
    buckets = Buckets(per_minute=60, burst=3)

    assert [buckets.take("key", now_ns=SECOND).left for _ in range(4)] == [2, 1, 0, 0]


def test_keys_do_not_share_a_bucket() -> None:
    buckets = Buckets(per_minute=60, burst=1)

    assert not buckets.take("one", now_ns=SECOND).is_over
    assert not buckets.take("other", now_ns=SECOND).is_over
    assert buckets.take("one", now_ns=SECOND).is_over


def test_the_number_of_buckets_has_an_end() -> None:
    buckets = Buckets(per_minute=1, burst=1)

    for place in range(KEYS_MAX + 10):
        buckets.take(str(place), now_ns=SECOND)

    assert len(buckets._full_at) == KEYS_MAX


@pytest.mark.parametrize(("per_minute", "burst"), [(0, 1), (1, 0), (-1, 1)])
def test_a_rate_is_positive(per_minute: int, burst: int) -> None:
    with pytest.raises(ValueError, match="positive"):
        Buckets(per_minute=per_minute, burst=burst)
