"""A tiny room with its own tables: what the unit of work and its carriers are tested with."""

import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

import msgspec
import sqlalchemy as sa
from typing_extensions import override

from service.db.metadata import Instant
from service.db.statements import Statement
from service.kernel.clock import FrozenClock
from service.kernel.errors import Problem
from service.state.cache import State, StateCodec
from service.state.entities import EntityKey, Observation
from service.unit_of_work.commands import Call, Command
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Message, Refused

ROOM: Final = sa.MetaData()
JARS: Final = sa.Table(
    "jars",
    ROOM,
    sa.Column("tenant_id", sa.String, primary_key=True),
    sa.Column("jar", sa.String, primary_key=True),
    sa.Column("coins", sa.Integer, nullable=False),
    sa.CheckConstraint("coins <= 1000"),
)
COUPONS: Final = sa.Table(
    "coupons",
    ROOM,
    sa.Column("coupon", sa.String, primary_key=True),
    sa.Column("spent_at", Instant, nullable=True),
)
BUDGETS: Final = sa.Table(
    "budgets",
    ROOM,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("left", sa.Integer, nullable=False),
)

JAR: Final = Statement(
    sa.select(JARS).where(
        JARS.c.tenant_id == sa.bindparam("tenant_id"), JARS.c.jar == sa.bindparam("jar")
    ),
    name="jar",
)
ADD_COINS: Final = Statement(
    sa.text(
        "INSERT INTO jars (tenant_id, jar, coins) VALUES (:tenant_id, :jar, :coins)"
        " ON CONFLICT (tenant_id, jar) DO UPDATE SET coins = jars.coins + excluded.coins"
    ),
    rows=1,
    name="add coins",
)
NEW_COUPON: Final = Statement(sa.insert(COUPONS), rows=1, name="new coupon")
SPEND_COUPON: Final = Statement(
    sa.update(COUPONS)
    .where(COUPONS.c.coupon == sa.bindparam("of"), COUPONS.c.spent_at.is_(None))
    .values(spent_at=sa.bindparam("at")),
    rows=1,
    name="spend coupon",
)
NEW_BUDGET: Final = Statement(sa.insert(BUDGETS), rows=1, name="new budget")
TAKE_BUDGET: Final = Statement(
    sa.update(BUDGETS)
    .where(BUDGETS.c.name == sa.bindparam("of"), BUDGETS.c.left >= sa.bindparam("amount"))
    .values(left=BUDGETS.c.left - sa.bindparam("amount")),
    rows=1,
    name="take from budget",
)

SPENT: Final = Problem("coupon_spent", 409)
EXHAUSTED: Final = Problem("budget_exhausted", 409)


class Held(msgspec.Struct, frozen=True):
    coins: int
    seen: int = 0
    id: str = ""


class Drop(Command, frozen=True):
    """Put coins into a jar; observed on the jar's own entity and on a shared one."""

    gives: ClassVar[type[msgspec.Struct]] = Held
    jar: str
    coins: int
    shared: str = "shelf"
    events: int = 1
    refuses: bool = False


class Spend(Command, frozen=True):
    """Spend a coupon against a shared budget."""

    gives: ClassVar[type[msgspec.Struct]] = Held
    coupon: str
    budget: str = "house"
    amount: int = 1
    jar: str = "till"


class Linger(Command, frozen=True):
    """Take some time."""

    gives: ClassVar[type[msgspec.Struct]] = Held
    jar: str
    microseconds: int


class Count(Command, frozen=True):
    """Read what nobody declared; runs alone."""

    gives: ClassVar[type[msgspec.Struct]] = Held
    jar: str


class Tally(State):
    """Count, sum, and a digest that tells the order in which things were added."""

    def __init__(self, count: int = 0, total: int = 0, digest: str = "") -> None:
        self.count, self.total, self.digest = count, total, digest

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
        self.total += amount_minor
        if currency == "XXX":
            raise ValueError("half added")
        text = f"{self.digest}|{at.isoformat()}|{amount_minor}"
        self.digest = hashlib.sha256(text.encode()).hexdigest()[:16]

    @override
    def copy(self) -> "Tally":
        return Tally(self.count, self.total, self.digest)

    @override
    def pack(self) -> bytes:
        return json.dumps([self.count, self.total, self.digest]).encode()

    @property
    @override
    def size_bytes(self) -> int:
        return 100


