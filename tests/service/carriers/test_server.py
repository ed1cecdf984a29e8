"""The writer goes on taking front ends, whatever the machine was short of for a while."""

import errno
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from keys import entropy
from service.carriers.server import SocketServer
from service.unit_of_work.handlers import Handlers
from tests.support.writer import until

# More than any address space has: no thread can be started with it.
TOO_LARGE = 1 << 50


class Short:
    """A listener that has no descriptor left for a while, then has a front end, then waits."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.ours, self.theirs = socket.socketpair()
        self.given = False
        self.is_closed = threading.Event()
        self.ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()

    def accept(self) -> tuple[socket.socket, None]:
        if self.errors:
            raise OSError(self.errors.pop(0), "short")
        if self.given:
            assert self.is_closed.wait(10)
            raise OSError(errno.EINVAL, "closed")
        self.given = True
        return self.theirs, None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SocketServer]:
    server = SocketServer(
        tmp_path / "w.socket",
        handlers=Handlers([]),
        put=lambda *_, **__: None,
        entropy=entropy.system,
    )
    yield server
    server.stop()


@pytest.mark.long
@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_shortage_ends_no_accepting(server: SocketServer, error: int) -> None:
    listener = Short(error, error)
    thread = threading.Thread(target=server._accept, args=(listener,))
    thread.start()

    until(lambda: bool(server._peers))
    server.stop()
    listener.is_closed.set()

    thread.join(10)
    assert listener.ended.is_set()
    listener.ours.close()


def test_one_for_whom_there_is_no_thread_is_dropped(server: SocketServer) -> None:
    ours, theirs = socket.socketpair()
    before = threading.stack_size(TOO_LARGE)
    try:
        server._admit(theirs)
    finally:
        threading.stack_size(before)

    assert ours.recv(1) == b""
    assert not server._peers
    ours.close()
