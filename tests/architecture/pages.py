"""Pages that are rendered from the code. Run as a module it writes them; the tests compare.

    uv run python -m tests.architecture.pages

A new page is one entry of PAGES; it counts from the day on which its source is in the tree.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.architecture.house import ROOT


@dataclass(frozen=True, kw_only=True)
class Page:
    """One rendered page.

    Attributes:
        path: Where it lies.
        source: The file that renders it.
        render: Returns its text.
    """

    path: str
    source: str
    render: Callable[[], str]


def features() -> str:
    """Return every feature with its meaning in both languages."""
    found = importlib.import_module("risk.feature").load_features()
    return str(importlib.import_module("risk.catalogue").features_markdown(found))


def policy() -> str:
    """Return the ladder, the limits and the presets with their sources."""
    strategy = importlib.import_module("risk.strategy").load_strategy()
    return str(importlib.import_module("risk.catalogue").policy_markdown(strategy))


PAGES: Final = [
    page
    for page in (
        Page(path="docs/features.md", source="risk/catalogue.py", render=features),
        Page(path="docs/policy.md", source="risk/catalogue.py", render=policy),
    )
    if (ROOT / page.source).is_file()
]


def main() -> None:
    """Write every page."""
    for page in PAGES:
        (ROOT / page.path).write_text(page.render())


if __name__ == "__main__":
    main()
