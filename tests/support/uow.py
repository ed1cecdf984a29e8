"""A real unit of work on a store of the test's own: what rooms' handlers are tested with."""

import datetime as dt
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import override

from keys.entropy import CountingEntropy
from keys.sealing import Sealer
from service.db.metadata import METADATA
from service.db.places import Place
from service.db.statements import Bound, Row
from service.db.store import Store
from service.db.stores import open_reader, open_spanning_reader, open_store
from service.kernel.clock import FrozenClock
from service.kernel.errors import Overloaded
from service.state.cache import EntityCache, State, StateCodec
from service.state.entities import EntityKey
from service.unit_of_work import tables
from service.unit_of_work.batch import Ticket
from service.unit_of_work.commands import HOUSE, Call, Command, Idempotency, Mode, Reply
from service.unit_of_work.fence import WriterClock
from service.unit_of_work.handlers import Handler, Handlers, View
from service.unit_of_work.ports import BatchObserver, Ports
from service.unit_of_work.run import Result, UnitOfWork
from service.unit_of_work.view import only
from service.writer.fence import MemoryFence, take_over
from tests.support.places import create_tables, rows_of

START: Final = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
SECOND_NS: Final = 1_000_000_000


class Tally(State):
    """The simplest feature state: how many, and how much."""

    def __init__(self, count: int = 0, amount_minor: int = 0) -> None:
        self.count = count
        self.amount_minor = amount_minor

    @override
    def add(
        self,
        at: Any,
        amount_minor: int,
        currency: str,
        is_declined: bool | None = None,
        others: Mapping[str, str] = MappingProxyType({}),
        *,
        ratio_milli: int | None = None,
    ) -> None:
        self.count += 1
        self.amount_minor += amount_minor

    @override
    def copy(self) -> "Tally":
        return Tally(self.count, self.amount_minor)

    @override
    def pack(self) -> bytes:
        return json.dumps([self.count, self.amount_minor]).encode()

    @property
    @override
    def size_bytes(self) -> int:
        return 16


class TallyCodec(StateCodec):
    feature_set = "tally"

    @override
    def new(self, kind: str) -> Tally:
        return Tally()

    @override
    def unpack(self, kind: str, packed: bytes) -> Tally:
        return Tally(*json.loads(packed))


