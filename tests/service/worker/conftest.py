"""What sends in tests: the real client, with a resolver and a connector of the test's own."""

import asyncio
import socket
import ssl
from collections.abc import Callable, Sequence

import pytest

from service.kernel.clock import SystemClock
from service.worker.connections import tcp_connect, tls_context
from service.worker.lookups import Lookups, system_addresses
from service.worker.parcels import Outcome, Parcel
from service.worker.post import Kept, Limits, Post
from tests.support.uow import a_call

QUICK = Limits(total=0.4, connect=0.3, drain=0.1)


def a_parcel(url: str, **values: object) -> Parcel:
    parcel = Parcel(
        delivery_id="dlv_1",
        receiver="whe_1",
        url=url,
        sign=lambda now: {"Content-Type": "application/json", "webhook-timestamp": str(now)},
        body=b'{"a":1}',
        attempt=1,
        call=a_call(),
        sandbox=True,
    )
    return parcel._replace(**values)


class Wire:
    """Stands for the network: names have the addresses that are set; all lead to one port."""

    def __init__(self) -> None:
        self.addresses: list[Sequence[str]] = [("1.1.1.1",)]
        self.port = 0
        self.asked: list[str] = []
        self.connected: list[str] = []

    def resolve(self, host: str, _port: int) -> Sequence[str]:
        """Give each answer once, and the last for ever."""
        self.asked.append(host)
        return self.addresses.pop(0) if len(self.addresses) > 1 else self.addresses[0]

    async def connect(self, address: str, _port: int) -> socket.socket:
        self.connected.append(address)
        return await tcp_connect("127.0.0.1", self.port)


class Sender:
    """Sends parcels one after the other, over connections that it keeps, as the worker does."""

    def __init__(self) -> None:
        self.wire: Wire | None = None
        self.tls: ssl.SSLContext | None = None
        self.limits = QUICK
        self.allows_internal = True
        self.resolve: Callable[[str, int], Sequence[str]] = system_addresses

    def post(self) -> Post:
        wire = self.wire
        return Post(
            lookups=Lookups(wire.resolve if wire else self.resolve),
            connect=wire.connect if wire else tcp_connect,
            tls=self.tls or tls_context(),
            clock=SystemClock(),
            allows_internal=self.allows_internal,
            limits=self.limits,
        )

    def send(self, *parcels: Parcel) -> list[Outcome]:
        async def run() -> list[Outcome]:
            post, kept = self.post(), Kept()
            try:
                return [await post.send(parcel, kept) for parcel in parcels]
            finally:
                kept.drop()
                await asyncio.sleep(0)

        return asyncio.run(run())


@pytest.fixture
def sender() -> Sender:
    return Sender()
