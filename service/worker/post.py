"""Sends one parcel over HTTP and says what came of it. Never logs, never keeps an answer."""

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple

from service.kernel.addresses import AddressRefused, Target, check_addresses, read_url
from service.kernel.clock import Clock
from service.worker.connections import (
    OK,
    Answer,
    Connect,
    Connection,
    NotHTTP,
    TooLarge,
    over,
)
from service.worker.lookups import Lookups
from service.worker.parcels import Cause, Outcome, Parcel

# Of all the addresses of a host that were checked, so many are tried.
TRIED_MAX: Final = 3
# A connection ends after so many requests or so long, so that a host that moves is followed.
REQUESTS_MAX: Final = 200
LIFE_NS: Final = 60_000_000_000
RETRY_AFTER_MAX_S: Final = 86_400
USER_AGENT: Final = "Payguard-Webhooks/1"
GONE: Final = 410
REDIRECTS: Final = range(300, 400)
_RETRY_AFTER_DIGITS: Final = 9
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+: [ -~]*")


class Limits(NamedTuple):
    """How long a parcel may take, in seconds.

    Attributes:
        total: For everything: resolving, connecting, TLS, sending, the answer.
        connect: For one address of a host that has several.
        drain: For the body, which is only read to use the connection again.
    """

    total: float = 10.0
    connect: float = 4.0
    drain: float = 1.0


USUAL: Final = Limits()


class _Failed(Exception):  # noqa: N818  carries the cause
    def __init__(self, cause: Cause) -> None:
        super().__init__(cause)
        self.cause: Cause = cause


class _Reached(NamedTuple):
    target: Target
    connection: Connection
    answer: Answer


class Kept:
    """The one connection that is kept for a receiver between parcels."""

    def __init__(self) -> None:
        self._held: tuple[Target, Connection] | None = None

    def take(self, target: Target, *, now_ns: int) -> Connection | None:
        """Return the connection if it leads there and may be used once more."""
        if self._held is None:
            return None
        place, connection = self._held
        self._held = None
        is_same = place[:3] == target[:3]
        is_young = now_ns - connection.opened_ns < LIFE_NS and connection.sent < REQUESTS_MAX
        if is_same and is_young and connection.is_usable:
            return connection
        connection.drop()
        return None

    def keep(self, target: Target, connection: Connection) -> None:
        """Hold a connection until the next parcel, unless it ended."""
        self.drop()
        if not connection.is_usable:
            connection.drop()
            return
        self._held = (target, connection)

    def drop(self) -> None:
        """End the connection, if there is one."""
        if self._held is not None:
            self._held[1].drop()
            self._held = None


