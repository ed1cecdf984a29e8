"""Entries: numbers without gaps, canonical bytes, leaves that anyone can compute."""

import datetime as dt
import hashlib
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys import canonical
from service.unit_of_work import entries, schemas, tables
from service.unit_of_work.commands import Reply
from service.unit_of_work.outcome import Entry
from tests.support.jars import Drop, Spend
from tests.support.writer import START, Bench, a_call

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAUGHTY = st.sampled_from(
    ["\x00\x1f\x7f\x80\u2028\u2029", '"\\/\b\f\n\r\t', "\ufeff\uffff\U0010ffff", "<é😀&>", "\uff11"]
)
NUMBER = st.integers(-canonical.INTEGER_MAX, canonical.INTEGER_MAX)
NAME = st.text(st.characters(max_codepoint=127), max_size=12)
VALUE = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT | NAUGHTY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAME, inner, max_size=4),
    max_leaves=12,
)
PLACE = entries.Place(log="0", position=4, number=2, sequence=9, batch=10, at=START)


@given(st.dictionaries(NAME, VALUE, max_size=5), TEXT, st.integers(0, 2**53 - 1))
def test_an_entry_s_bytes_are_canonical(fields: dict[str, Any], subject: str, at: int) -> None:
    entry = Entry(kind="jar.filled", subject=subject, payment=subject, fields=fields)
    place = entries.Place(log="0", position=at, number=at, sequence=at, batch=at, at=START)
    record = entries.record(entry, call=a_call(origin=subject), place=place)

    body = entries.encode(record)

    assert body == canonical.encode(record)
    assert json.loads(body)["fields"] == fields


@given(st.recursive(st.floats() | st.binary() | st.integers(2**53), st.lists, max_leaves=3))
def test_what_has_no_one_canonical_form_is_refused(value: Any) -> None:
    refused = not isinstance(value, list) or bool(list(_leaves(value)))

    entry = Entry(kind="jar.filled", subject="a", fields={"a": value})

    if refused:
        with pytest.raises(entries.NotAnEntry):
            entries.record(entry, call=a_call(), place=PLACE)
    else:
        record = entries.record(entry, call=a_call(), place=PLACE)
        assert entries.encode(record) == canonical.encode(record)


def _leaves(value: Any) -> Any:
    if not isinstance(value, list):
        yield value
        return
    for one in value:
        yield from _leaves(one)


def test_an_entry_as_deep_as_the_stack_is_refused() -> None:
    value: Any = 1
    for _ in range(5_000):
        value = [value]
    entry = Entry(kind="jar.filled", subject="a", fields={"a": value})

    with pytest.raises(entries.NotAnEntry):
        entries.record(entry, call=a_call(), place=PLACE)


def test_an_entry_says_who_what_when_how_from_where_and_about_what(bench: Bench) -> None:
    bench.clock.step(dt.timedelta(microseconds=402_007))

    bench.one(Drop(jar="a", coins=3))

    [entry] = bench.entries()
    assert (entry["principal"], entry["kind"], entry["outcome"]) == (
        "key_1",
        "jar.filled",
        "success",
    )
    assert (entry["at"], entry["origin"]) == ("2026-11-23T08:00:00.402007Z", "203.0.113.7")
    assert (entry["subject"], entry["fields"]) == ("a", {"coins": 3})


def test_the_leaf_and_the_receipt_are_the_hash_of_the_stored_bytes(bench: Bench) -> None:
    reply = bench.one(Drop(jar="a", coins=3))

    [row] = bench.rows(tables.ENTRIES)
    assert row["leaf"] == hashlib.sha256(b"\x00" + row["body"]).digest()
    [receipt] = reply.receipts
    assert (receipt.leaf, receipt.log, receipt.index) == (f"sha256:{row['leaf'].hex()}", "0", 0)


def test_everything_stored_bears_a_schema_number(bench: Bench) -> None:
    bench.one(Drop(jar="a", coins=3))
    bench.one(Drop(jar="a", coins=2_000))
    while bench.writer.work.write_back():
        pass

    assert {row["schema"] for row in bench.rows(tables.EVENTS)} == {schemas.EVENT}
    assert {row["schema"] for row in bench.rows(tables.MESSAGES)} == {schemas.MESSAGE}
    assert {one["schema"] for one in bench.entries()} == {schemas.ENTRY}


def test_a_record_newer_than_the_software_is_refused() -> None:
    with pytest.raises(schemas.UnknownSchema):
        schemas.EVENTS.lift("event", schemas.EVENT + 1, {})


def test_an_upcaster_lifts_a_record_step_by_step() -> None:
    upcasters = schemas.Upcasters(
        {
            ("event", 1): lambda record: {**record, "b": 1},
            ("event", 2): lambda record: {**record, "c": record["b"] + 1},
        },
        newest=3,
    )

    assert upcasters.lift("event", 1, {"a": 0}) == {"a": 0, "b": 1, "c": 2}
    assert upcasters.lift("event", 3, {"a": 0}) == {"a": 0}
    assert upcasters.lift("entry", 1, {"a": 0}) == {"a": 0}


@pytest.mark.parametrize("seed", range(3))
def test_numbers_have_no_gap_across_batches_rollbacks_and_restarts(bench: Bench, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  seeded on purpose
    bench.seed(coupons=["c0"], budget=1)
    for batch in range(12):
        calls = [a_call(merchant_id=f"mer_{chance.randrange(3)}") for _ in range(5)]
        commands = [
            Spend(coupon=f"c{chance.randrange(2)}")
            if place == 0
            else Drop(jar=f"j{batch}.{place}", coins=chance.choice([1, 2, 2_000]))
            for place in range(5)
        ]
        bench.run(*zip(commands, calls, strict=True))
        if chance.random() < 0.3:
            bench.restart()

    found = bench.entries()
    assert [one["index"] for one in found] == list(range(60))
    for merchant in range(3):
        numbers = [one["number"] for one in found if one["merchant"] == f"mer_{merchant}"]
        assert numbers == list(range(1, len(numbers) + 1))
    [writer] = bench.rows(tables.WRITER)
    assert (writer["entries"], writer["sequence"]) == (60, 60)


def test_merchants_of_two_tenants_count_apart(bench: Bench) -> None:
    bench.run(
        (Drop(jar="a", coins=1), a_call()),
        (Drop(jar="b", coins=1), a_call(tenant_id="ten_2")),
        (Drop(jar="c", coins=1), a_call()),
    )

    assert [one["number"] for one in bench.entries()] == [1, 1, 2]


def test_a_reply_says_where_its_own_entries_stand(bench: Bench) -> None:
    results = bench.run(*(Drop(jar=jar, coins=1) for jar in "abc"))

    replies = [one for one in results if isinstance(one, Reply)]
    assert [one.receipts[0].index for one in replies] == [0, 1, 2]
