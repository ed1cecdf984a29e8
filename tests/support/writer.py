"""A writer over the room of jars that runs when it is told to, on a store that outlives it."""

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from typing_extensions import override

from keys.entropy import CountingEntropy
from keys.sealing import Sealer
from service.db.metadata import METADATA
from service.db.places import Place
from service.db.statements import Row
from service.db.stores import open_spanning_reader, open_store
from service.kernel.clock import Clock, FrozenClock
from service.state.entities import ENTITIES, EntityKey, unpack
from service.unit_of_work import tables
from service.unit_of_work.batch import Done, Ticket
from service.unit_of_work.commands import Call, Command, Idempotency
from service.unit_of_work.handlers import Handlers
from service.unit_of_work.ports import BatchObserver
from service.unit_of_work.run import Result
from service.writer.assemble import Parts, Writer, assemble
from tests.support.jars import HANDLERS, NEW_BUDGET, NEW_COUPON, ROOM, Tally, TallyCodec
from tests.support.places import create_tables, rows_of

START: Final = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
FAR_NS: Final = 1 << 62


class Noted(BatchObserver):
    """What the writer was told about."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.faults: list[tuple[str, str, str]] = []
        self.untaken: list[tuple[int, str]] = []

    @override
    def committed(self, *, batch: int, outcomes: Sequence[Done], commit_ns: int) -> None:
        self.sizes.append(len(outcomes))

    @override
    def faulted(self, *, fault_id: str, command: str, cause: str) -> None:
        self.faults.append((fault_id, command, cause))

    @override
    def unavailable(self, *, commands: int, reason: str) -> None:
        self.untaken.append((commands, reason))


class Bench:
    """A writer that runs batches when told to, on a store that outlives it."""

    def __init__(self, place: Place, *handlers: Any, bytes_max: int = 1 << 20) -> None:
        self.place = place
        if not isinstance(place, Path) or not place.exists():
            create_tables(place)
        self.handlers = Handlers([*HANDLERS, *handlers])
        self.clock = FrozenClock(START)
        self.entropy = CountingEntropy()
        self.sealer = Sealer(bytes(range(32)))
        self.observer = Noted()
        self.codec = TallyCodec()
        self.bytes_max = bytes_max
        self.reader = open_spanning_reader(place)
        self.start()

    def start(self) -> Writer:
        """Start as a process that comes back does: from what the store holds."""
        self.store = open_store(self.place)
        self.writer = assemble(self.parts(self.clock))
        return self.writer

    def parts(self, clock: Clock) -> Parts:
        return Parts(
            store=self.store,
            handlers=self.handlers,
            clock=clock,
            random=self.entropy,
            sealer=self.sealer,
            codec=self.codec,
            observer=self.observer,
            queue_length_max=4_096,
            entity_bytes_max=self.bytes_max,
        )

    def kill(self) -> None:
        """Lose all memory, as SIGKILL does."""
        self.store.close()

    def restart(self) -> Writer:
        self.kill()
        return self.start()

    def ticket(self, command: Command, call: Call | None = None, **given: Any) -> Ticket:
        given = {"deadline_ns": FAR_NS, "seed": self.entropy(32), **given}
        return Ticket(command=command, call=call or a_call(), **given)

    def run(self, *commands: Command | tuple[Command, Call] | Ticket) -> list[Result]:
        """Run commands as one batch."""
        return self.writer.work.run_batch([self._as_ticket(one) for one in commands])

    def one(self, command: Command, call: Call | None = None) -> Any:
        [result] = self.run((command, call or a_call()))
        return result

    def rows(self, table: sa.Table) -> list[Row]:
        return rows_of(self.place, table)

    def entries(self) -> list[dict[str, Any]]:
        rows = sorted(self.rows(tables.ENTRIES), key=lambda row: row["position"])
        return [json.loads(row["body"]) for row in rows]

    def kinds(self) -> list[str]:
        return [one["kind"] for one in self.entries()]

    def dump(self) -> dict[str, list[Row]]:
        every = [*METADATA.sorted_tables, *ROOM.sorted_tables]
        return {table.name: self.rows(table) for table in every}

    def seed(self, *, coupons: Sequence[str] = (), budget: int = 1_000) -> None:
        """Write a room's first rows past the unit of work."""
        transaction = self.store.begin()
        transaction.run(
            [
                NEW_BUDGET(name="house", left=budget),
                *(NEW_COUPON(coupon=coupon, spent_at=None) for coupon in coupons),
            ]
        )
        transaction.commit()

    def states(self) -> dict[EntityKey, bytes]:
        """Return what memory and rows together say of every entity that ever was observed."""
        keys = set(self.folded())
        cache = self.writer.cache
        rows = {EntityKey(*(r[n] for n in EntityKey._fields)): r for r in self.rows(ENTITIES)}
        for key in cache.missing(keys):
            cache.load(key, [rows[key]] if key in rows else [])
        states = {key: cache.get(key).pack() for key in keys}
        cache.trim()
        return states

    def folded(self) -> dict[EntityKey, bytes]:
        """Return the fold of every event from the first."""
        states: dict[EntityKey, Tally] = {}
        rows = sorted(self.rows(tables.EVENTS), key=lambda row: (row["sequence"], row["ordinal"]))
        for row in rows:
            for one in unpack(row["observations"]):
                key = EntityKey(row["tenant_id"], row["mode"], one.kind, one.key)
                states.setdefault(key, Tally()).add(one.at, one.amount_minor, one.currency)
        return {key: state.pack() for key, state in states.items()}

    def _as_ticket(self, one: Command | tuple[Command, Call] | Ticket) -> Ticket:
        if isinstance(one, Ticket):
            return one
        return self.ticket(one) if isinstance(one, Command) else self.ticket(*one)


def a_call(*, key: str | None = None, body: str = "{}", **given: Any) -> Call:
    """Return a merchant's call, with an Idempotency-Key if one is given."""
    fields: dict[str, Any] = {
        "principal": "key_1",
        "tenant_id": "ten_1",
        "merchant_id": "mer_1",
        "mode": "live",
        "origin": "203.0.113.7",
        "request_id": "req_1",
        **given,
    }
    owner = f"{fields['merchant_id']}:{fields['mode']}"
    route = fields.pop("route", "POST /jars")
    if key is not None:
        fields["idempotency"] = Idempotency(
            owner=fields.pop("owner", owner),
            route=route,
            key_hash=hashlib.sha256(key.encode()).digest(),
            fingerprint=hashlib.sha256(body.encode()).digest(),
        )
    return Call(**fields)


def until(ready: Callable[[], bool], *, tries: int = 500) -> None:
    """Wait for what another thread or process is about to do."""
    pause = threading.Event()
    for _ in range(tries):
        if ready():
            return
        pause.wait(0.01)
    raise AssertionError("it did not happen in time")
