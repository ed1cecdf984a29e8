"""The writer's end of the socket carrier: accepts front ends, queues what they ask."""

import contextlib
import os
import queue
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from service.carriers.frames import Answered, Asked, frame, receive
from service.carriers.queue import Put
from service.kernel.errors import Faulted, Overloaded, SubmitFailed
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import Reply
from service.unit_of_work.handlers import Handlers

BACKLOG: Final = 128
WRITE_BYTES: Final = 1 << 16
# Answers that may wait for one front end; it has far fewer threads that ask.
ANSWERS_MAX: Final = 16_384
# No descriptor, or no memory, for one more front end: those that are connected go on meanwhile.
REST_S: Final = 0.5
# How long a stopping writer gives a front end to take its last answers.
FLUSH_S: Final = 0.5


class SocketServer:
    """Listens on a Unix socket that only this user may open; a thread for each front end."""

    def __init__(
        self, path: Path, *, handlers: Handlers, put: Put, entropy: Callable[[int], bytes]
    ) -> None:
        self._path = path
        self._handlers = handlers
        self._put = put
        self._entropy = entropy
        self._listener: socket.socket | None = None
        self._inode = 0
        self._stopping = threading.Event()
        self._guard = threading.Lock()
        self._peers: set[_Peer] = set()

    def start(self) -> None:
        """Listen; the lock is held by now, so a socket file left behind is nobody's."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        try:
            listener.bind(str(self._path))
        finally:
            os.umask(before)
        self._inode = self._path.stat().st_ino
        listener.listen(BACKLOG)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def stop(self) -> None:
        """Accept no more front ends, send them the answers that are ready, and leave them."""
        self._stopping.set()
        if self._listener is not None:
            # Closing alone does not wake the thread that accepts.
            with contextlib.suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._remove_own()
        with self._guard:
            peers = list(self._peers)
        for peer in peers:
            peer.finish()
        for peer in peers:
            peer.leave(timeout_s=FLUSH_S)

    def _remove_own(self) -> None:
        """Remove the socket's file, unless a writer that took over has put its own there."""
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _accept(self, listener: socket.socket) -> None:
        with listener:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    if self._stopping.wait(REST_S):
                        return
                else:
                    self._admit(connection)

    def _admit(self, connection: socket.socket) -> None:
        """Serve a front end; one for which there is no thread is dropped, and connects anew."""
        try:
            peer = _Peer(self, connection)
        except RuntimeError:
            connection.close()
            return
        with self._guard:
            self._peers.add(peer)
        try:
            threading.Thread(target=peer.serve, daemon=True).start()
        except RuntimeError:
            peer.close()

    def gone(self, peer: "_Peer") -> None:
        """Forget a front end whose connection has ended."""
        with self._guard:
            self._peers.discard(peer)

    def ticket(self, asked: Asked) -> Ticket:
        """Return the command of a frame as a ticket.

        Raises:
            KeyError: No handler of that name.
            msgspec.DecodeError: The command is not of that name's shape.
        """
        kind = self._handlers.named(asked.name).command
        return Ticket(
            command=msgspec.msgpack.decode(asked.command, type=kind),
            call=asked.call,
            deadline_ns=asked.deadline_ns,
            seed=self._entropy(32),
        )

    def queue(self, asked: Asked, settle: Callable[[Reply | SubmitFailed], None]) -> None:
        """Queue a frame's command, or settle it at once."""
        try:
            self._put(self.ticket(asked), lane=asked.lane, settle=settle)
        except Overloaded as full:
            settle(full)
        except (KeyError, msgspec.MsgspecError):
            # A front end of another version; it sees 503 and its supervisor restarts it.
            settle(Overloaded())


class _Peer:
    """One front end's connection: one thread reads, one sends, the writer's only queues."""

    def __init__(self, server: SocketServer, connection: socket.socket) -> None:
        self._server = server
        self._connection = connection
        self._answers: queue.SimpleQueue[Answered | None] = queue.SimpleQueue()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sender.start()

    def serve(self) -> None:
        """Read commands until the connection ends, then close it."""
        decoder = msgspec.msgpack.Decoder(Asked)
        try:
            while (body := receive(self._connection)) is not None:
                asked = decoder.decode(body)
                self._server.queue(asked, self._settle(asked.id))
        except (OSError, msgspec.MsgspecError):
            pass
        finally:
            self.close()

    def close(self) -> None:
        """End both threads and the connection; for whoever reads it, or would have."""
        self._end()
        self.finish()
        self._sender.join()
        self._connection.close()
        self._server.gone(self)

    def finish(self) -> None:
        """Send what is ready, and then no more."""
        self._answers.put(None)

    def leave(self, *, timeout_s: float) -> None:
        """End the connection once what was ready is sent, or a little later."""
        self._sender.join(timeout_s)
        self._end()

    def _settle(self, asked_id: int) -> Callable[[Reply | SubmitFailed], None]:
        def settle(result: Reply | SubmitFailed) -> None:
            self._answers.put(_answered(asked_id, result))
            if self._answers.qsize() > ANSWERS_MAX:
                # It asks and does not read; what it asked is done, and a retry will be told.
                self._end()

        return settle

    def _end(self) -> None:
        """End the connection for both threads; closing alone would wake neither."""
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)

    def _send(self) -> None:
        """Send what is ready in one write; a front end that does not read holds up nobody."""
        try:
            self._send_all()
        except OSError:
            self._end()

    def _send_all(self) -> None:
        while (answer := self._answers.get()) is not None:
            ready = bytearray(frame(answer))
            with contextlib.suppress(queue.Empty):
                while len(ready) < WRITE_BYTES:
                    following = self._answers.get_nowait()
                    if following is None:
                        self._connection.sendall(ready)
                        return
                    ready += frame(following)
            self._connection.sendall(ready)


def _answered(asked_id: int, result: Reply | SubmitFailed) -> Answered:
    if isinstance(result, Reply):
        return Answered(id=asked_id, reply=result)
    fault_id = result.fault_id if isinstance(result, Faulted) else ""
    return Answered(id=asked_id, failed=type(result).__name__, fault_id=fault_id)
