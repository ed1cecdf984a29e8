"""The PostgreSQL executor: guards, mistakes, lost sessions, unknown commits, and its plans."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.db.places import Database
from service.db.postgres import PostgresStore
from service.db.statements import Statement
from service.db.store import CommitUnknown, GuardFailed, NotReadable, StoreUnavailable
from tests.support.jars import ADD_COINS, JAR, JARS, SPEND_COUPON
from tests.support.places import Shared, in_transaction, with_jars
from tests.support.postgres import OWNER, SUPERUSER, Cluster
from tests.support.writer import START, until

EVERY = Statement(sa.select(JARS).order_by(JARS.c.jar), name="every jar")
MANY = 15_000


@pytest.fixture
def place(shared_database: Shared) -> Database:
    shared_database.empty()
    return shared_database.place


@pytest.fixture
def store(place: Database) -> Iterator[PostgresStore]:
    store = PostgresStore(place.writer)
    yield store
    store.close()


@pytest.fixture
def admin(place: Database) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(place.owner.replace(OWNER, SUPERUSER, 1), autocommit=True) as one:
        yield one


def coins(jar: str, count: Any) -> Any:
    return ADD_COINS(tenant_id="t", jar=jar, coins=count)


def jars(store: PostgresStore) -> list[str]:
    [rows] = store.fetch([EVERY()])
    return [row["jar"] for row in rows]


def end_sessions(admin: psycopg.Connection[Any]) -> None:
    """End every session of the writer's role, as a server that is stopped does."""
    admin.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename ="
        " 'payguard_writer'"
    )


def test_a_transaction_lasts_once_committed(store: PostgresStore, place: Database) -> None:
    transaction = store.begin()
    transaction.run([coins("a", 1)])
    transaction.commit()

    other = PostgresStore(place.writer)
    assert jars(other) == ["a"]
    other.close()


def test_a_guard_that_touches_another_number_of_rows_rolls_everything_back(
    store: PostgresStore,
) -> None:
    transaction = store.begin()

    with pytest.raises(GuardFailed) as failed:
        transaction.run([coins("a", 1), SPEND_COUPON(of="none", at=START), coins("b", 1)])

    assert (failed.value.step, failed.value.reason) == (1, "spend coupon: 0 rows")
    assert jars(store) == []
    assert not in_transaction(store)


@pytest.mark.parametrize(
    "bad",
    [
        coins("b", 2_000),
        coins("b", 2**63),
        coins("\ud800", 1),
        coins("a\0b", 1),
        coins(["b"], 1),  # type: ignore[arg-type]  # wrong on purpose
        coins("b", 1.5),
        ADD_COINS(tenant_id="t"),
        SPEND_COUPON(of="b", at="today"),
        SPEND_COUPON(of="b", at=dt.datetime(2026, 1, 1)),  # noqa: DTZ001  # naive on purpose
        SPEND_COUPON(of="b"),
    ],
    ids=["check", "huge", "surrogate", "nul", "type", "half", "missing", "text", "naive", "none"],
)
def test_values_that_do_not_fit_are_their_command_s_mistake(store: PostgresStore, bad: Any) -> None:
    transaction = store.begin()

    with pytest.raises(GuardFailed) as failed:
        transaction.run([coins("a", 1), bad])

    assert failed.value.step == 1
    assert jars(store) == []
    assert not in_transaction(store)


def test_a_guard_s_reason_holds_no_value(store: PostgresStore) -> None:
    with pytest.raises(GuardFailed) as failed:
        store.begin().run([coins("4111111111111111", 2_000)])

    assert "4111" not in str(failed.value)


def test_every_read_whose_values_do_not_fit_is_named(store: PostgresStore) -> None:
    decoded = Statement(
        sa.select(
            sa.func.decode(
                sa.bindparam("of", type_=sa.String()), "hex", type_=sa.LargeBinary()
            ).label("is")
        ),
        name="decoded",
    )
    reads = [
        JAR(tenant_id="t", jar="a"),
        decoded(of="zz"),
        JAR(tenant_id="t"),
        JAR(tenant_id="\ud800", jar="a"),
        decoded(of="01"),
    ]

    with pytest.raises(NotReadable) as failed:
        store.fetch(reads)

    assert failed.value.reasons == {
        1: "decoded: 22023",
        2: "jar: KeyError",
        3: "jar: UnicodeEncodeError",
    }
    assert len(store.fetch([reads[0], reads[4]])) == 2


def test_all_reads_go_in_one_round_trip(store: PostgresStore) -> None:
    reads = [JAR(tenant_id="t", jar=str(n)) for n in range(50)]
    store.fetch(reads)
    trips = []
    exchange = store._wire.exchange

    def counted(*commands: Any, **given: Any) -> Any:
        trips.append(1)
        return exchange(*commands, **given)

    store._wire.exchange = counted

    store.fetch(reads)
    transaction = store.begin()
    transaction.run([coins(str(n), 1) for n in range(50)])
    transaction.commit()

    # Reads; preparing the change that is new; BEGIN with every change; COMMIT.
    assert len(trips) == 4


