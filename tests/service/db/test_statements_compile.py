"""Statements compiled once: constants, None, booleans, instants both ways, bytes, text, lists."""

import datetime as dt
import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.db.metadata import Instant, one_of
from service.db.sqlite import dialect
from service.db.statements import Compiled, Compiler, Statement
from tests.support.writer import START

THINGS = sa.Table(
    "things",
    sa.MetaData(),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("is_good", sa.Boolean),
    sa.Column("at", Instant),
    sa.Column("packed", sa.LargeBinary),
    sa.Column("text", sa.String),
)
INSERT = Statement(sa.insert(THINGS), rows=1, name="insert")
ALL = Statement(sa.select(THINGS), name="all")
TOKYO = dt.timezone(dt.timedelta(hours=9))


@pytest.fixture
def connection() -> Any:
    connection = sqlite3.connect(":memory:")
    connection.execute(str(sa.schema.CreateTable(THINGS).compile(dialect=dialect())))
    yield connection
    connection.close()


def run(connection: sqlite3.Connection, construct: Any, **values: Any) -> list[dict[str, Any]]:
    compiled = Compiled(Statement(construct, name="tried"), dialect())
    raw = connection.execute(compiled.text, compiled.parameters(values)).fetchall()
    return compiled.rows(raw)


def store(connection: sqlite3.Connection, **values: Any) -> dict[str, Any]:
    empty = dict.fromkeys(THINGS.c.keys())
    run(connection, INSERT.construct, **{**empty, "id": 1, **values})
    [row] = run(connection, ALL.construct)
    return row


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("is_good", value) for value in (True, False, None)),
        *(("at", value) for value in (START, START + dt.timedelta(microseconds=1), None)),
        ("at", dt.datetime(1969, 12, 31, 23, 59, 59, 999_999, dt.UTC)),
        *(("packed", value) for value in (b"", b"\x00\xff", None)),
        *(("text", value) for value in ("", "a\x00b", "\U0001f600\u2028", None)),
        *(("id", value) for value in (0, -(2**63), 2**63 - 1)),
    ],
)
def test_a_value_comes_back_as_it_went(connection: Any, column: str, value: Any) -> None:
    row = store(connection, **{column: value})

    assert row[column] == value
    assert type(row[column]) is type(value)


def test_an_instant_comes_back_in_utc(connection: Any) -> None:
    row = store(connection, at=START.astimezone(TOKYO))

    assert row["at"] == START
    assert row["at"].utcoffset() == dt.timedelta(0)


def test_a_naive_instant_is_refused(connection: Any) -> None:
    with pytest.raises(ValueError, match="aware"):
        store(connection, at=START.replace(tzinfo=None))


@given(st.datetimes(timezones=st.just(dt.UTC)))
def test_an_instant_is_kept_to_the_microsecond(at: dt.datetime) -> None:
    kind = Instant()

    stored = kind.process_bind_param(at, dialect())

    assert kind.process_result_value(stored, dialect()) == at
    assert isinstance(stored, int)


def test_instants_are_compared_in_their_order(connection: Any) -> None:
    store(connection, at=START)

    later = sa.select(THINGS.c.id).where(THINGS.c.at < sa.bindparam("now"))

    assert run(connection, later, now=START) == []
    assert run(connection, later, now=START + dt.timedelta(microseconds=1)) == [{"id": 1}]


def test_constants_of_a_construct_are_bound_by_itself(connection: Any) -> None:
    store(connection, at=START, text="a", is_good=True)

    found = sa.select(THINGS.c.id).where(
        THINGS.c.at == START, THINGS.c.text == "a", THINGS.c.is_good.is_(True)
    )

    assert run(connection, found.limit(5)) == [{"id": 1}]


def test_a_list_of_constants_is_written_out(connection: Any) -> None:
    store(connection, at=START, text="b")

    listed = sa.select(THINGS.c.id).where(
        THINGS.c.text.in_(["a", "b"]), THINGS.c.at.in_([START]), THINGS.c.id == sa.bindparam("of")
    )

    assert run(connection, listed, of=1) == [{"id": 1}]
    assert run(connection, sa.select(THINGS.c.id).where(THINGS.c.text.in_([]))) == []


def test_a_guarded_update_may_name_a_list_of_constants(connection: Any) -> None:
    store(connection, text="b")

    guarded = (
        sa.update(THINGS)
        .where(THINGS.c.id == sa.bindparam("of"), THINGS.c.text.in_(["a", "b"]))
        .values(text=sa.bindparam("to"), is_good=False, packed=None)
    )

    run(connection, guarded, of=1, to="c")
    assert [row["text"] for row in run(connection, ALL.construct)] == ["c"]


def test_a_list_of_values_to_come_has_no_fixed_text() -> None:
    listed = sa.select(THINGS).where(THINGS.c.id.in_(sa.bindparam("ids", expanding=True)))

    with pytest.raises(ValueError, match="no fixed text"):
        Compiled(Statement(listed, name="listed"), dialect())


def test_a_missing_value_is_refused_not_null(connection: Any) -> None:
    with pytest.raises((sqlite3.ProgrammingError, KeyError)):
        run(connection, INSERT.construct, id=1)


def test_two_columns_of_one_name_are_refused_and_labels_keep_them_apart(connection: Any) -> None:
    store(connection)
    twin = THINGS.alias("twin")

    with pytest.raises(ValueError, match="label"):
        run(connection, sa.select(THINGS.c.id, twin.c.id))

    assert run(connection, sa.select(THINGS.c.id, twin.c.id.label("twin"))) == [
        {"id": 1, "twin": 1}
    ]


def test_a_statement_is_compiled_once() -> None:
    compiler = Compiler(dialect())

    assert compiler(ALL) is compiler(ALL)


def test_equal_values_of_one_statement_are_one_read() -> None:
    by_id = Statement(sa.select(THINGS).where(THINGS.c.id == sa.bindparam("of")), name="by id")
    other = Statement(by_id.construct, name="other")

    assert len({by_id(of=1), by_id(of=1), by_id(of=2), other(of=1)}) == 3
    assert by_id(of=1) != "by id"


def test_values_that_have_no_hash_are_refused_where_a_read_is_kept() -> None:
    by_id = Statement(sa.select(THINGS).where(THINGS.c.id == sa.bindparam("of")), name="by id")

    with pytest.raises(TypeError):
        hash(by_id(of=[1]))


def test_a_closed_set_of_words_is_a_constraint() -> None:
    table = sa.Table("words", sa.MetaData(), sa.Column("a", sa.String), one_of("a", ("x", "y")))
    connection = sqlite3.connect(":memory:")
    connection.execute(str(sa.schema.CreateTable(table).compile(dialect=dialect())))

    connection.execute("INSERT INTO words VALUES ('x')")
    with pytest.raises(sqlite3.IntegrityError):
        connection.execute("INSERT INTO words VALUES ('z')")
    connection.close()
