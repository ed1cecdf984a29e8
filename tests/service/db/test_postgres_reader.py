"""Front ends' reads of PostgreSQL: scoped, bounded, one round trip, nothing left behind."""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from service.db.places import Database
from service.db.postgres_reader import PostgresReader
from service.db.postgres_wire import STATEMENT_TIMEOUT_MS, text_command
from service.db.postgres_wire import Wire as Session
from service.db.reader import Reader
from service.db.statements import Statement
from service.db.store import NotReadable, StoreUnavailable
from service.db.stores import open_patient_reader, open_reader, open_spanning_reader
from service.rooms.merchants.tables import MERCHANTS, TENANTS
from tests.support.postgres import READER, Cluster
from tests.support.rows import a_row_of, insert
from tests.support.wire import Wire

OF_TENANT = Statement(
    sa.select(MERCHANTS.c.merchant_id).where(
        MERCHANTS.c.tenant_id == sa.bindparam("tenant_id"),
        MERCHANTS.c.merchant_id == sa.bindparam("merchant_id"),
    ),
    name="own merchant",
)
# What a front end must never ask; row-level security answers it all the same.
UNBOUND = Statement(sa.select(MERCHANTS.c.merchant_id).limit(9), name="any merchant")
SETTINGS = Statement(
    sa.text(
        "SELECT current_setting('payguard.tenant', true) || current_setting('payguard.merchant',"
        " true) AS scope"
    ).columns(sa.column("scope", sa.String)),
    name="what is named",
)
LIMIT = Statement(
    sa.text("SELECT current_setting('statement_timeout') AS scope").columns(
        sa.column("scope", sa.String)
    ),
    name="how long a statement may take",
)
SLEEP = Statement(
    sa.text("SELECT pg_sleep(:s)::text AS slept").columns(sa.column("slept", sa.String)),
    name="sleep",
)
ADD = Statement(sa.insert(TENANTS), rows=1, name="add tenant")
OWN = {"tenant_id": "ten_1", "merchant_id": "mer_1"}


@pytest.fixture(scope="module")
def place(quick_cluster: Cluster) -> Database:
    place = quick_cluster.database(migrated=True)
    with psycopg.connect(place.writer) as connection:
        for tenant, merchant in (("ten_1", "mer_1"), ("ten_2", "mer_2")):
            for table in (TENANTS, MERCHANTS):
                row = a_row_of(table, tenant, merchant, 1)
                words = {"preset": "CN", "review_mode": "hold", "status": "active"}
                row |= {name: word for name, word in words.items() if name in row}
                insert(connection, table, row)
    return place


@pytest.fixture
def reader(place: Database) -> Iterator[PostgresReader]:
    reader = PostgresReader(place.reader, connections_max=2, timeout_s=0.2)
    yield reader
    reader.close()


def ids(reader: Reader, statement: Statement, **values: Any) -> list[str]:
    return [row["merchant_id"] for row in reader.fetch(statement(**values))]


def idle(reader: PostgresReader) -> list[Session]:
    return reader._pool()._idle


def backend(session: Session) -> int:
    """Return the server's process that serves a session."""
    return session._pg.backend_pid


def test_a_read_sees_its_tenants_rows(reader: PostgresReader) -> None:
    assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]
    assert ids(reader, OF_TENANT, tenant_id="ten_2", merchant_id="mer_2") == ["mer_2"]


def test_a_statement_that_forgot_its_tenant_sees_nothing(reader: PostgresReader) -> None:
    assert ids(reader, UNBOUND) == []
    assert ids(reader, UNBOUND, **OWN) == ["mer_1"]


def test_nothing_that_was_named_stays_for_the_next_read(reader: PostgresReader) -> None:
    ids(reader, OF_TENANT, **OWN)
    [connection] = idle(reader)
    # Asked past the reader, which names what it wants anew each time.
    text = b"SELECT current_setting('payguard.tenant', true)"
    [left] = connection.exchange([text_command(text)])

    assert left.get_value(0, 0) == b""
    assert reader.fetch(SETTINGS()) == [{"scope": ""}]
    assert idle(reader) == [connection]
    assert ids(reader, UNBOUND) == []


def test_nothing_stays_after_a_read_that_failed(reader: PostgresReader) -> None:
    with pytest.raises(NotReadable):
        ids(reader, OF_TENANT, tenant_id="ten_1", merchant_id="a\x00b")
    with pytest.raises(NotReadable):
        ids(reader, OF_TENANT, tenant_id="ten_1")
    with pytest.raises(NotReadable):
        reader.fetch(SLEEP(s="no number", **OWN))

    assert reader.fetch(SETTINGS()) == [{"scope": ""}]
    assert all(one.is_idle and one.is_open for one in idle(reader))


def test_a_statement_that_could_not_be_prepared_once_can_be_later(
    place: Database, reader: PostgresReader
) -> None:
    with psycopg.connect(place.owner) as owner:
        owner.execute("LOCK TABLE merchants IN ACCESS EXCLUSIVE MODE")
        # What names the scope is prepared before it, in the same exchange.
        with pytest.raises(StoreUnavailable):
            ids(reader, OF_TENANT, **OWN)

    assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]


