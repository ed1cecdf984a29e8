"""The buckets that windows are made of."""

import datetime as dt

import pytest

from risk.windows import LATE_S, TIERS, second_of, tier_of

BASE = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
DAY_S = 86_400


@pytest.mark.parametrize("window_s", [0, -60, 61, 90, 3_601, 7 * DAY_S + 3_600, 91 * DAY_S])
def test_a_window_that_is_not_whole_buckets_is_refused(window_s: int) -> None:
    with pytest.raises(ValueError, match="a window of"):
        tier_of(window_s)


def test_a_time_without_offset_is_refused() -> None:
    with pytest.raises(TypeError):
        second_of(BASE.replace(tzinfo=None))


def test_kept_buckets_cover_the_longest_window_read_as_late_as_permitted() -> None:
    assert [tier.buckets_kept * tier.bucket_s >= tier.window_s_max + LATE_S for tier in TIERS] == [
        True
    ] * len(TIERS)
