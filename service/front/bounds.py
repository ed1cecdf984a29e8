"""What clients may take of one front-end process."""

import errno
from dataclasses import dataclass
from typing import Final

CONNECTIONS_MAX: Final = 1_000
# What taking a connection says where the machine has no room for one.
EXHAUSTED: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
# A process that had none tries again after this long.
REST_S: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What clients may take of one process.

    Attributes:
        connections: Open connections; beyond, the one that rests longest is closed, and where
            none rests new ones wait in the kernel's queue.
        requests: Requests under way; one more is answered 503 at once.
        answer_s: What an answer may take before fewer requests are let in.
        line_bytes: The request line.
        headers: Headers of a request.
        header_bytes: One header.
        body_bytes: One body.
        head_s: From its first byte to the end of a head.
        body_s: From the end of the head to the end of the body.
        write_s: For an answer to be taken.
        idle_s: Between an answer and the next request.
        linger_s: For a client to read an answer behind which we close.
    """

    connections: int
    requests: int
    line_bytes: int
    headers: int
    header_bytes: int
    body_bytes: int
    answer_s: float = 0.5
    head_s: float = 10.0
    body_s: float = 10.0
    write_s: float = 20.0
    idle_s: float = 75.0
    linger_s: float = 2.0
