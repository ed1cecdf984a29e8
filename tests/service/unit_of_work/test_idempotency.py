"""The same key gives the same answer; another body, a trimmed reply, another owner do not."""

import datetime as dt

import msgspec
import pytest
import sqlalchemy as sa

from service.db.statements import Statement
from service.kernel.errors import Faulted, Overloaded
from service.unit_of_work import tables
from service.unit_of_work.commands import Reply
from service.unit_of_work.idempotency import KEY_EXPIRED, KEY_REUSED
from service.writer.inbox import Inbox
from tests.support.jars import JARS, Drop
from tests.support.places import read_only
from tests.support.writer import Bench, a_call

TRIM = Statement(sa.update(tables.IDEMPOTENCY).values(reply=None), name="trim")
NEWER = Statement(
    sa.update(tables.IDEMPOTENCY).values(reply=sa.bindparam("stored")), name="newer reply"
)


def change(bench: Bench, statement: Statement, **values: object) -> None:
    transaction = bench.store.begin()
    transaction.run([statement(**values)])
    transaction.commit()


def test_a_replay_gives_the_stored_reply_and_writes_nothing(bench: Bench) -> None:
    first = bench.one(Drop(jar="a", coins=1), a_call(key="k"))
    before = bench.dump()
    bench.clock.advance(dt.timedelta(minutes=1))

    replay = bench.one(Drop(jar="a", coins=1), a_call(key="k", principal="key_2"))

    # All but the instant, by which the front end judges what the reply may still give.
    assert replay == msgspec.structs.replace(first, replayed=True, now=bench.clock.now())
    assert bench.dump() == before


def test_a_replay_after_a_restart_is_the_same(bench: Bench) -> None:
    first = bench.one(Drop(jar="a", coins=1), a_call(key="k"))
    bench.restart()

    replay = bench.one(Drop(jar="a", coins=1), a_call(key="k"))

    assert (replay.body, replay.receipts, replay.batch) == (first.body, first.receipts, 1)


def test_another_body_under_a_key_is_refused_and_writes_nothing(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1), a_call(key="k", body="one"))
    before = bench.dump()

    reply = bench.one(Drop(jar="a", coins=2), a_call(key="k", body="two"))

    assert (reply.problem, reply.problem.status, reply.replayed) == (KEY_REUSED, 422, False)
    assert bench.dump() == before


def test_a_key_whose_reply_was_trimmed_is_refused_and_pays_nothing(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1), a_call(key="k"))
    change(bench, TRIM)
    before = bench.dump()

    reply = bench.one(Drop(jar="a", coins=1), a_call(key="k"))

    assert (reply.problem, reply.problem.status) == (KEY_EXPIRED, 409)
    assert bench.dump() == before


@pytest.mark.parametrize(
    "other",
    [
        {"owner": "mer_2:live"},
        {"route": "POST /lids"},
        {"tenant_id": "ten_2"},
        {"merchant_id": "mer_2"},
        {"mode": "sandbox"},
        {"key": "l"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_key_counts_for_its_own_scope_alone(bench: Bench, other: dict[str, str]) -> None:
    bench.one(Drop(jar="a", coins=1), a_call(key="k"))

    reply = bench.one(Drop(jar="a", coins=1), a_call(**{"key": "k", **other}))

    assert (reply.kind, reply.replayed) == ("accepted", False)
    assert sum(row["coins"] for row in bench.rows(JARS)) == 2


def test_a_room_s_refusal_is_stored_like_any_answer(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1, refuses=True), a_call(key="k"))

    reply = bench.one(Drop(jar="a", coins=1, refuses=True), a_call(key="k"))

    assert (reply.kind, reply.replayed, reply.fields) == ("refused", True, {"jar": "full"})


def test_a_fault_is_not_stored(bench: Bench) -> None:
    results = bench.run((Drop(jar="a", coins=2_000), a_call(key="k")))

    assert isinstance(results[0], Faulted)
    assert bench.rows(tables.IDEMPOTENCY) == []


def test_what_the_store_refused_is_not_stored(bench: Bench) -> None:
    with read_only(bench.store):
        refused = bench.one(Drop(jar="a", coins=1), a_call(key="k"))

    reply = bench.one(Drop(jar="a", coins=1), a_call(key="k"))

    assert isinstance(refused, Overloaded)
    assert (reply.kind, reply.replayed) == ("accepted", False)


def test_one_key_twice_in_a_batch_has_one_effect_all_the_same(bench: Bench) -> None:
    # The inbox never lets this happen; the table's own key holds when it does.
    call = a_call(key="k")

    results = bench.run((Drop(jar="a", coins=1), call), (Drop(jar="b", coins=1), call))

    assert sorted(one.replayed for one in results if isinstance(one, Reply)) == [False, True]
    assert [row["coins"] for row in bench.rows(JARS)] == [1]


def test_two_requests_with_one_key_never_share_a_batch(bench: Bench) -> None:
    inbox: Inbox = bench.writer.inbox
    for jar in "ab":
        ticket = bench.ticket(Drop(jar=jar, coins=1), a_call(key="k"))
        inbox.put(ticket, lane="now", settle=lambda _: None)

    assert [len(inbox.take(timeout_s=0)) for _ in range(3)] == [1, 1, 0]


def test_a_stored_reply_of_a_newer_version_is_a_fault_not_an_end(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1), a_call(key="k"))
    [row] = bench.rows(tables.IDEMPOTENCY)
    _, reply = msgspec.msgpack.decode(row["reply"])
    change(bench, NEWER, stored=msgspec.msgpack.encode((2, reply)))

    results = bench.run((Drop(jar="a", coins=1), a_call(key="k")), Drop(jar="b", coins=1))

    assert [type(one) for one in results] == [Faulted, Reply]


def test_a_damaged_reply_is_a_fault_not_an_end(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=1), a_call(key="k"))
    change(bench, NEWER, stored=b"\xc1")

    results = bench.run((Drop(jar="a", coins=1), a_call(key="k")), Drop(jar="b", coins=1))

    assert [type(one) for one in results] == [Faulted, Reply]
