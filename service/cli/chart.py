"""Lines over two axes as SVG text, by nothing but strings; frame and colours are picture.py's."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Final, NamedTuple

from service.cli.picture import COLOURS, framed, words

WIDTH: Final = 760
HEIGHT: Final = 420
LEFT: Final = 70
RIGHT: Final = 250
TOP: Final = 30
BOTTOM: Final = 50
TICKS: Final = 5
DOT: Final = 3
# Told apart by their colours, and by their dashes on paper.
DASHES: Final = ("", "6 3", "2 3", "8 3 2 3", "12 4", "1 2")


class Axis(NamedTuple):
    """One direction of a picture.

    Attributes:
        name: What its values are.
        place: Value -> share of the axis, 0 to 1; beyond it is cut.
        ticks: Value, and what is written there.
    """

    name: str
    place: Callable[[float], float]
    ticks: tuple[tuple[float, str], ...]


class Line(NamedTuple):
    """Points of one name, joined or not.

    Attributes:
        points: x and y.
        is_joined: False draws dots.
    """

    points: Sequence[tuple[float, float]]
    is_joined: bool = True


def linear(name: str, low: float, high: float, *, ticks: int = TICKS) -> Axis:
    """Return an axis on which equal distances are equal differences; low < high."""
    span = high - low
    values = [low + span * number / ticks for number in range(ticks + 1)]
    return Axis(
        name, lambda value: (value - low) / span, tuple((one, f"{one:g}") for one in values)
    )


def logarithmic(name: str, low: float, high: float) -> Axis:
    """Return an axis on which equal distances are equal ratios, from 0 < low < high."""
    span = math.log10(high / low)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    ticks = tuple((10.0**power, f"{10.0**power:g}") for power in range(first, last + 1))
    return Axis(name, lambda value: math.log10(max(value, low) / low) / span, ticks)


def lines(title: str, across: Axis, up: Axis, found: Mapping[str, Line]) -> str:
    """Return an SVG document.

    Args:
        title: What the picture shows.
        across: From left to right.
        up: From below.
        found: Lines by name.
    """
    parts = _axes(across, up)
    for number, (name, line) in enumerate(found.items()):
        colour = COLOURS[number % len(COLOURS)]
        dash = DASHES[number % len(DASHES)] if line.is_joined else ""
        look = f'stroke="{colour}" stroke-width="2"'
        look += f' stroke-dasharray="{dash}"' if dash else ""
        places = [(_x(across, x), _y(up, y)) for x, y in line.points]
        if line.is_joined:
            text = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
            parts.append(f'<polyline points="{text}" fill="none" {look}/>')
        else:
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{DOT}" fill="{colour}"/>' for x, y in places
            ]
        parts += _named(name, number, look)
    return framed(title, (WIDTH, HEIGHT), parts)


def _named(name: str, number: int, look: str) -> list[str]:
    x, y = WIDTH - RIGHT + 16, TOP + 14 + 20 * number
    return [
        f'<line x1="{x}" y1="{y - 4}" x2="{x + 28}" y2="{y - 4}" {look}/>',
        words(name, (x + 34, y)),
    ]


def _axes(across: Axis, up: Axis) -> list[str]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    parts = []
    for value, text in up.ticks:
        y = _y(up, value)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(words(text, (LEFT - 6, y + 4), anchor="end"))
    for value, text in across.ticks:
        x = _x(across, value)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#ddd"/>')
        parts.append(words(text, (x, bottom + 18), anchor="middle"))
    parts.append(words(across.name, ((LEFT + right) / 2, bottom + 38), anchor="middle"))
    middle = (TOP + bottom) / 2
    turned = f'transform="rotate(-90 14 {middle:.0f})" text-anchor="middle"'
    parts.append(f'<text font-size="12" x="14" y="{middle:.0f}" {turned}>{escape(up.name)}</text>')
    return parts


def _x(axis: Axis, value: float) -> float:
    return LEFT + (WIDTH - RIGHT - LEFT) * min(max(axis.place(value), 0.0), 1.0)


def _y(axis: Axis, value: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * min(max(axis.place(value), 0.0), 1.0)
