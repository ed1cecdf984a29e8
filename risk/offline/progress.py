"""Who is told how far a long computation is. Says nothing itself."""

from collections.abc import Callable

Note = Callable[[str], None]


def silent(_text: str) -> None:
    """Tell nobody."""
