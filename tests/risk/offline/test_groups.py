"""Ranges of places: how many hold less than a bound, by looking at each."""

import numpy as np
import pytest

from risk.offline.groups import below


@pytest.mark.parametrize("seed", range(40))
def test_as_many_are_below_as_one_by_one(seed: int) -> None:
    chance = np.random.default_rng(seed)
    size = int(chance.integers(1, 70))
    values = chance.integers(0, int(chance.integers(1, 90)), size)
    ends = np.sort(chance.integers(0, size + 1, (50, 2)))
    start, end = ends[:, 0], ends[:, 1]
    # Bounds over the greatest value too.
    bound = chance.integers(0, 200, 50)

    found = below(values, start, end, bound)

    ranges = zip(start, end, bound, strict=True)
    assert list(found) == [int((values[low:high] < most).sum()) for low, high, most in ranges]


def test_nothing_is_below_in_no_ranges() -> None:
    none = np.zeros(0, np.int64)

    assert len(below(np.array([1, 2]), none, none, none)) == 0
