"""A front end's end of the socket carrier: one connection a process, many waiting threads."""

import contextlib
import itertools
import os
import socket
import struct
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
# The writer's readers only queue; one that takes nothing for so long is stopped or gone.
SEND_TIMEOUT_S: Final = 1
_TIMEVAL: Final = struct.Struct("ll")


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
        link = self._open(timeout_s=self._left_s(deadline_ns))
        asked = Asked(
            id=link.next_id(),
            name=type(command).__name__,
            command=msgspec.msgpack.encode(command),
            call=call,
            deadline_ns=deadline_ns,
            lane=lane,
        )
        slot = link.ask(asked, timeout_s=self._left_s(deadline_ns))
        try:
            return slot.wait(timeout_s=self._left_s(deadline_ns))
        finally:
            link.forget(asked.id)

    def reaches(self) -> bool:
        """Say whether the writer's socket takes a connection."""
        try:
            return not self._open(timeout_s=CONNECT_TIMEOUT_S).is_closed
        except Overloaded:
            return False

    def _left_s(self, deadline_ns: int) -> float:
        return max(deadline_ns - self._clock.monotonic_ns(), 0) / 1e9

    def _open(self, *, timeout_s: float) -> "_Link":
        # Connecting to a writer that is stopped takes long; whoever waits for another thread's
        # try waits no longer than it may, and nothing of its own was sent.
        if not self._opening.acquire(timeout=timeout_s):
            raise Overloaded
        try:
            link = self._link
            if link is not None and link.process != os.getpid():
                # A forked child must not read its parent's answers, nor end its connection.
                link.drop()
                link = None
            if link is None or link.is_closed:
                link = self._link = _Link(self._path, timeout_s=min(timeout_s, CONNECT_TIMEOUT_S))
            return link
        finally:
            self._opening.release()


class _Link:
    """One connection, with the slots that wait on it. Its reading thread closes it."""

    def __init__(self, path: Path, *, timeout_s: float) -> None:
        self.process = os.getpid()
        self.is_closed = False
        self._ids = itertools.count(1)
        self._slots: dict[int, Slot] = {}
        self._guard = threading.Lock()
        self._sending = threading.Lock()
        self._connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connection.settimeout(timeout_s)
            self._connection.connect(str(path))
        except OSError as error:
            self._connection.close()
            raise Overloaded from error
        self._connection.settimeout(None)
        limit = _TIMEVAL.pack(SEND_TIMEOUT_S, 0)
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
        threading.Thread(target=self._read, daemon=True).start()

    def next_id(self) -> int:
        """Return an id that no other question of this connection has."""
        return next(self._ids)

    def ask(self, asked: Asked, *, timeout_s: float) -> Slot:
        """Send a command and return the slot its result will be in.

        Raises:
            Overloaded: Nothing was sent.
            ValueError: It is larger than a frame may be.
        """
        framed = frame(asked)
        slot = Slot()
        with self._guard:
            if self.is_closed:
                raise Overloaded
            self._slots[asked.id] = slot
        if not self._sending.acquire(timeout=timeout_s):
            self.forget(asked.id)
            raise Overloaded
        try:
            self._connection.sendall(framed)
        except OSError:
            # Part of the frame may have arrived; the slot tells what is known: nothing.
            self._end()
        finally:
            self._sending.release()
        return slot

    def forget(self, asked_id: int) -> None:
        """Wait for a result no longer."""
        with self._guard:
            self._slots.pop(asked_id, None)

    def drop(self) -> None:
        """Close this process's copy of a connection that belongs to its parent."""
        self.is_closed = True
        self._connection.close()

    def _read(self) -> None:
        decoder = msgspec.msgpack.Decoder(Answered)
        try:
            while (body := receive(self._connection)) is not None:
                answered = decoder.decode(body)
                with self._guard:
                    slot = self._slots.pop(answered.id, None)
                if slot is not None:
                    slot.fill(result(answered))
        except (OSError, msgspec.MsgspecError):
            pass
        finally:
            self._end()
            # Not while a sender is inside: the number of a closed socket is soon another's.
            with self._sending:
                self._connection.close()
            with self._guard:
                slots = list(self._slots.values())
                self._slots.clear()
            for slot in slots:
                # What was sent may have been done; nobody knows.
                slot.fill(ResultUnknown())

    def _end(self) -> None:
        """Take no more questions, and wake the reading thread."""
        with self._guard:
            self.is_closed = True
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)


def result(answered: Answered) -> Reply | SubmitFailed:
    """Return what an answer says: the reply, or what came instead."""
    if answered.reply is not None:
        return answered.reply
    if answered.failed == Faulted.__name__:
        return Faulted(answered.fault_id)
    if answered.failed == ResultUnknown.__name__:
        return ResultUnknown()
    return Overloaded()
