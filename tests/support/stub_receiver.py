"""Receivers of webhooks on loopback: real sockets that answer, hang, drip, flood or break."""

import contextlib
import datetime as dt
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_RESET = struct.pack("ii", 1, 0)

# Takes a connection and the bytes of each request; what it returns is sent.
Act = Callable[["Line"], None]


class Line:
    """One connection that was accepted."""

    def __init__(self, connection: socket.socket, receiver: "StubReceiver") -> None:
        self.connection = connection
        self._receiver = receiver
        self._rest = b""

    def request(self) -> bytes | None:
        """Return the next whole request, or None at the end."""
        data = self._rest
        while b"\r\n\r\n" not in data:
            more = self.connection.recv(65_536)
            if not more:
                return None
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        [length] = [
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        ]
        while len(rest) < length:
            rest += self.connection.recv(65_536)
        self._rest = rest[length:]
        whole = head + b"\r\n\r\n" + rest[:length]
        self._receiver.requests.append(whole)
        self._receiver.times.append(time.perf_counter())
        return whole

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def wait_for_the_end(self) -> None:
        """Keep the connection until the other side ends it, or the receiver is closed."""
        self._receiver.closing.wait()

    def reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()


def answers(answer: bytes = OK, *, after_s: float = 0.0) -> Act:
    """Answer each request of a connection alike."""

    def act(line: Line) -> None:
        while line.request() is not None:
            time.sleep(after_s)
            line.send(answer)

    return act


def status(code: int, *headers: str) -> Act:
    lines = "".join(f"{one}\r\n" for one in headers)
    return answers(f"HTTP/1.1 {code} Text\r\n{lines}Content-Length: 0\r\n\r\n".encode())


def hangs_at_once(line: Line) -> None:
    """Say nothing, read nothing."""
    line.wait_for_the_end()


def hangs_after_the_request(line: Line) -> None:
    line.request()
    line.wait_for_the_end()


def hangs_in_the_head(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\nX-")
    line.wait_for_the_end()


def hangs_in_the_body(line: Line) -> None:
    line.request()
    line.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
    line.wait_for_the_end()


def drips(line: Line) -> None:
    """Send a byte of a head now and then, so that no single wait is long."""
    line.request()
    with contextlib.suppress(OSError):
        for byte in b"HTTP/1.1 200 OK\r\nX-Long: " + b"a" * 10_000:
            line.send(bytes([byte]))
            if line._receiver.closing.wait(0.02):
                return


def resets(line: Line) -> None:
    line.request()
    line.reset()


def resets_at_once(line: Line) -> None:
    line.reset()


def ends_at_once(_line: Line) -> None:
    pass


def closes(line: Line) -> None:
    line.request()


class Flood:
    """Answers with a body, or a head, of this many bytes; counts what could be sent."""

    def __init__(self, size: int, *, in_head: bool = False) -> None:
        self.size = size
        self.in_head = in_head
        self.sent = 0
        self.ended = threading.Event()

    def __call__(self, line: Line) -> None:
        line.request()
        line.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 16_384)
        end = b"X-Long: " if self.in_head else f"Content-Length: {self.size}\r\n\r\n".encode()
        with contextlib.suppress(OSError):
            line.send(b"HTTP/1.1 200 OK\r\n" + end)
            while self.sent < self.size:
                line.send(b"a" * 8_192)
                self.sent += 8_192
        self.ended.set()


class StubReceiver:
    """Listens on a loopback port until closed; each connection has a thread."""

    def __init__(self, act: Act | None = None, *, tls: ssl.SSLContext | None = None) -> None:
        self.act = act or answers()
        self.tls = tls
        self.closing = threading.Event()
        self.connections = 0
        self.requests: list[bytes] = []
        self.times: list[float] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.closing.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)

    def bodies(self) -> list[bytes]:
        return [request.partition(b"\r\n\r\n")[2] for request in self.requests]

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            self.act(Line(connection, self))
        with contextlib.suppress(OSError):
            connection.close()


class Authority:
    """A certificate authority of a test, and what it signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
        self.certificate = self._sign(self._name, self._key.public_key(), None)

    def client(self) -> ssl.SSLContext:
        """Return a context that trusts this authority alone."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pem = self.certificate.public_bytes(serialization.Encoding.PEM)
        context.load_verify_locations(cadata=pem.decode())
        return context

    def server(self, host: str, *, days: tuple[int, int] = (-1, 1)) -> ssl.SSLContext:
        """Return a server's context with a certificate for a name."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._sign(name, key.public_key(), host, days)
        file = self._folder / f"{host}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + made.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _sign(
        self,
        name: x509.Name,
        key: ec.EllipticCurvePublicKey,
        host: str | None,
        days: tuple[int, int] = (-1, 1),
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + dt.timedelta(days=days[0] - 1))
            .not_valid_after(now + dt.timedelta(days=days[1]))
            .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        )
        if host is not None:
            names = x509.SubjectAlternativeName([x509.DNSName(host)])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self._key, hashes.SHA256())


@contextlib.contextmanager
def nobody() -> Iterator[int]:
    """Yield a loopback port at which nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
