"""Latencies as a picture: which share of answers came within which time, both axes logarithmic."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from bench.tables import at
from service.cli.picture import COLOURS, framed

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 60, 250, 30, 50
SHARES = (0.0, 0.5, 0.9, 0.99, 0.999)
POINTS = 120
# Told apart by their colours, and by their dashes on paper.
DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 2")


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
    high = max(high, low * 10)
    parts = _axes(low, high)
    for place, (name, one) in enumerate(found.items()):
        look = f'stroke="{COLOURS[place % len(COLOURS)]}" stroke-width="2"'
        dash = DASHES[place % len(DASHES)]
        if dash:
            look += f' stroke-dasharray="{dash}"'
        last = _across(SHARES[-1])
        shares = [1 - 10 ** -(last * step / POINTS) for step in range(POINTS + 1)]
        line = " ".join(f"{_x(share):.1f},{_y(at(one, share), low, high):.1f}" for share in shares)
        parts.append(f'<polyline points="{line}" fill="none" {look}/>')
        y = TOP + 14 + 20 * place
        x = WIDTH - RIGHT + 16
        parts.append(f'<line x1="{x}" y1="{y - 4}" x2="{x + 28}" y2="{y - 4}" {look}/>')
        parts.append(f'<text x="{x + 34}" y="{y}" font-size="12">{escape(name)}</text>')
    return framed(title, (WIDTH, HEIGHT), parts)


def _axes(low: float, high: float) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    tick = low
    while tick <= high * 1.001:
        y = _y(tick, low, high)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(
            f'<text font-size="12" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>'
        )
        tick *= 10
    for share in SHARES:
        x = _x(share)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        place = f'x="{x:.1f}" y="{bottom + 18}" text-anchor="middle"'
        parts.append(f'<text font-size="12" {place}>{share:g}</text>')
    parts.append(
        f'<text font-size="12" x="{(LEFT + right) / 2:.0f}" y="{bottom + 38}" text-anchor="middle">'
        "share of answers that came within</text>"
    )
    parts.append(f'<text font-size="12" x="8" y="{TOP - 2}">ms</text>')
    return parts


def _across(share: float) -> float:
    return -math.log10(1 - share)


def _x(share: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * _across(share) / _across(SHARES[-1])


def _y(value: float, low: float, high: float) -> float:
    part = math.log10(max(value, low) / low) / math.log10(high / low)
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(part, 1.0)
