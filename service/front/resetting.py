"""The end of a connection whose client does not take what it is sent."""

import asyncio
import socket
import struct
from typing import Final

_ON_FOR_NO_TIME: Final = struct.pack("ii", 1, 0)


def reset(transport: asyncio.Transport) -> None:
    """End a connection and let go of what was not taken.

    A socket that is closed plainly leaves its unsent bytes with the kernel, which offers them for
    many minutes to a client that may never read: memory that no limit of ours counts.
    """
    connection = transport.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ON_FOR_NO_TIME)
    transport.abort()
