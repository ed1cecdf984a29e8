"""What travels between front ends and writer: commands, who calls, replies. Plain values only."""

import datetime as dt
from typing import Any, ClassVar, Final, Literal, Protocol, TypeVar

import msgspec

from service.kernel.errors import FieldError, Problem

Lane = Literal["now", "later"]
Mode = Literal["live", "sandbox"]
AnyStruct = TypeVar("AnyStruct", bound=msgspec.Struct)

# What belongs to no merchant (staff, keys of ours, start and stop) is owned by the house.
HOUSE: Final = "house"


class Command(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request to change state; rooms subclass it in the imperative in their contract.py.

    Attributes:
        gives: Type of the reply's body when it is accepted.
    """

    gives: ClassVar[type[msgspec.Struct]]


class Idempotency(msgspec.Struct, frozen=True):
    """What makes a repeated request the same request.

    Attributes:
        owner: Merchant and mode, staff member, or a client secret's object.
        route: Method and path template.
        key_hash: Keyed hash of the Idempotency-Key, 32 bytes.
        fingerprint: Keyed hash of the request, 32 bytes.
    """

    owner: str
    route: str
    key_hash: bytes
    fingerprint: bytes


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """Who calls, for whom, and from where; comes from the credential, never from a body.

    Attributes:
        principal: Id of the key, staff member, timer or command line that acts.
        tenant_id: Owner of the rows; HOUSE for the house's own.
        merchant_id: The merchant who calls; HOUSE for the house itself.
        mode: Live or sandbox.
        origin: Address the request came from, or the name of the process.
        request_id: Id of the request, for the log.
        idempotency: None where a command is idempotent by itself (timers).
    """

    principal: str
    tenant_id: str
    merchant_id: str
    mode: Mode
    origin: str
    request_id: str
    idempotency: Idempotency | None = None


class Receipt(msgspec.Struct, frozen=True):
    """Where an entry stands in the log.

    Attributes:
        leaf: RFC 9162 leaf hash of the entry's bytes, `sha256:` and 64 hex digits.
        log: Name of the log; one a shard.
        index: Place of the leaf, from 0.
    """

    leaf: str
    log: str
    index: int


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the writer answers once the commit has happened.

    Attributes:
        kind: Whether the handler accepted or refused.
        body: msgpack of the command's reply; empty when refused.
        problem: Which refusal it is.
        fields: Public members of the refusal.
        errors: What was wrong, by place.
        receipts: One for each entry of this command, in their order.
        batch: Number of the batch that committed it.
        now: The writer's clock for that batch.
        replayed: An earlier reply to the same idempotency key, not a new effect.
    """

    kind: Literal["accepted", "refused"]
    body: bytes = b""
    problem: Problem | None = None
    fields: dict[str, Any] = {}
    errors: tuple[FieldError, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    batch: int
    now: dt.datetime
    replayed: bool = False

    def read(self, kind: type[AnyStruct]) -> AnyStruct:
        """Return the body of an accepted reply.

        Raises:
            msgspec.ValidationError: The body is not of that type.
        """
        return msgspec.msgpack.decode(self.body, type=kind)


class Submit(Protocol):
    """The one interface through which front ends, worker and command line reach the writer."""

    def __call__(
        self, command: Command, *, call: Call, deadline_ns: int, lane: Lane = "now"
    ) -> Reply:
        """Return the reply once the command's effect is committed.

        Args:
            command: What to do.
            call: Who asks, and for whom.
            deadline_ns: Monotonic nanoseconds after which the command is not to be run.
            lane: `now` for what somebody waits for, `later` for bulk.

        Raises:
            service.kernel.errors.Overloaded: It was not taken; nothing happened.
            service.kernel.errors.ResultUnknown: The wait ended first.
            service.kernel.errors.Faulted: It met a fault and left no effect.
        """
        ...
