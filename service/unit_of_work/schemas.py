"""Schema numbers of what is stored, and the upcasters that read every number ever released."""

from collections.abc import Callable, Mapping
from typing import Any, Final

# One number for each kind of stored record; a change of shape raises it and adds an upcaster.
COMMAND: Final = 1
ENTRY: Final = 1
EVENT: Final = 1
MESSAGE: Final = 1
REPLY: Final = 1

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


class UnknownSchema(Exception):  # noqa: N818  says what was met
    """A record was written by a newer version of the software."""


class Upcasters:
    """Pure functions, each of which lifts one kind of record by one schema number."""

    def __init__(self, steps: Mapping[tuple[str, int], Upcast], *, newest: int) -> None:
        self._steps = dict(steps)
        self._newest = newest

    def lift(self, kind: str, schema: int, record: dict[str, Any]) -> dict[str, Any]:
        """Return the record in the newest shape of its kind.

        Raises:
            UnknownSchema: The record is newer than this software.
        """
        if schema > self._newest:
            raise UnknownSchema(f"{kind} of schema {schema}; upgrade first")
        for number in range(schema, self._newest):
            step = self._steps.get((kind, number))
            if step is not None:
                record = step(record)
        return record


# Nothing older than schema 1 was ever released.
EVENTS: Final = Upcasters({}, newest=EVENT)
ENTRIES: Final = Upcasters({}, newest=ENTRY)
MESSAGES: Final = Upcasters({}, newest=MESSAGE)
