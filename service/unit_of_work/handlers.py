"""How a room declares a handler: its command, the keys it touches, the rows it reads. Pure."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from service.db.statements import Bound, Row
from service.kernel.ids import new_id
from service.state.entities import EntityKey
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.outcome import Outcome


class View(Protocol):
    """What a handler may look at: the rows it declared, and its entities' feature state."""

    def rows(self, read: Bound) -> list[Row]:
        """Return the rows of a declared read."""
        ...

    def maybe(self, read: Bound) -> Row | None:
        """Return the only row of a declared read, or None."""
        ...

    def entity(self, key: EntityKey) -> Any:
        """Return the feature state of a declared entity; it must not be changed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Time, ids, randomness and caller, as arguments.

    Attributes:
        now: The writer's clock, one instant for the whole batch.
        call: Who calls, and for whom.
        entropy: Gives n random bytes; the same ones when the command is run again.
        left_ns: How much of the command's deadline was left when its turn came; None where it
            is run again and nobody waits.
    """

    now: dt.datetime
    call: Call
    entropy: Callable[[int], bytes]
    left_ns: int | None = None

    def new_id(self, prefix: str) -> str:
        """Return a new id with this prefix."""
        return new_id(prefix, now=self.now, entropy=self.entropy)


Run = Callable[[View, Any, Context], Outcome]
Keys = Callable[[Any, Call], Sequence[str]]
Reads = Callable[[Any, Call], Sequence[Bound]]
Entities = Callable[[Any, Call], Sequence[EntityKey]]


def no_entities(_command: Command, _call: Call) -> Sequence[EntityKey]:
    """Return no entity: most commands touch no feature state."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """One command's handler with what it declares.

    Attributes:
        command: Its command type.
        run: The pure function. Raises Overloaded where the same command may come again later:
            nothing of it is kept, and its neighbours go on.
        keys: What it touches; a batch holds one command a key.
        reads: The statements whose rows it needs; None: it runs alone and reads as it likes.
        entities: The entities whose feature state it reads or adds to.
    """

    command: type[Command]
    run: Run
    keys: Keys
    reads: Reads | None
    entities: Entities


def handles(
    command: type[Command],
    *,
    keys: Keys,
    reads: Reads | None,
    entities: Entities = no_entities,
) -> Callable[[Run], Handler]:
    """Declare a function as the handler of a command."""

    def declare(run: Run) -> Handler:
        return Handler(command=command, run=run, keys=keys, reads=reads, entities=entities)

    return declare


class Handlers:
    """The handlers of all rooms, by command; a second one for a command is refused."""

    def __init__(self, handlers: Iterable[Handler]) -> None:
        self._by_type: dict[type[Command], Handler] = {}
        self._by_name: dict[str, Handler] = {}
        for handler in handlers:
            name = handler.command.__name__
            if name in self._by_name:
                raise ValueError(f"two handlers for {name}")
            self._by_type[handler.command] = handler
            self._by_name[name] = handler

    def of(self, command: Command) -> Handler:
        """Return the handler of a command.

        Raises:
            KeyError: No room handles it.
        """
        return self._by_type[type(command)]

    def named(self, name: str) -> Handler:
        """Return the handler of the command with that name.

        Raises:
            KeyError: No room handles it.
        """
        return self._by_name[name]

    @property
    def names(self) -> Mapping[str, Handler]:
        """All handlers by their command's name."""
        return self._by_name
