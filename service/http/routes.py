"""The route table: one entry says all there is to say of an operation. Runs nothing by itself."""

import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, Literal, TypeAlias

import msgspec

from service.http.ports import Ports, Principal
from service.http.problems import NOT_FOUND, Language
from service.kernel.errors import Problem, Refusal
from service.unit_of_work.commands import Call, Idempotency, Reply

Method = Literal["get", "post", "put", "patch", "delete"]

BATCH_HEADER: Final = "Payguard-Batch"
REPLAYED_HEADER: Final = "Idempotent-Replayed"

_PARAMETER: Final = re.compile(r"\{([a-z_]+)\}")
_STATUS_NOT_FOUND: Final = 404


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request that passed the door.

    Attributes:
        route: The entry of the route table.
        principal: Who calls; None on public routes only.
        path: Path parameters, each of the form of our ids, or a digest.
        query: The route's query Struct, or None.
        body: The route's body Struct, or None.
        language: Language of the answer.
        request_id: Id of this request.
        origin: Address that the request came from.
        deadline_ns: Monotonic nanoseconds by which the answer is due.
        idempotency: What makes a retry the same request; None on reads.
    """

    route: "Route"
    principal: Principal | None
    path: Mapping[str, str]
    query: Any
    body: Any
    language: Language
    request_id: str
    origin: str
    deadline_ns: int
    idempotency: Idempotency | None

    @property
    def caller(self) -> Principal:
        """Return who calls, on a route that has a scope."""
        if self.principal is None:
            raise AssertionError("a public route asked who calls")
        return self.principal

    def call(self) -> Call:
        """Return who calls, for a command."""
        caller = self.caller
        return Call(
            principal=caller.key_id,
            tenant_id=caller.tenant_id,
            merchant_id=caller.merchant_id,
            mode=caller.mode,
            origin=self.origin,
            request_id=self.request_id,
            idempotency=self.idempotency,
        )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a route's function answers.

    Attributes:
        status: HTTP status, one that the route says it gives.
        body: A Struct, or None where there is nothing to say.
        headers: Further headers, such as Link.
        batch: Number of the batch that was committed for it.
        replayed: It repeats the answer to an earlier request with the same idempotency key.
    """

    status: int = 200
    body: msgspec.Struct | None = None
    headers: tuple[tuple[str, str], ...] = ()
    batch: int | None = None
    replayed: bool = False


Run: TypeAlias = Callable[[Request, Ports], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation; the only description there is, for the door, the tests and OpenAPI.

    Attributes:
        method: Lower case.
        path: Template with `{name}` for path parameters.
        name: operationId, snake_case.
        summary: One sentence.
        takes: Body Struct, or None for no body.
        query: Query Struct, or None for no parameters.
        gives: Status and Struct of a good answer.
        refuses: What the room may refuse; its first 404 also answers ids of bad form.
        scope: What a key needs; None makes the route public.
        writes: It submits a command, so it needs an Idempotency-Key.
        takes_cards: Card numbers may stand in the body.
        run: What it does.
    """

    method: Method
    path: str
    _: KW_ONLY
    name: str
    summary: str
    gives: tuple[int, type[msgspec.Struct] | None]
    writes: bool
    run: Run
    takes: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    refuses: tuple[Problem, ...] = ()
    scope: str | None = None
    takes_cards: bool = False

    def __post_init__(self) -> None:
        if self.method == "get" and (self.writes or self.takes):
            raise ValueError(f"{self.name}: a GET neither writes nor takes a body")
        if self.writes and self.scope is None:
            raise ValueError(f"{self.name}: what writes needs a scope")
        if not self.path.startswith("/") or not self.name.isidentifier():
            raise ValueError(f"{self.name}: path or name has the wrong form")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the path parameters."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def unknown(self) -> Problem:
        """Return the 404 for an id that is unknown, not yours, or no id at all."""
        found = (one for one in self.refuses if one.status == _STATUS_NOT_FOUND)
        return next(found, NOT_FOUND)


op: Final = Route
"""How a room's `api.py` writes an entry: `op("post", "/v1/payments", name=...)`."""


def settle(reply: Reply) -> Reply:
    """Return an accepted reply.

    Raises:
        Refusal: The reply is a room's refusal; batch and replay mark go out with it.
    """
    if reply.kind == "accepted":
        return reply
    if reply.problem is None:
        raise AssertionError("a refused reply names its problem")
    headers = {BATCH_HEADER: str(reply.batch)}
    if reply.replayed:
        headers[REPLAYED_HEADER] = "true"
    raise Refusal(reply.problem, fields=reply.fields, errors=reply.errors, headers=headers)


def answer_of(reply: Reply, body: msgspec.Struct | None, *, status: int = 200) -> Answer:
    """Return the answer to a committed command.

    Raises:
        Refusal: The reply is a room's refusal.
    """
    settle(reply)
    return Answer(status=status, body=body, batch=reply.batch, replayed=reply.replayed)
