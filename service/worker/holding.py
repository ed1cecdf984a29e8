"""The worker's lock is looked at again and again; without it nothing is sent and nothing reported.

On PostgreSQL a session holds the lock, and a restart of the server, a fail-over or a take-over ends
it while the process lives on.
"""

import threading
from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

from structlog.typing import FilteringBoundLogger

from service.db.store import StoreUnavailable
from service.kernel.errors import Overloaded
from service.unit_of_work.commands import Call, Command, Lane, Reply, Submit
from service.worker.deliveries import Send
from service.worker.parcels import Outcome, Parcel
from service.worker.post import Kept

EVERY_S: Final = 1.0

Asked = ParamSpec("Asked")
Found = TypeVar("Found")


class WorkerStops(Exception):  # noqa: N818  says what happens
    """Another worker is at work; this one must end."""


class Holding:
    """A loop of the worker: makes sure that it holds its lock, and says whether it does.

    Args:
        hold: Takes the lock again where its session was lost. Raises StoreUnavailable, and
            WorkerStops where another worker has it.
        log: Told when the lock is lost, and when it is held again.
        every_s: Between two looks.
    """

    def __init__(
        self, hold: Callable[[], None], log: FilteringBoundLogger, *, every_s: float = EVERY_S
    ) -> None:
        self._hold = hold
        self._log = log
        self._every_s = every_s
        self._stopping = threading.Event()
        self._is_held = True

    def run(self) -> None:
        """Look every so often until told to stop.

        Raises:
            WorkerStops: Another worker has the lock.
        """
        while not self._stopping.wait(self._every_s):
            self.look()

    def stop(self) -> None:
        """Return from `run`."""
        self._stopping.set()

    def look(self) -> None:
        """Take note of whether the lock is held.

        Raises:
            WorkerStops: Another worker has it.
        """
        try:
            self._hold()
        except StoreUnavailable as error:
            if self._is_held:
                self._log.warning("lock_lost", reason=str(error))
            self._is_held = False
        except WorkerStops:
            self._is_held = False
            raise
        else:
            if not self._is_held:
                self._log.info("lock_held_again")
            self._is_held = True

    def finds(self, find: Callable[Asked, Found]) -> Callable[Asked, Found]:
        """Return what finds something to do, and is StoreUnavailable while the lock is lost."""

        def found(*args: Asked.args, **kwargs: Asked.kwargs) -> Found:
            if not self._is_held:
                raise StoreUnavailable("the worker's lock is lost")
            return find(*args, **kwargs)

        return found

    def submits(self, submit: Submit) -> Submit:
        """Return a way to the writer that takes nothing while the lock is lost."""

        def submitted(
            command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
        ) -> Reply:
            if not self._is_held:
                raise Overloaded
            return submit(command, call=call, deadline_ns=deadline_ns, lane=lane)

        return submitted

    def sends(self, send: Send) -> Send:
        """Return what sends a parcel, and is StoreUnavailable while the lock is lost.

        A parcel that waited here would go out as its endpoint was, and not as it is by then.
        """

        async def sent(parcel: Parcel, kept: Kept) -> Outcome:
            if not self._is_held:
                raise StoreUnavailable("the worker's lock is lost")
            return await send(parcel, kept)

        return sent
