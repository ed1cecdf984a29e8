"""What the unit of work stands on, as arguments. Holds no behaviour."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from keys.sealing import Sealer
from service.db.store import Store
from service.state.cache import EntityCache
from service.unit_of_work.batch import Done
from service.unit_of_work.fence import Fence, WriterClock


class BatchObserver:
    """Told about each commit; the writer counts and logs with it. This one does nothing."""

    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        """Take note of a commit."""

    def waiting(self, commands: int) -> None:
        """Take note of how many commands wait."""

    def faulted(self, *, fault_id: str, command: str, cause: str) -> None:
        """Take note of a fault."""

    def unavailable(self, *, commands: int, reason: str) -> None:
        """Take note of commands that were not taken because the store is away."""


@dataclass(slots=True, kw_only=True)
class Ports:
    """What the unit of work stands on.

    Attributes:
        store: The writer's connection.
        fence: Numbers and epoch.
        clock: The writer's clock.
        cache: Feature state.
        sealer: Seals faulted commands.
        random: System entropy, for the ids and seals of faults.
        observer: Told about commits.
    """

    store: Store
    fence: Fence
    clock: WriterClock
    cache: EntityCache
    sealer: Sealer
    random: Callable[[int], bytes]
    observer: BatchObserver
