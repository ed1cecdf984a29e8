"""A fault at any step costs its own command alone, is kept sealed, and shows itself again dry."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import msgspec
import pytest
import sqlalchemy as sa

from keys.sealing import NotOpened, Sealer
from service.db.places import Place
from service.db.statements import Bound, Statement
from service.kernel.errors import Faulted, Overloaded
from service.state.entities import ENTITIES, EntityKey, Observation
from service.unit_of_work import faults, tables
from service.unit_of_work.commands import Call, Command, Reply
from service.unit_of_work.handlers import Context, View, handles
from service.unit_of_work.outcome import Accepted, Change, Entry, Event, Outcome, Refused
from service.unit_of_work.rerun import rerun
from service.unit_of_work.run import WriterStops
from tests.support.jars import ADD_COINS, EXHAUSTED, JAR, JARS, SPEND_COUPON, Drop, Held
from tests.support.places import change, in_transaction
from tests.support.writer import Bench, a_call

SURROGATE = "\ud800"
HUGE = 2**63


class Stumble(Command, frozen=True):
    """Fail at one step, having done whatever comes before it."""

    gives: ClassVar[type[msgspec.Struct]] = Held
    step: str
    secret: str = "4111111111111111"


def _keys(command: Stumble, _call: Call) -> Sequence[str]:
    if command.step == "keys":
        raise LookupError(command.secret)
    return ["stumble"]


def _reads(command: Stumble, call: Call) -> Sequence[Bound]:
    match command.step:
        case "reads":
            raise LookupError(command.secret)
        case "read_missing":
            return [JAR(tenant_id=call.tenant_id)]
        case "read_huge":
            return [JAR(tenant_id=call.tenant_id, jar=HUGE)]
        case "read_surrogate":
            return [JAR(tenant_id=call.tenant_id, jar=SURROGATE)]
        case "read_type":
            return [JAR(tenant_id=call.tenant_id, jar=("a",))]
        case "read_unhashable":
            return [JAR(tenant_id=call.tenant_id, jar=["a"])]
        case _:
            return [JAR(tenant_id=call.tenant_id, jar="a")]


def _entities(command: Stumble, call: Call) -> Sequence[EntityKey]:
    if command.step == "entities":
        raise LookupError(command.secret)
    key = SURROGATE if command.step == "entity_surrogate" else "shelf"
    return [EntityKey(call.tenant_id, call.mode, "shelf", key)]


def _look(view: View, command: Stumble, ctx: Context) -> None:
    call = ctx.call
    match command.step:
        case "handler":
            raise LookupError(command.secret)
        case "not_now":
            raise Overloaded
        case "undeclared_read":
            view.rows(JAR(tenant_id=call.tenant_id, jar="b"))
        case "undeclared_entity":
            view.entity(EntityKey(call.tenant_id, call.mode, "shelf", "other"))
        case "id":
            ctx.new_id(None or f"{1 // len(command.step[2:])}")
        case "entropy":
            ctx.entropy(0)
        case _:
            pass


def _observations(step: str, ctx: Context) -> tuple[Observation, ...]:
    def one(key: str, currency: str) -> Observation:
        return Observation(kind="shelf", key=key, at=ctx.now, amount_minor=7, currency=currency)

    match step:
        case "observed_undeclared":
            return one("shelf", "CNY"), one("other", "CNY")
        case "observed_half":
            # The state raises when it has taken this one in part.
            return one("shelf", "CNY"), one("shelf", "XXX")
        case _:
            return (one("shelf", "CNY"),)


CHANGES: dict[str, Any] = {
    "change_missing": lambda: ADD_COINS(tenant_id="ten_1"),
    "change_huge": lambda: ADD_COINS(tenant_id="ten_1", jar="z", coins=HUGE),
    "change_surrogate": lambda: ADD_COINS(tenant_id="ten_1", jar=SURROGATE, coins=1),
    "change_type": lambda: ADD_COINS(tenant_id="ten_1", jar=["a"], coins=1),
    "change_time": lambda: SPEND_COUPON(of="z", at="today"),
    "change_naive": lambda: SPEND_COUPON(of="z", at=dt.datetime(2026, 1, 1)),  # noqa: DTZ001  # naive on purpose
    "change_guard": lambda: SPEND_COUPON(of="z", at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
    "change_check": lambda: ADD_COINS(tenant_id="ten_1", jar="z", coins=2_000),
}
FIELDS: dict[str, Any] = {
    "entry_surrogate": SURROGATE,
    "entry_float": 1.5,
    "entry_huge": 2**53,
    "entry_bytes": b"x",
    "entry_object": object(),
    "entry_names": {1: "a"},
    "entry_unicode_name": {"\u00e9": 1},
}


@handles(Stumble, keys=_keys, reads=_reads, entities=_entities)
def stumble(view: View, command: Stumble, ctx: Context) -> Outcome:
    step = command.step
    _look(view, command, ctx)
    entries = (Entry(kind="jar.filled", subject="z", fields={"a": FIELDS.get(step)}),)
    change = ADD_COINS(tenant_id="ten_1", jar="stumbled", coins=1)
    changes = [Change(bound=change)]
    if step in CHANGES:
        changes.append(Change(bound=CHANGES[step]()))
    event = Event(
        type="jar.filled",
        subject_id="z",
        occurred_at=ctx.now if step != "event_naive" else dt.datetime(2026, 1, 1),  # noqa: DTZ001  # naive on purpose
        body=Held(coins=object() if step == "event_body" else 1),  # type: ignore[arg-type]  # wrong on purpose
        observations=_observations(step, ctx),
    )
    if step == "refusal_fields":
        return Refused(problem=EXHAUSTED, entries=entries, fields={"a": object()})
    if step == "nothing":
        return None  # type: ignore[return-value]  # wrong on purpose
    reply: Any = {
        "reply": Held(coins=object()),  # type: ignore[arg-type]  # wrong on purpose
        "reply_surrogate": Held(coins=0, id=SURROGATE),
        "reply_huge": Held(coins=2**64),
        "reply_long": Held(coins=0, id="x" * 600_000),
    }.get(step, Held(coins=1))
    return Accepted(
        reply=reply,
        entries=() if step == "no_entry" else entries,
        changes=tuple(changes),
        events=(event,),
    )


STEPS = (
    *("reads", "read_missing", "read_huge", "read_surrogate", "read_type", "read_unhashable"),
    *("entities", "entity_surrogate", "handler", "undeclared_read", "undeclared_entity"),
    *("id", "entropy", "observed_undeclared", "observed_half", "event_naive", "event_body"),
    *("refusal_fields", "nothing", "no_entry", "reply", "reply_surrogate", "reply_huge"),
    *("reply_long", *CHANGES, *FIELDS),
)
# What only the commit can tell: a dry run never runs a statement.
GUARDS = ("change_guard", "change_check")


@pytest.fixture
def bench(place: Place) -> Iterator[Bench]:
    bench = Bench(place, stumble)
    yield bench
    bench.kill()


@pytest.mark.long
@pytest.mark.parametrize("step", STEPS)
def test_a_fault_at_any_step_costs_its_own_command_alone(bench: Bench, step: str) -> None:
    call = a_call(key="k")

    # A neighbour brings the entity that the faulty one did not declare.
    first, fault, last = bench.run(
        Drop(jar="a", coins=1, shared="other"), (Stumble(step=step), call), Drop(jar="b", coins=2)
    )

    assert isinstance(fault, Faulted)
    assert isinstance(first, Reply)
    assert isinstance(last, Reply)
    assert [row["jar"] for row in bench.rows(JARS)] == ["a", "b"]
    assert sorted(bench.kinds()) == ["command.faulted", "jar.filled", "jar.filled"]
    assert [row["subject_id"] for row in bench.rows(tables.EVENTS)] == ["a", "b"]
    assert bench.rows(tables.IDEMPOTENCY) == []
    assert bench.states() == bench.folded()
    bench.restart()
    assert bench.states() == bench.folded()


@pytest.mark.long
@pytest.mark.parametrize("step", ["keys", *STEPS])
def test_a_fault_is_kept_sealed_and_tells_no_value(bench: Bench, step: str) -> None:
    ticket = bench.ticket(Stumble(step=step))
    bench.writer.inbox.put(ticket, lane="now", settle=lambda _: None)
    [waiting] = bench.writer.inbox.take(timeout_s=0)

    [fault] = bench.run(waiting.ticket)

    assert isinstance(fault, Faulted)
    [row] = bench.rows(tables.FAULTS)
    [entry] = bench.entries()
    assert row["fault_id"] == entry["subject"] == fault.fault_id
    assert (entry["outcome"], entry["fields"]) == ("failure", {"command": "Stumble"})
    assert [one[0] for one in bench.observer.faults] == [fault.fault_id]
    secret = Stumble(step=step).secret
    assert secret not in repr(bench.dump())
    assert secret not in repr(bench.observer.faults)
    assert row["cause"]
    with pytest.raises(NotOpened):
        faults.unseal(row, sealer=Sealer(bytes(32)))


@pytest.mark.long
@pytest.mark.parametrize("step", ["keys", *STEPS])
def test_a_fault_shows_itself_again_when_run_dry(bench: Bench, step: str) -> None:
    ticket = bench.ticket(Stumble(step=step))
    bench.writer.inbox.put(ticket, lane="now", settle=lambda _: None)
    [waiting] = bench.writer.inbox.take(timeout_s=0)
    bench.run(waiting.ticket)
    before = bench.dump()
    [row] = bench.rows(tables.FAULTS)

    again = rerun(
        row,
        handlers=bench.handlers,
        reader=bench.reader,
        sealer=bench.sealer,
        codec=bench.codec,
    )

    assert bench.dump() == before
    assert isinstance(again, Accepted) == (step in GUARDS)
    seen = again if isinstance(again, str) else "guard failed"
    # The places differ above the handler, and a statement's values are told apart from a guard.
    assert seen.partition(" at ")[0] in row["cause"]


def test_a_rerun_gets_the_same_ids_and_time(bench: Bench) -> None:
    ticket = bench.ticket(Drop(jar="a", coins=2_000))
    bench.run(ticket)
    [row] = bench.rows(tables.FAULTS)
    bench.clock.advance(dt.timedelta(hours=1))

    again = rerun(
        row,
        handlers=bench.handlers,
        reader=bench.reader,
        sealer=bench.sealer,
        codec=bench.codec,
    )
    once_more = rerun(
        row,
        handlers=bench.handlers,
        reader=bench.reader,
        sealer=bench.sealer,
        codec=bench.codec,
    )

    assert isinstance(again, Accepted)
    assert again == once_more
    assert again.events[0].occurred_at == row["at"]


def test_a_rerun_sees_feature_state_that_is_not_yet_in_rows(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    bench.one(Drop(jar="b", coins=2_000))
    [row] = bench.rows(tables.FAULTS)

    again = rerun(
        row,
        handlers=bench.handlers,
        reader=bench.reader,
        sealer=bench.sealer,
        codec=bench.codec,
    )

    assert isinstance(again, Accepted)
    assert isinstance(again.reply, Held)
    assert again.reply.seen == 1


def test_a_fault_that_cannot_be_recorded_stops_the_writer(bench: Bench) -> None:
    # The next entry's place is taken, which only another writer could have done.
    bench.one(Drop(jar="a", coins=1))
    change(bench.place, "UPDATE entries SET position = 1")

    with pytest.raises(WriterStops):
        bench.one(Drop(jar="b", coins=1))


def test_a_fault_leaves_the_transaction_closed(bench: Bench) -> None:
    bench.one(Stumble(step="reply"))

    assert not in_transaction(bench.store)


def test_a_damaged_entity_row_costs_those_who_touch_it_alone(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1))
    while bench.writer.work.write_back():
        pass
    transaction = bench.store.begin()
    damage = sa.update(ENTITIES).where(ENTITIES.c.key == "a").values(state=b"no state")
    transaction.run([Statement(damage, name="damage")()])
    transaction.commit()
    bench.restart()

    results = bench.run(Drop(jar="a", coins=1), Drop(jar="b", coins=1))

    assert [type(one) for one in results] == [Faulted, Reply]


def test_a_faulted_command_runs_again_under_its_key(bench: Bench) -> None:
    call = a_call(key="k")
    bench.run((Stumble(step="handler"), call))

    reply = bench.one(Drop(jar="a", coins=1), call)

    assert (reply.kind, reply.replayed) == ("accepted", False)


def test_many_unreadable_commands_cost_one_more_round_trip(bench: Bench) -> None:
    steps = ("read_huge", "read_missing", "read_surrogate", "entity_surrogate")

    results = bench.run(*(Stumble(step=step) for step in steps), Drop(jar="a", coins=1))

    assert [type(one) for one in results] == [Faulted] * 4 + [Reply]