class Post:
    """The way to receivers.

    Args:
        lookups: Finds the addresses of a host.
        connect: Connects to one address.
        tls: Checks certificates.
        clock: Tells the time that is signed.
        allows_internal: Whether parcels of a sandbox may go to internal addresses; never those of
            live endpoints.
        limits: How long a parcel may take.
    """

    def __init__(
        self,
        *,
        lookups: Lookups,
        connect: Connect,
        tls: ssl.SSLContext,
        clock: Clock,
        allows_internal: bool,
        limits: Limits = USUAL,
    ) -> None:
        self._lookups = lookups
        self._connect = connect
        self._tls = tls
        self._clock = clock
        self._allows_internal = allows_internal
        self._limits = limits

    async def send(self, parcel: Parcel, kept: Kept) -> Outcome:
        """Send a parcel once and return what came of it, within the limit of time.

        Args:
            parcel: What to send.
            kept: Its sender's connection; one parcel at a time.
        """
        start_ns = self._clock.monotonic_ns()
        reached: _Reached | None = None
        try:
            async with asyncio.timeout(self._limits.total):
                reached = await self._reach(parcel, kept)
            cause = cause_of(reached.answer.status)
        except _Failed as failed:
            cause = failed.cause
        except TimeoutError:
            cause = "timeout"
        passed_ns = self._clock.monotonic_ns() - start_ns
        if reached is not None:
            # What the receiver decided stands in the head; its body cannot undo it.
            left_s = max(self._limits.total - passed_ns / 1e9, 0.0)
            await reached.connection.drain(reached.answer, limit_s=min(self._limits.drain, left_s))
            kept.keep(reached.target, reached.connection)
        return Outcome(
            parcel=parcel,
            delivered=cause == "ok",
            status=reached.answer.status if reached else None,
            cause=cause,
            latency_ms=passed_ns // 1_000_000,
            retry_after_s=retry_after(reached.answer.headers) if reached else None,
        )

    async def _reach(self, parcel: Parcel, kept: Kept) -> "_Reached":
        is_internal = self._allows_internal and parcel.sandbox
        try:
            target = read_url(parcel.url, is_internal=is_internal)
        except AddressRefused:
            raise _Failed("refused_address") from None
        if connection := kept.take(target, now_ns=self._clock.monotonic_ns()):
            try:
                return await self._exchange(connection, target, parcel)
            except _Failed as failed:
                # A receiver may close a connection that idles just as we use it; the same id sent
                # again is the same message to it.
                if failed.cause != "reset":
                    raise
        fresh = await self._open(target, is_internal=is_internal)
        return await self._exchange(fresh, target, parcel)

    async def _open(self, target: Target, *, is_internal: bool) -> Connection:
        try:
            addresses = await self._lookups.find(target.host, target.port)
            check_addresses(addresses, is_internal=is_internal)
        except AddressRefused:
            raise _Failed("refused_address") from None
        except OSError as error:
            raise _Failed("connect") from error
        last = _Failed("connect")
        for address in addresses[:TRIED_MAX]:
            try:
                return await self._open_one(address, target)
            except _Failed as failed:
                last = failed
        raise last

    async def _open_one(self, address: str, target: Target) -> Connection:
        """Connect to exactly the address that was checked; nothing is resolved again."""
        try:
            async with asyncio.timeout(self._limits.connect):
                raw = await self._connect(address, target.port)
        except TimeoutError as error:
            raise _Failed("timeout") from error
        except OSError as error:
            raise _Failed("connect") from error
        tls = self._tls if target.is_secure else None
        try:
            return await over(raw, target, tls, now_ns=self._clock.monotonic_ns())
        except OSError as error:
            raise _Failed("tls" if tls else "reset") from error

    async def _exchange(self, connection: Connection, target: Target, parcel: Parcel) -> "_Reached":
        answer: Answer | None = None
        try:
            headers = {"User-Agent": USER_AGENT, "Accept": "*/*"}
            headers.update(parcel.sign(int(self._clock.now().timestamp())))
            check_headers(headers)
            answer = await connection.post(target, headers, parcel.body)
        except TooLarge as error:
            raise _Failed("too_large") from error
        except ssl.SSLError as error:
            # With TLS 1.3 a receiver that wants our certificate says so after the handshake.
            raise _Failed("tls") from error
        except TimeoutError as error:
            raise _Failed("timeout") from error
        except (OSError, NotHTTP) as error:
            raise _Failed("reset") from error
        finally:
            if answer is None:
                connection.drop()
        return _Reached(target, connection, answer)


def cause_of(status: int) -> Cause:
    """Return what a status means for a delivery."""
    if status in OK:
        return "ok"
    if status in REDIRECTS:
        return "redirect"
    return "gone" if status == GONE else "status"


def retry_after(headers: Mapping[str, str]) -> int | None:
    """Return Retry-After in seconds, at most a day; None for a date, which is a clock's word."""
    text = headers.get("retry-after", "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _RETRY_AFTER_DIGITS):
        return None
    return min(int(text), RETRY_AFTER_MAX_S)


def check_headers(headers: Mapping[str, str]) -> None:
    """Believe that our own headers are lines of text: nothing in them ends a line."""
    for name, value in headers.items():
        assert _HEADER.fullmatch(f"{name}: {value}"), "a header of ours is no line of text"
