"""The socket carrier's frames: a length, then msgpack. Shared by both ends; opens no socket."""

import socket
import struct
from typing import Final

import msgspec

from service.unit_of_work.commands import Call, Lane, Reply

LENGTH: Final = struct.Struct(">I")
# Below what the sealer takes at once, so that every command that arrives can be sealed if it
# meets a fault.
FRAME_BYTES_MAX: Final = 1_000_000


class Asked(msgspec.Struct, frozen=True, array_like=True):
    """One command on its way to the writer."""

    id: int
    name: str
    command: bytes
    call: Call
    deadline_ns: int
    lane: Lane


class Answered(msgspec.Struct, frozen=True, array_like=True):
    """One result on its way back.

    Attributes:
        id: The id it was asked with.
        reply: The reply, if there is one.
        failed: Name of the SubmitFailed otherwise.
        fault_id: The fault's id, when it was one.
    """

    id: int
    reply: Reply | None = None
    failed: str = ""
    fault_id: str = ""


def frame(value: msgspec.Struct) -> bytes:
    """Return a value as one frame.

    Raises:
        ValueError: It is larger than a frame may be.
    """
    body = msgspec.msgpack.encode(value)
    if len(body) > FRAME_BYTES_MAX:
        raise ValueError("a frame is too large")
    return LENGTH.pack(len(body)) + body


def receive(connection: socket.socket) -> bytes | None:
    """Return the next frame's body; None at the end of the connection.

    Raises:
        ConnectionError: The peer sent what cannot be a frame.
    """
    head = _exactly(connection, LENGTH.size)
    if head is None:
        return None
    (length,) = LENGTH.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise ConnectionError("a frame is too large")
    return _exactly(connection, length)


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            return None
        parts += part
    return bytes(parts)
