"""A front end's end of the socket carrier: one connection a process, many waiting threads."""

import itertools
import os
import socket
import threading
from pathlib import Path
from typing import Final

import msgspec

from service.carriers.frames import Answered, Asked, frame, receive
from service.carriers.queue import Slot
from service.kernel.clock import Clock
from service.kernel.errors import Faulted, Overloaded, ResultUnknown, SubmitFailed
from service.unit_of_work.commands import Call, Command, Lane, Reply

CONNECT_TIMEOUT_S: Final = 1.0


class SocketCarrier:
    """Submits commands to the writer's socket; connects anew when the writer came back."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._opening = threading.Lock()
        self._link: _Link | None = None

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        """Submit a command and wait for its reply; see `Submit`."""
        link = self._open()
        slot = link.ask(command, call=call, deadline_ns=deadline_ns, lane=lane)
        left_ns = deadline_ns - self._clock.monotonic_ns()
        return slot.wait(timeout_s=max(left_ns, 0) / 1e9)

    def reaches(self) -> bool:
        """Say whether the writer's socket takes a connection."""
        try:
            return not self._open().is_closed
        except Overloaded:
            return False

    def _open(self) -> "_Link":
        with self._opening:
            link = self._link
            # A forked child must not read its parent's answers.
            if link is None or link.is_closed or link.process != os.getpid():
                link = self._link = _Link(self._path)
            return link


class _Link:
    """One connection, with the slots that wait on it."""

    def __init__(self, path: Path) -> None:
        self.process = os.getpid()
        self.is_closed = False
        self._ids = itertools.count(1)
        self._slots: dict[int, Slot] = {}
        self._guard = threading.Lock()
        self._sending = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._connection.settimeout(CONNECT_TIMEOUT_S)
        try:
            self._connection.connect(str(path))
        except OSError as error:
            self._connection.close()
            raise Overloaded from error
        self._connection.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, command: Command, *, call: Call, deadline_ns: int, lane: Lane) -> Slot:
        """Send a command and return the slot its result will be in."""
        slot = Slot()
        asked = Asked(
            id=next(self._ids),
            name=type(command).__name__,
            command=msgspec.msgpack.encode(command),
            call=call,
            deadline_ns=deadline_ns,
            lane=lane,
        )
        with self._guard:
            if self.is_closed:
                raise Overloaded
            self._slots[asked.id] = slot
        try:
            with self._sending:
                self._connection.sendall(frame(asked))
        except OSError:
            # Part of the frame may have arrived; the slot tells what is known: nothing.
            self._close()
        return slot

    def _read(self) -> None:
        decoder = msgspec.msgpack.Decoder(Answered)
        try:
            while (body := receive(self._connection)) is not None:
                answered = decoder.decode(body)
                with self._guard:
                    slot = self._slots.pop(answered.id, None)
                if slot is not None:
                    slot.fill(_result(answered))
        except (OSError, msgspec.MsgspecError):
            pass
        finally:
            self._close()

    def _close(self) -> None:
        """End the connection; nobody knows what became of what was asked on it."""
        with self._guard:
            self.is_closed = True
            slots = list(self._slots.values())
            self._slots.clear()
        self._connection.close()
        for slot in slots:
            slot.fill(ResultUnknown())


def _result(answered: Answered) -> Reply | SubmitFailed:
    if answered.reply is not None:
        return answered.reply
    if answered.failed == Faulted.__name__:
        return Faulted(answered.fault_id)
    if answered.failed == ResultUnknown.__name__:
        return ResultUnknown()
    return Overloaded()
