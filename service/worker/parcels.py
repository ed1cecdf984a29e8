"""What is delivered to receivers, and what came of it. Plain values; knows no room, no socket."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final, Literal, NamedTuple

from service.unit_of_work.commands import Call
from service.worker.due import Due

Cause = Literal[
    "ok",
    "refused_address",
    "timeout",
    "tls",
    "connect",
    "reset",
    "redirect",
    "status",
    "too_large",
    "gone",
]

# What may be in memory: waiting, under way, or not yet reported.
PARCELS_MAX: Final = 4_096
# What one receiver may have waiting in the worker; the rest of its rows wait in the store.
WAITING_PER_RECEIVER: Final = 64


class Parcel(NamedTuple):
    """One attempt to bring one message to one receiver.

    Attributes:
        delivery_id: The delivery's row; also what makes two parcels the same one.
        receiver: The endpoint's id; parcels of one receiver share one queue.
        url: Where it goes, as the endpoint has it; checked again before each connection.
        sign: Takes the unix seconds of sending and returns the headers that are the room's
            (content type, webhook-id, webhook-timestamp, webhook-signature). Called once for each
            time that it is sent, in the worker's loop, so it must not block.
        body: The bytes that were signed for; sent as they are.
        attempt: Which attempt this is, from 1; the row's guard.
        call: In whose name its outcome is reported.
        sandbox: Whether the endpoint belongs to a sandbox; only such a one may be at an internal
            address, and only where the settings allow it.
    """

    delivery_id: str
    receiver: str
    url: str
    sign: Callable[[int], Mapping[str, str]]
    body: bytes
    attempt: int
    call: Call
    sandbox: bool


class Outcome(NamedTuple):
    """What came of a parcel. Holds nothing that the receiver sent but a status.

    Attributes:
        parcel: What was sent.
        delivered: Whether the receiver answered 2xx.
        status: The HTTP status, or None where there was none.
        cause: `ok`: 2xx. `refused_address`: the URL, or an address its host resolves to, is not
            for deliveries; nothing was connected. `timeout`: the time for all of it was over.
            `tls`: no handshake, or not the host's certificate. `connect`: no such host, or it
            takes no connection. `reset`: the connection ended before an answer, or the answer was
            not HTTP. `redirect`: 3xx, never followed. `gone`: 410. `status`: any other status.
            `too_large`: the head of the answer is over its limit.
        latency_ms: From the first step, resolving, to the end.
        retry_after_s: What the receiver asked for with Retry-After in seconds, 0 to 86,400.
    """

    parcel: Parcel
    delivered: bool
    status: int | None
    cause: Cause
    latency_ms: int
    retry_after_s: int | None = None

    @property
    def delivery_id(self) -> str:
        """The delivery's row."""
        return self.parcel.delivery_id

    @property
    def attempt(self) -> int:
        """Which attempt this was."""
        return self.parcel.attempt


# Says of a receiver how many of its rows may be read; none where it is 0.
Room = Callable[[str], int]

# Returns parcels that are due at the instant, oldest first for each receiver: at most so many as
# there is room for, and in all little more than PARCELS_MAX. Rows that are under way are due
# still; the worker knows them by their id and leaves them out. Raises StoreUnavailable.
Source = Callable[[dt.datetime, Room], Sequence[Parcel]]

# Turns outcomes into commands. A command is submitted until the writer has answered, so one that
# comes twice must change nothing the second time.
Settle = Callable[[Sequence[Outcome]], Sequence[Due]]
