"""The carrier inside one process: the demo's, and the tests'."""

import threading
from collections.abc import Callable
from typing import Protocol

import msgspec

from service.carriers.frames import FRAME_BYTES_MAX
from service.kernel.clock import Clock
from service.kernel.errors import ResultUnknown, SubmitFailed
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import AnyStruct, Call, Command, Lane, Reply

Settle = Callable[[Reply | SubmitFailed], None]


class Put(Protocol):
    """The writer's queue, as a carrier sees it."""

    def __call__(self, ticket: Ticket, *, lane: Lane, settle: Settle) -> None:
        """Queue a command; raises Overloaded when it cannot be taken."""
        ...


class Slot:
    """Where one waiting thread finds its result."""

    def __init__(self) -> None:
        self._filled = threading.Event()
        self._result: Reply | SubmitFailed | None = None

    def fill(self, result: Reply | SubmitFailed) -> None:
        """Leave the result and wake the waiting thread."""
        self._result = result
        self._filled.set()

    def wait(self, *, timeout_s: float) -> Reply:
        """Return the reply.

        Raises:
            SubmitFailed: What came instead, or ResultUnknown when nothing came in time.
        """
        if not self._filled.wait(timeout_s):
            raise ResultUnknown
        result = self._result
        assert result is not None
        if isinstance(result, SubmitFailed):
            raise result
        return result


def _as_carried(value: AnyStruct) -> AnyStruct:
    """Return a value as the socket would bring it, so that both carriers give one answer.

    What msgpack cannot carry is refused here as it is there, before the writer has it.
    """
    packed = msgspec.msgpack.encode(value)
    if len(packed) > FRAME_BYTES_MAX:
        raise ValueError("a frame is too large")
    return msgspec.msgpack.decode(packed, type=type(value))


class QueueCarrier:
    """Submits commands to a writer in the same process."""

    def __init__(self, put: Put, *, clock: Clock, entropy: Callable[[int], bytes]) -> None:
        self._put = put
        self._clock = clock
        self._entropy = entropy

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        """Submit a command and wait for its reply; see `Submit`."""
        slot = Slot()
        ticket = Ticket(
            command=_as_carried(command),
            call=_as_carried(call),
            deadline_ns=deadline_ns,
            seed=self._entropy(32),
        )
        self._put(ticket, lane=lane, settle=slot.fill)
        left_ns = deadline_ns - self._clock.monotonic_ns()
        return slot.wait(timeout_s=max(left_ns, 0) / 1e9)