def test_a_store_without_the_table_is_unavailable(store: PostgresStore) -> None:
    with pytest.raises(StoreUnavailable):
        store.fetch([Statement(sa.text("SELECT 1 FROM none"), name="none")()])
    assert jars(store) == []


def test_a_commit_that_is_refused_leaves_nothing(quick_cluster: Cluster) -> None:
    own = with_jars(quick_cluster)
    with psycopg.connect(own.owner.replace(OWNER, SUPERUSER, 1), autocommit=True) as one:
        one.execute("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
        one.execute(
            "CREATE TABLE children (id INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)"
        )
        one.execute("GRANT ALL ON parents, children TO payguard_writer")
    other = PostgresStore(own.writer)
    orphan = Statement(sa.text("INSERT INTO children VALUES (1)"), rows=1, name="orphan")
    transaction = other.begin()
    transaction.run([coins("a", 1), orphan()])

    with pytest.raises(StoreUnavailable):
        transaction.commit()

    assert not in_transaction(other)
    assert jars(other) == []
    other.close()


def test_rows_that_another_session_holds_are_waited_for_and_not_for_ever(
    store: PostgresStore, place: Database
) -> None:
    store_with_row = store.begin()
    store_with_row.run([coins("a", 1)])
    store_with_row.commit()
    other = PostgresStore(place.writer)
    held = other.begin()
    held.run([coins("a", 1)])

    with pytest.raises(StoreUnavailable):
        store.begin().run([coins("a", 1)])

    held.rollback()
    other.close()
    again = store.begin()
    again.run([coins("a", 1)])
    again.commit()


def test_a_session_that_ended_idle_costs_a_read_nothing(
    store: PostgresStore, admin: psycopg.Connection[Any]
) -> None:
    end_sessions(admin)

    assert jars(store) == []


def test_a_session_that_ends_inside_a_transaction_commits_nothing(
    store: PostgresStore, admin: psycopg.Connection[Any]
) -> None:
    transaction = store.begin()
    transaction.run([coins("a", 1)])
    end_sessions(admin)

    with pytest.raises(StoreUnavailable):
        transaction.run([coins("b", 1)])
    transaction.rollback()

    assert jars(store) == []


def test_a_session_that_ends_in_its_commit_leaves_it_unknown(
    store: PostgresStore, admin: psycopg.Connection[Any]
) -> None:
    transaction = store.begin()
    transaction.run([coins("a", 1)])
    end_sessions(admin)

    with pytest.raises(CommitUnknown):
        transaction.commit()


def test_who_may_not_go_on_opens_no_session(
    place: Database, admin: psycopg.Connection[Any]
) -> None:
    def hold() -> None:
        raise PermissionError

    store = PostgresStore(place.writer, hold=hold)
    end_sessions(admin)

    with pytest.raises(PermissionError):
        store.fetch([EVERY()])


def test_a_commit_waits_for_the_disk_whatever_the_role_says(
    place: Database, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("ALTER ROLE payguard_writer SET synchronous_commit = off")
    try:
        store = PostgresStore(place.writer)
    finally:
        admin.execute("ALTER ROLE payguard_writer RESET synchronous_commit")
    shown = Statement(
        sa.select(sa.func.current_setting("synchronous_commit", type_=sa.String).label("is")),
        name="shown",
    )

    assert store.fetch([shown()]) == [[{"is": "on"}]]
    store.close()


def test_what_was_prepared_on_empty_tables_reads_its_index_when_they_are_full(
    store: PostgresStore, admin: psycopg.Connection[Any]
) -> None:
    for _ in range(10):
        store.fetch([JAR(tenant_id="t", jar="1")])
    admin.execute(
        "INSERT INTO jars (tenant_id, jar, coins) SELECT 't', n::text, 1"
        " FROM generate_series(1, %s) AS n",
        (MANY,),
    )
    before = scans(admin)

    assert store.fetch([JAR(tenant_id="t", jar="9")])[0][0]["coins"] == 1

    def reads_its_index() -> bool:
        # The server tells its counts about once a second.
        store.fetch([JAR(tenant_id="t", jar="9")])
        return scans(admin)[1] > before[1]

    until(reads_its_index)
    assert scans(admin)[0] == before[0]


def scans(admin: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return how often the jars were read whole, and by their index, as the server counts."""
    row = admin.execute(
        "SELECT seq_scan, idx_scan FROM pg_stat_user_tables WHERE relname = 'jars'"
    ).fetchone()
    assert row is not None
    return row[0], row[1]
