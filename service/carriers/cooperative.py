"""A cooperative front end's end of the socket carrier: one connection, many parked greenlets.

Everything happens on the loop's thread. What all requests of one turn of the loop ask goes out
in one write, and each reply resumes the greenlet that waits for it.
"""

import asyncio
import contextlib
import errno
import itertools
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from service.carriers.client import CONNECT_TIMEOUT_S, SEND_TIMEOUT_S, result
from service.carriers.frames import FRAME_BYTES_MAX, LENGTH, Answered, Asked, frame
from service.front.hub import Hub, NotInTime, Wait
from service.kernel.clock import Clock
from service.kernel.errors import Overloaded, ResultUnknown, SubmitFailed
from service.unit_of_work.commands import Call, Command, Lane, Reply

# What may wait to be sent to a writer that takes nothing; beyond it nothing more is taken.
UNSENT_BYTES_MAX: Final = 8_000_000
# A writer whose queue of connections is full is asked again after this long.
AGAIN_S: Final = 0.01
READ_BYTES: Final = 262_144
_LATER: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class CooperativeCarrier:
    """Submits commands from greenlets; connects anew when the writer came back."""

    def __init__(
        self, path: Path, *, clock: Clock, hub: Hub, unsent_bytes_max: int = UNSENT_BYTES_MAX
    ) -> None:
        self._unsent_bytes_max = unsent_bytes_max
        self._path = path
        self._clock = clock
        self._hub = hub
        self._link: _Link | None = None
        self._decoder = msgspec.msgpack.Decoder(Answered)

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        """Submit a command and park until its reply; see `Submit`."""
        link = self._open(timeout_s=self._left_s(deadline_ns))
        asked = Asked(
            id=link.next_id(),
            name=type(command).__name__,
            command=msgspec.msgpack.encode(command),
            call=call,
            deadline_ns=deadline_ns,
            lane=lane,
        )
        wait = link.ask(asked)
        try:
            came = wait.result(timeout_s=self._left_s(deadline_ns))
        except NotInTime:
            raise ResultUnknown from None
        finally:
            link.forget(asked.id)
        if isinstance(came, SubmitFailed):
            raise came
        return came

    def reaches(self) -> bool:
        """Say whether the writer's socket takes a connection."""
        try:
            return not self._open(timeout_s=CONNECT_TIMEOUT_S).is_closed
        except Overloaded:
            return False

    def _left_s(self, deadline_ns: int) -> float:
        return max(deadline_ns - self._clock.monotonic_ns(), 0) / 1e9

    def _open(self, *, timeout_s: float) -> "_Link":
        end = self._clock.monotonic_ns() + int(min(timeout_s, CONNECT_TIMEOUT_S) * 1e9)
        while True:
            # Looked at anew after each pause: another greenlet may have connected meanwhile.
            if self._link is not None and not self._link.is_closed:
                return self._link
            connection = _connected(self._path)
            if connection is not None:
                self._link = _Link(
                    connection,
                    hub=self._hub,
                    decoder=self._decoder,
                    unsent_bytes_max=self._unsent_bytes_max,
                )
                return self._link
            if self._clock.monotonic_ns() >= end:
                raise Overloaded
            self._pause()

    def _pause(self) -> None:
        try:
            Wait[None](self._hub).result(timeout_s=AGAIN_S)
        except NotInTime:
            return


