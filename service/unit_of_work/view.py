"""What a handler sees: declared rows and entities only. An undeclared look is a fault."""

from collections.abc import Callable, Mapping

from typing_extensions import override

from service.db.statements import Bound, Row
from service.state.cache import Overlay, State
from service.state.entities import EntityKey
from service.unit_of_work.handlers import View


class UndeclaredRead(Exception):  # noqa: N818  names the mistake
    """A handler looked at rows or an entity that its command did not declare."""


def only(read: Bound, rows: list[Row]) -> Row | None:
    """Return the only row of a read, or None.

    Raises:
        ValueError: There is more than one.
    """
    if len(rows) > 1:
        raise ValueError(f"{read.statement.name}: one row expected, {len(rows)} found")
    return rows[0] if rows else None


class BatchView(View):
    """The rows that one round trip fetched for the whole batch."""

    def __init__(
        self,
        rows: Mapping[Bound, list[Row]],
        *,
        declared: frozenset[Bound],
        entities: frozenset[EntityKey],
        overlay: Overlay,
    ) -> None:
        self._rows = rows
        self._declared = declared
        self._entities = entities
        self._overlay = overlay

    @override
    def rows(self, read: Bound) -> list[Row]:
        if read not in self._declared:
            raise UndeclaredRead(read.statement.name)
        return self._rows[read]

    @override
    def maybe(self, read: Bound) -> Row | None:
        return only(read, self.rows(read))

    @override
    def entity(self, key: EntityKey) -> State:
        if key not in self._entities:
            raise UndeclaredRead(f"entity {key.kind}")
        return self._overlay.get(key)


class LoneView(View):
    """Reads rows as it likes, for a command that runs alone; entities are declared even so."""

    def __init__(
        self,
        fetch: Callable[[Bound], list[Row]],
        *,
        entities: frozenset[EntityKey],
        overlay: Overlay,
    ) -> None:
        self._fetch = fetch
        self._entities = entities
        self._overlay = overlay

    @override
    def rows(self, read: Bound) -> list[Row]:
        return self._fetch(read)

    @override
    def maybe(self, read: Bound) -> Row | None:
        return only(read, self.rows(read))

    @override
    def entity(self, key: EntityKey) -> State:
        if key not in self._entities:
            raise UndeclaredRead(f"entity {key.kind}")
        return self._overlay.get(key)
