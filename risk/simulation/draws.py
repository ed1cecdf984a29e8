"""Chance with a seed: the same draws on every machine. Never reads a clock or the system's entropy.

Everything is made from one thing that Python promises to keep from version to version: the
numbers that `random()` of a seeded Mersenne Twister gives.
"""

import math
import random  # noqa: TID251  seeded, for a made-up world; no secret comes from here
from collections.abc import Sequence
from typing import Final, TypeVar

Thing = TypeVar("Thing")

POISSON_MEAN_MAX: Final = 500.0


class Draws:
    """One stream of chance.

    Args:
        seed: Of the world.
        name: Of the stream: one part of the world draws from its own, so that more of one part
            leaves the others as they are.
    """

    def __init__(self, seed: int, name: str) -> None:
        self.uniform = random.Random(f"{seed}/{name}").random  # noqa: S311  seeded on purpose
        self._spare: float | None = None

    def chance(self, share: float) -> bool:
        """Say yes with this probability."""
        return self.uniform() < share

    def below(self, limit: int) -> int:
        """Return a whole number of 0 to limit - 1, each as likely."""
        return int(self.uniform() * limit)

    def between(self, low: float, high: float) -> float:
        """Return a number of [low, high)."""
        return low + (high - low) * self.uniform()

    def whole(self, low: int, high: int) -> int:
        """Return a whole number of low to high, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, among: Sequence[Thing]) -> Thing:
        """Return one of a sequence that is not empty."""
        return among[int(self.uniform() * len(among))]

    def favourite(self, among: Sequence[Thing]) -> Thing:
        """Return one of a sequence, the first ones more often."""
        return among[int(self.uniform() * self.uniform() * len(among))]

    def normal(self) -> float:
        """Return a standard normal number; every second one comes with the one before.

        Source: Box and Muller, A Note on the Generation of Random Normal Deviates (1958).
        """
        spare = self._spare
        if spare is not None:
            self._spare = None
            return spare
        radius = math.sqrt(-2.0 * math.log(1.0 - self.uniform()))
        angle = 2.0 * math.pi * self.uniform()
        self._spare = radius * math.sin(angle)
        return radius * math.cos(angle)

    def lognormal(self, median: float, spread: float) -> float:
        """Return a positive number whose logarithm is normal, `spread` its standard deviation."""
        return median * math.exp(spread * self.normal())

    def poisson(self, mean: float) -> int:
        """Return a count of events that come independently, so many on average.

        Args:
            mean: 0 to `POISSON_MEAN_MAX`.

        Source: Knuth, The Art of Computer Programming, volume 2, 3.4.1.
        """
        assert mean <= POISSON_MEAN_MAX
        limit, product, count = math.exp(-mean), self.uniform(), 0
        while product > limit:
            product *= self.uniform()
            count += 1
        return count