def _connected(path: Path) -> socket.socket | None:
    """Return a connection, or None where the writer's queue of connections is full.

    A Unix socket connects at once or not at all, so nobody waits here.

    Raises:
        Overloaded: Nobody listens there.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.setblocking(False)  # noqa: FBT003  the socket's own signature
    try:
        connection.connect(str(path))
    except BlockingIOError:
        connection.close()
        return None
    except OSError as error:
        connection.close()
        raise Overloaded from error
    return connection


class _Link:
    """One connection, with the greenlets that wait on it."""

    def __init__(
        self,
        connection: socket.socket,
        *,
        hub: Hub,
        decoder: msgspec.msgpack.Decoder[Answered],
        unsent_bytes_max: int,
    ) -> None:
        self._unsent_bytes_max = unsent_bytes_max
        self.is_closed = False
        self._connection = connection
        self._hub = hub
        self._loop = hub.loop
        self._decode = decoder.decode
        self._ids = itertools.count(1)
        self._waits: dict[int, Wait[Reply | SubmitFailed]] = {}
        self._turn: list[bytes] = []
        self._turn_bytes = 0
        self._unsent = bytearray()
        self._stuck: asyncio.TimerHandle | None = None
        self._received = bytearray()
        self._loop.add_reader(connection, self._read)

    def next_id(self) -> int:
        """Return an id that no other question of this connection has."""
        return next(self._ids)

    def ask(self, asked: Asked) -> Wait[Reply | SubmitFailed]:
        """Have a command sent at the end of this turn of the loop, and return its wait.

        Raises:
            Overloaded: Nothing was sent.
            ValueError: It is larger than a frame may be.
        """
        framed = frame(asked)
        if self.is_closed or len(self._unsent) + self._turn_bytes > self._unsent_bytes_max:
            raise Overloaded
        if not self._turn:
            self._loop.call_soon(self._flush)
        self._turn.append(framed)
        self._turn_bytes += len(framed)
        wait = self._waits[asked.id] = Wait(self._hub)
        return wait

    def forget(self, asked_id: int) -> None:
        """Wait for a result no longer."""
        self._waits.pop(asked_id, None)

    def _flush(self) -> None:
        """Send what this turn asked, behind what earlier ones could not send."""
        if self.is_closed:
            return
        turn = b"".join(self._turn)
        self._turn.clear()
        self._turn_bytes = 0
        if self._unsent:
            self._unsent += turn
            return
        sent = self._send(turn)
        if sent < len(turn) and not self.is_closed:
            self._unsent += turn[sent:]
            self._loop.add_writer(self._connection, self._send_rest)
            self._stuck = self._loop.call_later(SEND_TIMEOUT_S, self._end)

    def _send_rest(self) -> None:
        sent = self._send(self._unsent)
        if self.is_closed:
            return
        del self._unsent[:sent]
        assert self._stuck is not None
        if sent:
            self._stuck.cancel()
            self._stuck = self._loop.call_later(SEND_TIMEOUT_S, self._end)
        if not self._unsent:
            self._stuck.cancel()
            self._loop.remove_writer(self._connection)

    def _send(self, data: bytes | bytearray) -> int:
        """Send what goes now; ends the connection where it is broken."""
        try:
            return self._connection.send(data)
        except OSError as error:
            if error.errno not in _LATER:
                # Part of a frame may have arrived; the waits tell what is known: nothing.
                self._end()
            return 0

    def _read(self) -> None:
        try:
            received = self._connection.recv(READ_BYTES)
        except OSError as error:
            if error.errno not in _LATER:
                self._end()
            return
        if not received:
            self._end()
            return
        self._received += received
        try:
            results = self._results()
        except (ValueError, msgspec.MsgspecError):
            self._end()
            return
        _fill(results)

    def _results(self) -> list[tuple[Wait[Reply | SubmitFailed], Reply | SubmitFailed]]:
        """Return what has come whole, for those who still wait for it.

        Raises:
            ValueError: The writer sent what cannot be a frame.
            MsgspecError: It sent what cannot be an answer.
        """
        data, at = self._received, 0
        found = []
        while len(data) - at >= LENGTH.size:
            (length,) = LENGTH.unpack_from(data, at)
            if length > FRAME_BYTES_MAX:
                raise ValueError("a frame is too large")
            end = at + LENGTH.size + length
            if len(data) < end:
                break
            answered = self._decode(bytes(data[at + LENGTH.size : end]))
            at = end
            if (wait := self._waits.pop(answered.id, None)) is not None:
                found.append((wait, result(answered)))
        del data[:at]
        return found

    def _end(self) -> None:
        """Close, and tell all who wait that nobody knows; what was sent may have been done."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._stuck is not None:
            self._stuck.cancel()
        self._loop.remove_reader(self._connection)
        self._loop.remove_writer(self._connection)
        self._connection.close()
        waits = list(self._waits.values())
        self._waits.clear()
        _fill([(wait, ResultUnknown()) for wait in waits])


def _fill(results: Sequence[tuple[Wait[Reply | SubmitFailed], Reply | SubmitFailed]]) -> None:
    """Leave each result, whatever those raise who are resumed by it; the loop logs it afterwards.

    What was committed for one request must not be lost by another's mistake.
    """
    with contextlib.ExitStack() as left:
        # The last that is put there is called first.
        for wait, came in reversed(results):
            left.callback(wait.fill, came)
