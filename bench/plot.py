"""Latencies as a picture: which share of answers came within which time, both axes logarithmic."""

import math
from collections.abc import Mapping, Sequence

from bench.tables import at
from service.cli.chart import Axis, Line, lines, logarithmic

SHARES = (0.0, 0.5, 0.9, 0.99, 0.999)
POINTS = 120


def latencies(title: str, found: Mapping[str, Sequence[float]]) -> str:
    """Return an SVG document.

    Args:
        title: What the picture shows.
        found: Sorted latencies in milliseconds by name; those without any are left out.
    """
    found = {name: one for name, one in found.items() if one}
    values = [at(one, share) for one in found.values() for share in (0.0, SHARES[-1])]
    low = 10 ** math.floor(math.log10(max(min(values, default=1), 0.01)))
    high = 10 ** math.ceil(math.log10(max(values, default=10)))
    last = _across(SHARES[-1])
    shares = [1 - 10 ** -(last * step / POINTS) for step in range(POINTS + 1)]
    return lines(
        title,
        Axis(
            "share of answers that came within",
            lambda share: _across(share) / last,
            tuple((share, f"{share:g}") for share in SHARES),
        ),
        logarithmic("ms", low, max(high, low * 10)),
        {name: Line([(share, at(one, share)) for share in shares]) for name, one in found.items()},
    )


def _across(share: float) -> float:
    return -math.log10(1 - share)
