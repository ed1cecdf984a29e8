"""What amounts are normal, and how far one is from that. Pure; offline computes the same.

Means run in the order in which payments came to us. Three kinds: a weighted mean and variance in
which each new amount has the weight `NEW_WEIGHT`; the usual amount, a slower mean in which an
amount counts for at most `USUAL_TIMES_MAX` times the usual one, so that a thief's payments do not
make themselves usual; and mean and variance of logarithms, for payers whose amounts span decades.
"""

import math
from typing import Final

# A power of two, so that a weight is exact.
NEW_WEIGHT: Final = 0.125
USUAL_WEIGHT: Final = 0.0625
USUAL_TIMES_MAX: Final = 2.0
# Fewer amounts than this say nothing about what is normal.
NORMAL_FROM: Final = 3
# An amount of at most so many thousandths of the usual one is normal for its payer; fraud of such
# an amount is unexplained by it.
NORMAL_MAX_MILLI: Final = 2_000
RATIO_MAX: Final = 1_000_000
# Above so many thousandths of the usual amount, an amount is abnormal for its payer.
ABNORMAL_MILLI: Final = 2_500
# At most so many deviations below or above; shifted by as many, so that no value is negative.
Z_MAX: Final = 10.0
Z_MILLI: Final = 1_000.0
# Who always pays the same amount deviates by at least this share of it.
DEVIATION_SHARE_MIN: Final = 0.0625
LOG_DEVIATION_MIN: Final = 0.0625
# Squares of greater amounts would not fit where they are summed; wherever a variance is of squares,
# these count as this one, in the mean as well.
SQUARED_MAX: Final = 100_000_000

# How many amounts; the usual one; mean and variance of logarithms.
Usual = tuple[int, float, float, float]
# How many amounts; weighted mean and variance.
Weighted = tuple[int, float, float]


def weigh(known: Weighted | None, amount: float) -> Weighted:
    """Return weighted mean and variance with one more amount."""
    if known is None:
        return 1, amount, 0.0
    count, mean, variance = known
    return count + 1, *_step(mean, variance, amount, NEW_WEIGHT)


def weigh_usual(known: Usual | None, amount: float) -> Usual:
    """Return the usual amount, and what is known of logarithms, with one more amount."""
    log = math.log(1.0 + amount)
    if known is None:
        return 1, amount, log, 0.0
    count, usual, log_mean, log_variance = known
    limit = USUAL_TIMES_MAX * usual
    cut = limit if usual > 0 and amount > limit else amount
    # A plain mean at first: the first amount alone says little.
    usual += max(1.0 / (count + 1), USUAL_WEIGHT) * (cut - usual)
    return count + 1, usual, *_step(log_mean, log_variance, log, USUAL_WEIGHT)


def ratio_of(amount_minor: int, normal: float) -> int:
    """Return an amount in thousandths of what is normal, at most `RATIO_MAX`, rounded down."""
    return int(min(1_000.0 * amount_minor / normal, RATIO_MAX))


def deviation_of(variance: float, mean: float) -> float:
    """Return a standard deviation above 0, for a mean above 0."""
    return max(math.sqrt(variance), DEVIATION_SHARE_MIN * mean)


def log_z_of(amount_minor: int, known: Usual) -> int:
    """Return how far the logarithm of an amount is from what is known of logarithms."""
    _, _, mean, variance = known
    return z_of(math.log(1.0 + amount_minor), mean, max(math.sqrt(variance), LOG_DEVIATION_MIN))


def z_of(value: float, mean: float, deviation: float) -> int:
    """Return how many deviations a value is from a mean, in thousandths.

    Returns:
        0 to 20,000; the mean is 10,000. What is further away than that is cut.
    """
    z = min(max((value - mean) / deviation, -Z_MAX), Z_MAX)
    return int((z + Z_MAX) * Z_MILLI)


def _step(mean: float, variance: float, value: float, weight: float) -> tuple[float, float]:
    by = value - mean
    part = weight * by
    return mean + part, (1.0 - weight) * (variance + part * by)
