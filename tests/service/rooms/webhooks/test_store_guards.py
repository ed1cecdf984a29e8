"""What happens once happens once by its statement alone; each guard is known to be needed."""

import datetime as dt
import threading
import time

import psycopg
import pytest
import sqlalchemy as sa

from service.db import postgres
from service.db.places import Database, Place
from service.db.statements import Bound, Compiler, Statement
from service.rooms.merchants import store as merchants
from service.rooms.webhooks import store
from service.rooms.webhooks.contract import ENDPOINTS_MAX
from service.rooms.webhooks.tables import ENDPOINTS
from tests.support.guards import RACERS, guards_of, race, run_alone, without
from tests.support.places import change, create_tables, with_jars
from tests.support.postgres import Cluster

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted"
NOW = dt.datetime(2026, 11, 24, 8, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(days=1)
OWNER = {"tenant_id": "ten_1", "merchant_id": "mer_1", "mode": "live"}
OF = {"of_tenant": "ten_1", "of_endpoint": "whe_1"}
ENDPOINT = {"url": "https://hooks.example/", "description": "", "kinds": "", "created_at": NOW}

TAKEN: dict[Statement, dict[str, object]] = {
    store.MOVE_CURSOR: {
        "of_tenant": "ten_1",
        "after_sequence": 0,
        "after_ordinal": store.ORDINAL_LAST,
        "until_sequence": 9,
        "until_ordinal": 0,
    },
    store.SETTLE_DELIVERY: {
        "of_tenant": "ten_1",
        "of_delivery": "whd_1",
        "of_attempts": 0,
        "to_state": "delivered",
        "next_at": None,
        "status": 200,
        "cause": "ok",
        "ends_at": NOW,
    },
    store.UPDATE_ENDPOINT: {
        **OF,
        "of_version": 1,
        "url": "https://other.example/",
        "description": "",
        "kinds": "",
        "to_state": "deleted",
        "because": None,
        "failing_since": None,
    },
    store.EXPIRE_SECRET: {**OF, "ends_at": LATER},
}
# What makes the statement one that only one of many can win; without all of it each would.
ONCE = {
    store.MOVE_CURSOR: ("sequence", "ordinal"),
    store.SETTLE_DELIVERY: ("attempts", "state"),
    store.UPDATE_ENDPOINT: ("version", "state"),
    store.EXPIRE_SECRET: ("expires_at",),
}
REFUSED: list[tuple[Statement, str, dict[str, object]]] = [
    *((one, "tenant_id", {"of_tenant": "ten_2"}) for one in TAKEN),
    (store.MOVE_CURSOR, "sequence", {"after_sequence": 1}),
    (store.MOVE_CURSOR, "ordinal", {"after_ordinal": 1}),
    (store.SETTLE_DELIVERY, "delivery_id", {"of_delivery": "whd_2"}),
    (store.SETTLE_DELIVERY, "attempts", {"of_attempts": 1}),
    (store.UPDATE_ENDPOINT, "endpoint_id", {"of_endpoint": "whe_2"}),
    (store.UPDATE_ENDPOINT, "version", {"of_version": 2}),
    (store.EXPIRE_SECRET, "endpoint_id", {"of_endpoint": "whe_2"}),
]


def name(value: object) -> str:
    return value.name if isinstance(value, Statement) else str(value)


def insert_endpoint(endpoint_id: str) -> Bound:
    return store.INSERT_ENDPOINT(**OWNER, **ENDPOINT, endpoint_id=endpoint_id)


def insert_secret(secret_id: str) -> Bound:
    return store.INSERT_SECRET(
        tenant_id="ten_1",
        secret_id=secret_id,
        endpoint_id="whe_1",
        public_key="whpk_x",
        sealed=b"sealed",
        created_at=NOW,
        expires_at=None,
    )


def insert_delivery(delivery_id: str) -> Bound:
    return store.INSERT_DELIVERY(
        **OWNER,
        delivery_id=delivery_id,
        endpoint_id="whe_1",
        event_id="evt_1",
        state="pending",
        attempts=0,
        started_at=NOW,
        next_attempt_at=NOW,
        last_status=None,
        last_cause=None,
        created_at=NOW,
        ended_at=None,
    )


@pytest.fixture
def database(place: Place) -> Place:
    """An endpoint with its keys, a cursor, and a delivery that waits."""
    create_tables(place)
    fill(place)
    return place


def fill(place: Place) -> None:
    merchant = {
        "tenant_id": "ten_1",
        "merchant_id": "mer_1",
        "name": "Lin's Phones",
        "preset": "judge_only",
        "review_mode": "hold",
        "limits": "{}",
        "status": "active",
        "created_at": NOW,
        "version": 1,
    }
    event = {
        **OWNER,
        "event_id": "evt_1",
        "kind": "payguard.payment.moved",
        "subject_id": "pay_1",
        "created_at": NOW,
        "body": b"{}",
    }
    for bound in (
        merchants.INSERT_TENANT(tenant_id="ten_1", shard=0, created_at=NOW),
        merchants.INSERT_MERCHANT(**merchant),
        insert_endpoint("whe_1"),
        insert_secret("whs_1"),
        store.START_CURSOR(tenant_id="ten_1"),
        store.INSERT_EVENT(**event),
        insert_delivery("whd_1"),
    ):
        assert run_alone(place, bound) == 1, bound.statement.name


@pytest.mark.parametrize("statement", TAKEN, ids=name)
def test_of_many_racers_one_wins(database: Place, statement: Statement) -> None:
    assert race(database, [statement(**TAKEN[statement])] * RACERS) == 1


@pytest.mark.parametrize("statement", TAKEN, ids=name)
def test_without_its_guards_more_than_one_wins(database: Place, statement: Statement) -> None:
    mutant = statement
    for guard in ONCE[statement]:
        mutant = without(mutant, guard)

    assert race(database, [mutant(**TAKEN[statement])] * RACERS) == RACERS


@pytest.mark.parametrize(("statement", "guard", "values"), REFUSED, ids=name)
def test_a_guard_refuses_what_is_not_its_own(
    database: Place, statement: Statement, guard: str, values: dict[str, object]
) -> None:
    given = {**TAKEN[statement], **values}

    assert run_alone(database, statement(**given)) == 0
    assert run_alone(database, without(statement, guard)(**given)) == 1


def test_every_guard_of_every_guarded_statement_is_tried() -> None:
    guarded = {
        one
        for one in vars(store).values()
        if isinstance(one, Statement)
        and getattr(one.construct, "is_update", False)
        and one.rows == 1
        and one is not store.REPLAY_DELIVERY
    }
    tried = {(one, guard) for one, guard, _ in REFUSED}
    tried |= {(one, guard) for one, guards in ONCE.items() for guard in guards}

    assert tried == {(one, guard) for one in guarded for guard in guards_of(one)}


def fill_but_one(place: Place) -> None:
    """Take all places for endpoints but the last."""
    for number in range(2, ENDPOINTS_MAX):
        assert run_alone(place, insert_endpoint(f"whe_{number}")) == 1


def test_of_many_racers_at_the_limit_one_gets_the_last_place(database: Place) -> None:
    fill_but_one(database)

    assert race(database, [insert_endpoint(f"whe_x{racer}") for racer in range(RACERS)]) == 1
    assert run_alone(database, insert_endpoint("whe_y")) == 0


def test_a_place_that_became_free_is_taken_again(database: Place) -> None:
    fill_but_one(database)
    run_alone(database, insert_endpoint("whe_last"))
    run_alone(database, store.UPDATE_ENDPOINT(**TAKEN[store.UPDATE_ENDPOINT]))

    assert run_alone(database, insert_endpoint("whe_x")) == 1
    assert run_alone(database, insert_endpoint("whe_y")) == 0


def in_place(endpoint_id: str, number: int) -> Bound:
    """Return the insert of an endpoint that says itself which place it takes."""
    insert = Statement(sa.insert(ENDPOINTS), name="insert endpoint into a place")
    rest = {"place": number, "state": "enabled", "version": 1}
    rest |= {"disabled_because": None, "failing_since": None}
    return insert(**OWNER, **ENDPOINT, **rest, endpoint_id=endpoint_id)


@pytest.mark.parametrize("number", [0, 1, ENDPOINTS_MAX + 1])
def test_a_place_that_is_taken_or_none_is_refused(database: Place, number: int) -> None:
    assert run_alone(database, in_place("whe_x", number)) == 0
    assert run_alone(database, in_place("whe_x", ENDPOINTS_MAX)) == 1


def late_insert(place: Database) -> int:
    """Insert two endpoints, the second while the first is not committed; return what it wrote."""
    first = insert_endpoint("whe_first")
    compiled = Compiler(postgres.dialect())(first.statement)
    wrote: list[int] = []
    late = threading.Thread(
        target=lambda: wrote.append(run_alone(place, insert_endpoint("whe_late")))
    )
    with psycopg.connect(place.writer) as open_one:
        open_one.execute(compiled.text, compiled.parameters(first.values))
        late.start()
        with psycopg.connect(place.owner, autocommit=True) as look:
            while late.is_alive() and not look.execute(WAITING).fetchone():
                time.sleep(0.01)
    late.join()
    return wrote[0]


def test_who_did_not_see_the_other_gets_no_place_too_many(quick_cluster: Cluster) -> None:
    place = with_jars(quick_cluster)
    fill(place)
    fill_but_one(place)

    assert late_insert(place) == 0


def test_without_its_index_there_is_one_endpoint_too_many(quick_cluster: Cluster) -> None:
    place = with_jars(quick_cluster)
    fill(place)
    fill_but_one(place)
    change(place, "DROP INDEX uq_webhook_endpoints_place")

    assert late_insert(place) == 1


def test_a_tenant_has_one_cursor(database: Place) -> None:
    assert run_alone(database, store.START_CURSOR(tenant_id="ten_1")) == 0


def test_an_endpoint_has_one_newest_key(database: Place) -> None:
    assert run_alone(database, insert_secret("whs_2")) == 0
    run_alone(database, store.EXPIRE_SECRET(**OF, ends_at=LATER))
    assert run_alone(database, insert_secret("whs_2")) == 1


def test_an_event_reaches_an_endpoint_by_one_delivery(database: Place) -> None:
    assert run_alone(database, insert_delivery("whd_2")) == 0
