"""Finds the operation of a method and path. Knows route templates only, and no regular expression.

Flask's own dispatch costs half as much again as everything the door does, so what this table
knows never enters it; the rest (other methods, unknown paths, pages) is Flask's.
"""

from collections.abc import Iterable
from typing import Final, Generic, NamedTuple, TypeVar

from service.http.routes import Route

T = TypeVar("T")

_SEGMENTS_MAX: Final = 12


class _Template(NamedTuple, Generic[T]):
    fixed: tuple[tuple[int, str], ...]
    names: tuple[tuple[int, str], ...]
    value: T


class Table(Generic[T]):
    """Values by method and path template; a fixed path goes before one with parameters."""

    def __init__(self, entries: Iterable[tuple[Route, T]]) -> None:
        """Build the table.

        Raises:
            ValueError: Two routes answer the same method and path.
        """
        self._fixed: Final[dict[tuple[str, str], T]] = {}
        self._templates: Final[dict[tuple[str, int], list[_Template[T]]]] = {}
        seen: set[tuple[str, str]] = set()
        for route, value in entries:
            method, segments = route.method.upper(), route.path.split("/")
            fixed = tuple((at, one) for at, one in enumerate(segments) if not one.startswith("{"))
            names = tuple((at, one[1:-1]) for at, one in enumerate(segments) if one.startswith("{"))
            shape = "/".join("{}" if one.startswith("{") else one for one in segments)
            if (method, shape) in seen or len(segments) > _SEGMENTS_MAX:
                raise ValueError(f"{route.name}: another route answers here, or it is too long")
            seen.add((method, shape))
            if names:
                templates = self._templates.setdefault((method, len(segments)), [])
                templates.append(_Template(fixed, names, value))
            else:
                self._fixed[method, route.path] = value

    def find(self, method: str, path: str) -> tuple[T, dict[str, str]] | None:
        """Return the value and the path parameters, or None where no template fits."""
        value = self._fixed.get((method, path))
        if value is not None:
            return value, {}
        segments = path.split("/", _SEGMENTS_MAX)
        for template in self._templates.get((method, len(segments)), ()):
            if all(segments[at] == one for at, one in template.fixed):
                parameters = {name: segments[at] for at, name in template.names}
                # An empty segment is another path, not an empty id.
                return (template.value, parameters) if all(parameters.values()) else None
        return None