class TallyCodec(StateCodec):
    def __init__(self, feature_set: str = "tally-1") -> None:
        self.feature_set = feature_set

    @override
    def new(self, kind: str) -> Tally:
        return Tally()

    @override
    def unpack(self, kind: str, packed: bytes) -> Tally:
        return Tally(*json.loads(packed))


def shared_key(call: Call, name: str) -> EntityKey:
    return EntityKey(call.tenant_id, call.mode, "shelf", name)


def observed(kind: str, key: str, ctx: Context, coins: int, currency: str = "CNY") -> Observation:
    return Observation(kind=kind, key=key, at=ctx.now, amount_minor=coins, currency=currency)


@handles(
    Drop,
    keys=lambda c, call: [f"jar:{call.tenant_id}:{c.jar}"],
    reads=lambda c, call: [JAR(tenant_id=call.tenant_id, jar=c.jar)],
    entities=lambda c, call: [
        EntityKey(call.tenant_id, call.mode, "jar", c.jar),
        shared_key(call, c.shared),
    ],
)
def drop(view: View, command: Drop, ctx: Context) -> Accepted | Refused:
    call = ctx.call
    row = view.maybe(JAR(tenant_id=call.tenant_id, jar=command.jar))
    seen = view.entity(shared_key(call, command.shared)).count
    event_id = ctx.new_id("evt")
    events = tuple(
        Event(
            type="jar.filled",
            subject_id=command.jar,
            occurred_at=ctx.now,
            body=Held(coins=command.coins),
            observations=(
                observed("jar", command.jar, ctx, command.coins),
                observed("shelf", command.shared, ctx, command.coins),
            ),
        )
        for _ in range(command.events)
    )
    entry = Entry(kind="jar.filled", subject=command.jar, fields={"coins": command.coins})
    if command.refuses:
        return Refused(problem=EXHAUSTED, entries=(entry,), events=events, fields={"jar": "full"})
    add = ADD_COINS(tenant_id=call.tenant_id, jar=command.jar, coins=command.coins)
    coins = command.coins + (row["coins"] if row else 0)
    return Accepted(
        reply=Held(coins=coins, seen=seen, id=event_id),
        entries=(entry,),
        changes=(Change(bound=add),),
        events=events,
        messages=(Message(kind="jar.filled", subject_id=command.jar, body={"jar": command.jar}),),
    )


@handles(
    Spend,
    keys=lambda c, _: [f"coupon:{c.coupon}"],
    reads=lambda _c, _call: [],
    entities=lambda c, call: [shared_key(call, c.budget)],
)
def spend(_view: View, command: Spend, ctx: Context) -> Accepted | Refused:
    refused = Refused(
        problem=EXHAUSTED,
        entries=(Entry(kind="coupon.refused", subject=command.coupon, outcome="failure"),),
        events=(
            Event(
                type="coupon.refused",
                subject_id=command.coupon,
                occurred_at=ctx.now,
                body=Held(coins=0),
                observations=(observed("shelf", command.budget, ctx, 0),),
            ),
        ),
    )
    return Accepted(
        reply=Held(coins=command.amount),
        entries=(Entry(kind="coupon.spent", subject=command.coupon),),
        changes=(
            Change(bound=SPEND_COUPON(of=command.coupon, at=ctx.now)),
            Change(bound=TAKE_BUDGET(of=command.budget, amount=command.amount), refusal=refused),
        ),
    )


@handles(Count, keys=lambda c, _: [f"jar:{c.jar}"], reads=None)
def count(view: View, command: Count, ctx: Context) -> Accepted | Refused:
    row = view.maybe(JAR(tenant_id=ctx.call.tenant_id, jar=command.jar))
    return Accepted(
        reply=Held(coins=row["coins"] if row else 0),
        entries=(Entry(kind="jar.counted", subject=command.jar),),
    )


HANDLERS: Final = (drop, spend, count)


def linger(clock: FrozenClock) -> Any:
    """Return a handler that takes as long as its command says, on a frozen clock."""

    @handles(Linger, keys=lambda c, _: [c.jar], reads=lambda _c, _call: [])
    def run(_view: View, command: Linger, _ctx: Context) -> Accepted | Refused:
        clock.advance(dt.timedelta(microseconds=command.microseconds))
        return Accepted(
            reply=Held(coins=0), entries=(Entry(kind="jar.lingered", subject=command.jar),)
        )

    return run
