"""Pictures as SVG text, by nothing but strings: frame, words and colours of all of them."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Final

SVG: Final = "http://www.w3.org/2000/svg"
# Told apart without red and green.
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
BAR: Final = 14
ROW: Final = 2 * BAR + 14
LABEL: Final = 110
FIELD: Final = 420
FIGURE: Final = 110
TOP: Final = 52


def framed(title: str, size: tuple[int, int], parts: Iterable[str]) -> str:
    """Return an SVG document: a white page, its title, and the parts.

    Args:
        title: What the picture shows.
        size: Width and height.
        parts: Elements, as text.
    """
    width, height = size
    head = [
        f'<svg xmlns="{SVG}" viewBox="0 0 {width} {height}" font-family="sans-serif">',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        f'<text x="60" y="18" font-size="14">{escape(title)}</text>',
    ]
    return "\n".join([*head, *parts, "</svg>", ""])


def words(text: str, at: tuple[float, float], *, anchor: str = "start") -> str:
    """Return a text of the usual size at a place."""
    x, y = at
    place = f'x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"'
    return f'<text font-size="12" {place}>{escape(text)}</text>'


def bars(title: str, series: Sequence[str], found: Mapping[str, Sequence[int]]) -> str:
    """Return an SVG document of bars that lie under each other, one for each series.

    Args:
        title: What the picture shows.
        series: Their names.
        found: Name of a row -> a number for each series, 0 or more.
    """
    most = max((max(row) for row in found.values()), default=0) or 1
    parts: list[str] = []
    for number, name in enumerate(series):
        x = LABEL + number * 220
        parts.append(f'<rect x="{x}" y="28" width="12" height="12" fill="{COLOURS[number]}"/>')
        parts.append(words(name, (x + 18, 39)))
    for place, (name, row) in enumerate(found.items()):
        y = TOP + place * ROW
        parts.append(words(name, (LABEL - 8, y + BAR + 4), anchor="end"))
        for number, value in enumerate(row):
            top = y + number * BAR
            width = FIELD * value / most
            look = f'height="{BAR - 2}" fill="{COLOURS[number]}"'
            parts.append(f'<rect x="{LABEL}" y="{top}" width="{width:.1f}" {look}/>')
            parts.append(words(f"{value:,}", (LABEL + width + 6, top + BAR - 3)))
    return framed(title, (LABEL + FIELD + FIGURE, TOP + len(found) * ROW), parts)
