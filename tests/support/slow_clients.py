"""Clients that hold connections open: a head, a body and an answer, a byte a second each."""

import contextlib
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, Self

from tests.support.servers import Shop

Kind = Literal["head", "body", "read"]
KINDS: Final[tuple[Kind, ...]] = ("head", "body", "read")
EACH: Final = 20
ALL: Final = EACH * len(KINDS)
# What the server has ended is opened again four times as often as a byte is sent or read.
TURN_S: Final = 0.25
TURNS_A_BYTE: Final = 4
WAIT_S: Final = 10
# Small, so that the first answer fills what stands between the server and who does not read it.
WINDOW_BYTES: Final = 4_096
ANSWERS: Final = 400
BODY_BYTES: Final = 1_000
ESTABLISHED: Final = "01"


class Side(NamedTuple):
    """The server's end of an open connection: what it has yet to read, and its client to take."""

    unread: int
    unsent: int


def sides(port: int) -> Iterator[tuple[int, Side]]:
    """Yield the server's end of each open connection to a port, by the client's port."""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, state, queues, *_ = line.split()
        if state == ESTABLISHED and int(local.rpartition(":")[2], 16) == port:
            unsent, unread = (int(one, 16) for one in queues.split(":"))
            yield int(remote.rpartition(":")[2], 16), Side(unread, unsent)


class SlowClient:
    """A connection that never comes to its end, and another one once the server has ended it."""

    def __init__(self, port: int, kind: Kind, first: bytes) -> None:
        self.kind: Final = kind
        # What was answered behind each end that the server made; nothing to who did not read.
        self.ends: list[str] = []
        self._server_port: Final = port
        self._first: Final = first
        self._open()

    def turn(self, side: Side | None, *, has_byte: bool) -> None:
        """Open again what the server has ended; send or take a byte where one is due."""
        with contextlib.suppress(OSError):
            if side is None:
                self.ends.append("" if self.kind == "read" else self._status())
            elif has_byte and self.kind == "read":
                self._connection.recv(1)
            elif has_byte:
                self._connection.send(b"a")
        if side is None:
            self.close()
            self._open()

    def is_held(self, side: Side | None) -> bool:
        """Say whether it is open and unanswered: who does not read has an answer waiting for it."""
        return side is not None and side.unread == 0 and (side.unsent > 0) == (self.kind == "read")

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def _open(self) -> None:
        self._connection = socket.socket()
        self._connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)
        self._connection.settimeout(WAIT_S)
        self._connection.connect(("127.0.0.1", self._server_port))
        self.port: int = self._connection.getsockname()[1]
        self._connection.sendall(self._first)

    def _status(self) -> str:
        return self._connection.recv(12)[9:].decode()


class SlowClients:
    """Twenty of each kind, kept by a thread until the end, and looked at by it each second.

    Args:
        port: The server's.
        shop: Whose key the bodies have.
        spread_s: Over how long they come, so that the server does not end all of them at once.

    Attributes:
        looks: How many of each kind were held, from when all had come.
    """

    def __init__(self, port: int, shop: Shop, *, spread_s: float) -> None:
        self.looks: list[Counter[Kind]] = []
        self._port: Final = port
        self._firsts: Final = _firsts(shop)
        self._a_turn: Final = -int(-ALL * TURN_S // spread_s)
        self._clients: list[SlowClient] = []
        self._have_come, self._is_over = threading.Event(), threading.Event()
        self._failed: list[OSError] = []
        self._thread: Final = threading.Thread(target=self._keep)

    def __enter__(self) -> Self:
        self._thread.start()
        self._have_come.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        for one in self._clients:
            one.close()
        assert not self._failed, self._failed

    def ends(self, kind: Kind) -> Counter[str]:
        """Return how often the server ended connections of a kind, by what it answered."""
        return Counter(end for one in self._clients if one.kind == kind for end in one.ends)

    def _keep(self) -> None:
        number = 0
        try:
            while not self._is_over.wait(TURN_S):
                number += 1
                self._turn(has_byte=number % TURNS_A_BYTE == 0)
        except OSError as error:
            self._failed.append(error)
        finally:
            self._have_come.set()

    def _turn(self, *, has_byte: bool) -> None:
        # A quarter of a second after anything was sent: the server has had time to read it.
        found = dict(sides(self._port))
        if has_byte and self._have_come.is_set():
            self.looks.append(
                Counter(one.kind for one in self._clients if one.is_held(found.get(one.port)))
            )
        for one in self._clients:
            one.turn(found.get(one.port), has_byte=has_byte)
        if len(self._clients) == ALL:
            self._have_come.set()
        for number in range(len(self._clients), min(len(self._clients) + self._a_turn, ALL)):
            kind = KINDS[number % len(KINDS)]
            self._clients.append(SlowClient(self._port, kind, self._firsts[kind]))


def _firsts(shop: Shop) -> dict[Kind, bytes]:
    """Return what each kind begins with: a path, a body and answers without end."""
    head = (
        "POST /v1/payments HTTP/1.1",
        "Host: a",
        f"Authorization: Bearer {shop.keys['live']}",
        "Content-Type: application/json",
        "Idempotency-Key: 0123456789abcdef",
        f"Content-Length: {BODY_BYTES}",
    )
    return {
        "head": b"GET /livez?",
        "body": "\r\n".join((*head, "", '{"')).encode(),
        "read": b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n" * ANSWERS,
    }
