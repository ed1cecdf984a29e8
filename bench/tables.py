"""Figures as Markdown tables, and the blocks of bench/README.md that commands rewrite."""

import argparse
import importlib.metadata
import os
import platform
import sqlite3
import statistics
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

README = Path(__file__).parent / "README.md"
PACKAGES = (
    *("gunicorn", "flask", "werkzeug", "msgspec", "sqlalchemy", "psycopg", "greenlet"),
    *("cryptography", "prometheus-client"),
)


def versions(postgres: str = "") -> str:
    """Return what ran, as one sentence."""
    found = [f"{name} {importlib.metadata.version(name)}" for name in PACKAGES if _has(name)]
    stores = f"SQLite {sqlite3.sqlite_version}" + (f", PostgreSQL {postgres}" if postgres else "")
    return (
        f"Python {platform.python_version()}, {', '.join(found)}; {stores};"
        f" Linux {platform.release()}, {os.cpu_count()} cores"
    )


def _has(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def writing(parser: argparse.ArgumentParser) -> None:
    """Let a command be told to rewrite its tables."""
    parser.add_argument("--write", action="store_true", help="rewrite the tables in the page")
    parser.add_argument("--page", type=Path, default=README, help="bench/README.md unless given")


def at(ordered: Sequence[float], share: float) -> float:
    """Return the value below which a share of sorted values lies; 0 where there is none."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def held(ratios: Sequence[float], goal: str) -> tuple[str, str]:
    """Return the median of ratios, one a round, with their range; and whether it meets a goal.

    Args:
        ratios: At least one.
        goal: `<= 2.5` or `>= 2`.
    """
    middle = statistics.median(ratios)
    found = f"{middle:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
    return found, judged(middle, goal)


def judged(value: float, goal: str) -> str:
    """Return a goal, `<= 2.5` or `>= 2`, and whether a value meets it."""
    sign, _, limit = goal.partition(" ")
    met = value <= float(limit) if sign == "<=" else value >= float(limit)
    return f"{goal}: {'met' if met else 'missed'}"


def missed(text: str) -> list[str]:
    """Return the lines of a benchmark's text that say that a goal was missed."""
    return [line.strip("| ") for line in text.splitlines() if ": missed" in line]


def status(text: str) -> int:
    """Return how a benchmark ends: 1 where its text says that a goal was missed."""
    return 1 if missed(text) else 0


def conclude(given: argparse.Namespace, name: str, text: str) -> int:
    """Print a benchmark's text, and rewrite its block of the page if that was asked for.

    Returns:
        How the benchmark ends; which goals were missed is said on standard error.
    """
    print(text)
    if given.write:
        rewrite(given.page, name, text)
    sys.stderr.writelines(f"{line}\n" for line in missed(text))
    return status(text)


def rewrite(page: Path, name: str, text: str) -> None:
    """Put a text into a page's block of a name."""
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    head, opened, rest = page.read_text().partition(start)
    _, closed, tail = rest.partition(end)
    if not opened or not closed:
        raise SystemExit(f"{page.name} has no block {name}")
    page.write_text(f"{head}{start}{text}\n{end}{tail}")
