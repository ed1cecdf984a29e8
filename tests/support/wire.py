"""A wire between a client and a server on this machine that notes who spoke after whom."""

import contextlib
import socket
import threading
from typing import Self

CHUNK = 1 << 16


class Wire:
    """Passes bytes both ways between one client at a time and a port of this machine.

    Args:
        to: The server's port.

    Attributes:
        port: Where the client connects.
        turns: Who spoke, `client` or `server`; one who goes on speaking is noted once.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.turns: list[str] = []
        self._lock = threading.Lock()
        self._open: list[socket.socket] = [self._listener]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for one in self._open:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to))
                self._open += [client, server]
                for who, source, target in (
                    ("client", client, server),
                    ("server", server, client),
                ):
                    ends = (who, source, target)
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, who: str, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while said := source.recv(CHUNK):
                with self._lock:
                    if self.turns[-1:] != [who]:
                        self.turns.append(who)
                target.sendall(said)
            target.shutdown(socket.SHUT_WR)