class StoreView(View):
    """Reads as it likes, at once: to try what a room's public functions make of rows."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @override
    def rows(self, read: Bound) -> list[Row]:
        [rows] = self._store.fetch([read])
        return rows

    @override
    def maybe(self, read: Bound) -> Row | None:
        return only(read, self.rows(read))

    @override
    def entity(self, key: EntityKey) -> Any:
        raise AssertionError("no feature state outside of a batch")


class House:
    """A store with all tables that were imported, and a writer that runs when it is told to.

    Attributes:
        clock: Moves only by `advance` and `step`.
        reader: A front end's way to read the same store.
        spanning: The worker's, over all tenants.
        left_ns: What is left of each command's deadline when its turn comes.
    """

    left_ns = SECOND_NS

    def __init__(
        self, place: Place, handlers: Iterable[Handler], *, codec: StateCodec | None = None
    ) -> None:
        self.place = place
        create_tables(place)
        self.clock = FrozenClock(START)
        self.store = open_store(place)
        self.reader = open_reader(place)
        self.spanning = open_spanning_reader(place)
        self.sealer = Sealer(bytes(32))
        row = take_over(self.store, shard=0, now=self.clock.now())
        self.cache = EntityCache(codec or TallyCodec(), bytes_max=10_000_000)
        self._entropy = CountingEntropy()
        self.unit = UnitOfWork(
            Handlers(handlers),
            Ports(
                store=self.store,
                fence=MemoryFence(row),
                clock=WriterClock(self.clock, last=row["now"]),
                cache=self.cache,
                sealer=self.sealer,
                random=self._entropy,
                observer=BatchObserver(),
            ),
            sequence=row["sequence"],
        )

    def view(self) -> StoreView:
        """Return what the store's rows are now, as a handler would see them."""
        return StoreView(self.store)

    def run(self, command: Command, call: Call) -> Reply:
        """Run one command as a batch of its own; raise in what way there is no reply."""
        [result] = self.run_batch([(command, call)])
        if isinstance(result, Exception):
            raise result
        return result

    def accept(self, command: Command, call: Call) -> Any:
        """Return the body of a command's reply, which must be an acceptance."""
        reply = self._reply(command, call)
        assert reply.kind == "accepted", reply
        return reply.read(command.gives)

    def refuse(self, command: Command, call: Call) -> str:
        """Return the code of a command's refusal, which it must be."""
        reply = self._reply(command, call)
        assert reply.problem is not None, reply
        return reply.problem.code

    def _reply(self, command: Command, call: Call) -> Reply:
        """Run a command, once more where the store gave up waiting: nothing had happened."""
        try:
            return self.run(command, call)
        except Overloaded:
            # A machine that stands still for two seconds is not what any test is about.
            return self.run(command, call)

    def run_batch(self, commands: Sequence[tuple[Command, Call]]) -> list[Result]:
        """Run commands as one batch; they must share no key."""
        tickets = [
            Ticket(
                command=command,
                call=call,
                deadline_ns=self.clock.monotonic_ns() + self.left_ns,
                seed=self._entropy(32),
            )
            for command, call in commands
        ]
        return self.unit.run_batch(tickets)

    def rows(self, table: sa.Table) -> list[Row]:
        """Return every row of a table in the order of its primary key."""
        return rows_of(self.place, table)

    def entries(self, kind: str | None = None) -> list[dict[str, Any]]:
        """Return the log's entries as they were written, in its order; of one kind, if named."""
        rows = sorted(self.rows(tables.ENTRIES), key=lambda row: row["position"])
        bodies = [json.loads(row["body"]) for row in rows]
        return [one for one in bodies if kind is None or one["kind"] == kind]

    def kinds(self) -> list[str]:
        """Return the kinds of the log's entries in their order."""
        return [one["kind"] for one in self.entries()]

    def dump(self) -> dict[str, list[Row]]:
        """Return every row of every table that no commit numbers: what rooms own."""
        numbered = {one.name for one in (tables.WRITER, tables.ENTRIES, tables.ENTRY_NUMBERS)}
        return {
            table.name: self.rows(table)
            for table in METADATA.sorted_tables
            if table.name not in numbered
        }

    def close(self) -> None:
        self.store.close()


def a_call(
    *,
    tenant_id: str = "ten_1",
    merchant_id: str = "mer_1",
    mode: Mode = "live",
    principal: str = "key_1",
    idempotency: Idempotency | None = None,
    request_id: str = "req_1",
) -> Call:
    """Return a call by a merchant's key."""
    return Call(
        principal=principal,
        tenant_id=tenant_id,
        merchant_id=merchant_id,
        mode=mode,
        origin="203.0.113.7",
        request_id=request_id,
        idempotency=idempotency,
    )


def a_house_call(principal: str = "cli") -> Call:
    """Return a call by the house itself, as the command line makes it."""
    return Call(
        principal=principal,
        tenant_id=HOUSE,
        merchant_id=HOUSE,
        mode="live",
        origin="cli",
        request_id="req_1",
    )


def an_idempotency(key: str = "k-1", *, body: str = "{}", owner: str = "mer_1:live") -> Idempotency:
    """Return what the door makes of an Idempotency-Key and a body, hashed plainly."""
    return Idempotency(
        owner=owner,
        route="POST /v1/test",
        key_hash=key.encode().ljust(32, b"\0"),
        fingerprint=body.encode().ljust(32, b"\0")[:32],
    )


def texts_in(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return everything that rows hold as one text, to look for what must not be there."""
    values = itertools.chain.from_iterable(row.values() for row in rows)
    return "\n".join(
        one.decode("latin-1") if isinstance(one, bytes) else str(one) for one in values
    )