def test_the_spanning_reader_sees_all_and_writes_nothing(place: Database) -> None:
    reader = open_spanning_reader(place)

    assert sorted(ids(reader, UNBOUND)) == ["mer_1", "mer_2"]
    with pytest.raises(StoreUnavailable, match="ReadOnlySqlTransaction"):
        reader.fetch(ADD(**a_row_of(TENANTS, "ten_9", "", 1)))


def test_an_address_that_asks_for_writing_gets_reads_all_the_same(place: Database) -> None:
    chosen = "&options=-c%20default_transaction_read_only%3Doff"
    reader = open_spanning_reader(Database(writer=place.writer + chosen))

    with pytest.raises(StoreUnavailable, match="ReadOnlySqlTransaction"):
        reader.fetch(ADD(**a_row_of(TENANTS, "ten_9", "", 1)))


def test_values_are_tried_without_being_run(place: Database) -> None:
    reader = open_spanning_reader(place)
    row = a_row_of(TENANTS, "ten_9", "", 1)

    reader.try_values(ADD(**row))
    with pytest.raises(NotReadable):
        reader.try_values(ADD(**row | {"shard": 2**80}))

    assert "ten_9" not in ids(reader, UNBOUND)


def test_a_process_without_an_address_is_told(place: Database) -> None:
    with pytest.raises(StoreUnavailable, match="PAYGUARD_READER_URL"):
        open_reader(Database(writer=place.writer))
    with pytest.raises(StoreUnavailable, match="PAYGUARD_DATABASE_URL"):
        open_spanning_reader(Database(reader=place.reader))


def test_connections_are_bounded_and_waiting_is_too(reader: PostgresReader) -> None:
    with ThreadPoolExecutor(2) as threads:
        busy = [threads.submit(reader.fetch, SLEEP(s=1.0, **OWN)) for _ in range(2)]
        while reader._pool()._free._value:
            time.sleep(0.01)
        before = time.monotonic()

        with pytest.raises(StoreUnavailable, match="in use"):
            reader.fetch(SETTINGS())

        assert time.monotonic() - before < 0.9
        assert [len(one.result()) for one in busy] == [1, 1]
    assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]


def test_many_threads_share_the_few(reader: PostgresReader) -> None:
    wide = PostgresReader(reader._url, connections_max=2, timeout_s=10)
    callers = [(f"ten_{one}", f"mer_{one}") for one in (1, 2)] * 50

    with ThreadPoolExecutor(16) as threads:
        found = list(
            threads.map(
                lambda caller: ids(wide, UNBOUND, tenant_id=caller[0], merchant_id=caller[1]),
                callers,
            )
        )

    assert found == [[merchant] for _, merchant in callers]
    assert len(idle(wide)) <= 2
    wide.close()


def test_a_lost_connection_costs_one_error(quick_cluster: Cluster, reader: PostgresReader) -> None:
    barrier = threading.Barrier(2)
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(lambda _: (barrier.wait(), reader.fetch(SLEEP(s=0.05, **OWN))), range(2)))
    assert len(idle(reader)) == 2
    with quick_cluster.connect() as superuser:
        superuser.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name"
            " LIKE 'payguard reader%'"
        )

    with pytest.raises(StoreUnavailable):
        ids(reader, OF_TENANT, **OWN)

    assert [ids(reader, OF_TENANT, **OWN) for _ in range(3)] == [["mer_1"]] * 3


def test_a_statement_that_takes_too_long_is_ended(reader: PostgresReader) -> None:
    before = time.monotonic()

    with pytest.raises(StoreUnavailable, match="QueryCanceled"):
        reader.fetch(SLEEP(s=60, **OWN))

    assert time.monotonic() - before < STATEMENT_TIMEOUT_MS / 1_000 + 5
    assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]


def test_a_patient_reader_waits_longer(place: Database) -> None:
    reader = open_patient_reader(place)

    assert reader.fetch(SLEEP(s=STATEMENT_TIMEOUT_MS / 1_000 + 0.5, **OWN)) == [{"slept": ""}]
    [found] = reader.fetch(LIMIT())
    assert found["scope"] == "1min"


def test_a_database_that_is_not_there_is_unavailable() -> None:
    reader = PostgresReader("postgresql://nobody@127.0.0.1:1/none")

    with pytest.raises(StoreUnavailable):
        reader.fetch(SETTINGS())
    with pytest.raises(StoreUnavailable):
        reader.fetch(SETTINGS())


def test_a_forked_child_opens_its_own_connections(reader: PostgresReader) -> None:
    ids(reader, OF_TENANT, **OWN)
    [parents] = idle(reader)
    process = backend(parents)

    child = os.fork()
    if child == 0:
        is_own = ids(reader, OF_TENANT, **OWN) == ["mer_1"]
        is_own = is_own and process not in {backend(one) for one in idle(reader)}
        os._exit(0 if is_own else 1)

    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]
    assert [backend(one) for one in idle(reader)] == [process]


def test_a_read_is_one_round_trip(quick_cluster: Cluster, place: Database) -> None:
    name = psycopg.conninfo.conninfo_to_dict(place.reader)["dbname"]
    with Wire(quick_cluster.port) as wire:
        reader = PostgresReader(f"postgresql://{READER}@127.0.0.1:{wire.port}/{name}")
        ids(reader, OF_TENANT, **OWN)
        wire.turns.clear()

        assert ids(reader, OF_TENANT, **OWN) == ["mer_1"]

        assert wire.turns == ["client", "server"]
        reader.close()
