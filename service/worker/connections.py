"""One HTTP/1.1 connection to a receiver: opened to exactly the addresses that were checked.

Knows no proxy, follows nothing, reads no more of an answer than its limits.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple, Protocol

from service.kernel.addresses import Target

ANSWER_BYTES_MAX: Final = 64 * 1024
HEAD_BYTES_MAX: Final = 16 * 1024
# Answers before the answer, such as 103; more of them is a receiver that plays.
INTERIM_MAX: Final = 4
# The kernel takes no more than this off the wire while we do not read.
RECEIVE_BUFFER: Final = 32 * 1024
SHUTDOWN_S: Final = 0.5
OK: Final = range(200, 300)
# More digits are over every limit, and int() reads only so many.
LENGTH_DIGITS_MAX: Final = 9
# We asked for no other protocol.
SWITCHING: Final = 101

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: [^\r\n]*)?")
_NO_BODY: Final = frozenset({204, 304})
_BLANK: Final = b"\r\n\r\n"


class Connect(Protocol):
    """Opens a TCP connection; the one place where a socket is connected."""

    async def __call__(self, address: str, port: int) -> socket.socket:
        """Return a connected, non-blocking socket.

        Raises:
            OSError: It cannot be connected.
        """
        ...


class NotHTTP(Exception):  # noqa: N818  says what was found
    """What came is no answer of HTTP/1.1."""


class TooLarge(Exception):  # noqa: N818  the same
    """The head of the answer is over its limit."""


class Answer(NamedTuple):
    """The head of an answer.

    Attributes:
        status: 200 to 599.
        headers: Names in lower case; of a name that came twice, both values with a comma.
        is_last: The receiver will close, or the body cannot be skipped safely.
    """

    status: int
    headers: Mapping[str, str]
    is_last: bool


async def tcp_connect(address: str, port: int) -> socket.socket:
    """Connect to an address given as text; see `Connect`. Resolves nothing."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0.0)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def tls_context() -> ssl.SSLContext:
    """Return what receivers' certificates are checked with: the system's authorities."""
    # Not create_default_context(): that also writes session keys to SSLKEYLOGFILE.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connection:
    """An open connection; answers are read in the order of requests, one at a time."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, opened_ns: int
    ) -> None:
        self._reader = reader
        self._writer = writer
        self.opened_ns = opened_ns
        self.sent = 0
        self.is_open = True

    async def post(self, target: Target, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send one request and return the head of its answer.

        Raises:
            OSError: The connection ended.
            NotHTTP: Something else came, or nothing.
            TooLarge: The head is over its limit.
        """
        self.sent += 1
        lines = [f"POST {target.path} HTTP/1.1", f"Host: {target.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._writer.write("\r\n".join(lines).encode("ascii") + body)
        await self._writer.drain()
        for _ in range(INTERIM_MAX):
            answer = read_head(await self._head())
            if answer.status >= OK.start:
                return answer
            if answer.status == SWITCHING:
                break
        raise NotHTTP

    async def drain(self, answer: Answer, *, limit_s: float) -> None:
        """Read the body, so that the connection can be used again; else drop the connection."""
        is_read = False
        try:
            length = body_length(answer)
            if length is not None:
                async with asyncio.timeout(limit_s):
                    await self._reader.readexactly(length)
                is_read = True
        except (OSError, EOFError, ValueError, RuntimeError):
            # All that a stream raises; the head was read and counts, whatever follows it.
            pass
        finally:
            if not is_read:
                self.drop()

    @property
    def is_usable(self) -> bool:
        """Whether another request may be sent."""
        return self.is_open and not (self._writer.is_closing() or self._reader.at_eof())

    def drop(self) -> None:
        """End the connection at once."""
        self.is_open = False
        with contextlib.suppress(OSError):
            self._writer.transport.abort()

    async def _head(self) -> bytes:
        try:
            return await self._reader.readuntil(_BLANK)
        except asyncio.IncompleteReadError as error:
            raise NotHTTP from error
        except asyncio.LimitOverrunError as error:
            raise TooLarge from error


async def over(
    raw: socket.socket, target: Target, tls: ssl.SSLContext | None, *, now_ns: int
) -> Connection:
    """Return the connection over a connected socket, with TLS where a context is given.

    Args:
        raw: Leads to the target; is closed if this fails.
        target: The name in its certificate, and what is asked for (SNI).
        tls: What the certificate is checked with.
        now_ns: Monotonic nanoseconds.

    Raises:
        OSError: No handshake, not the host's certificate (ssl.SSLError), or the connection ended.
    """
    try:
        reader, writer = await asyncio.open_connection(
            sock=raw,
            limit=HEAD_BYTES_MAX,
            ssl=tls,
            server_hostname=target.host if tls else None,
            ssl_shutdown_timeout=SHUTDOWN_S if tls else None,
        )
    except BaseException:
        raw.close()
        raise
    return Connection(reader, writer, opened_ns=now_ns)


def body_length(answer: Answer) -> int | None:
    """Return how long an answer's body is, None if it is not worth reading or not known."""
    if answer.is_last:
        return None
    text = "0" if answer.status in _NO_BODY else answer.headers.get("content-length", "")
    if not (text.isdecimal() and len(text) <= LENGTH_DIGITS_MAX):
        return None
    length = int(text)
    return length if length <= ANSWER_BYTES_MAX else None


def read_head(head: bytes) -> Answer:
    """Return what the head of an answer says.

    Raises:
        NotHTTP: It is none of HTTP/1.0 or 1.1.
    """
    first, *lines = head.removesuffix(_BLANK).split(b"\r\n")
    status = _STATUS.fullmatch(first)
    if status is None:
        raise NotHTTP
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.decode("latin-1").partition(":")
        if colon:
            key = name.strip().lower()
            text = value.strip()
            headers[key] = f"{headers[key]}, {text}" if key in headers else text
    is_last = (
        status[1] == b"0"
        or "transfer-encoding" in headers
        or "close" in headers.get("connection", "").lower()
    )
    return Answer(status=int(status[2]), headers=headers, is_last=is_last)
