"""What may happen once happens once by its statement alone; each guard is known to be needed."""

import datetime as dt
import sqlite3

import msgspec
import pytest

from service.db.places import Database, Place
from service.db.statements import Bound, Statement
from service.rooms.payments import store
from service.rooms.payments.model import Moved, apply
from tests.service.rooms.payments.bodies import JTI, NOW, a_payment, the_claims
from tests.support.guards import RACERS, guards_of, race, run_alone, without
from tests.support.places import change, create_tables

SOON = NOW + dt.timedelta(seconds=60)
PAYMENT = a_payment("approved")
CANCELLED = apply(PAYMENT, Moved(at=NOW, action="cancel", to="cancelled"))
OTHER = msgspec.structs.replace(
    PAYMENT,
    payment_id="pay_2",
    facts=msgspec.structs.replace(PAYMENT.facts, reference="ord-2"),
)
OF_TOKEN = {"tenant_id": "ten_1", "jti": JTI, "payment_id": PAYMENT.payment_id}

# Each guarded statement with values that it takes.
TAKEN: dict[Statement, dict[str, object]] = {
    store.SPEND_TOKEN: {**OF_TOKEN, "now": SOON},
    store.VOID_TOKEN: {**OF_TOKEN, "now": SOON},
    store.EXPIRE_TOKEN: {**OF_TOKEN, "now": NOW + dt.timedelta(seconds=120)},
    store.SAVE_PAYMENT: dict(store.save(CANCELLED, before=PAYMENT.version).values),
}
# What each guard refuses alone: values that differ in nothing else.
REFUSED: list[tuple[Statement, str, dict[str, object]]] = [
    (store.SPEND_TOKEN, "tenant_id", {"tenant_id": "ten_2"}),
    (store.SPEND_TOKEN, "jti", {"jti": "another"}),
    (store.SPEND_TOKEN, "payment_id", {"payment_id": "pay_2"}),
    (store.SPEND_TOKEN, "expires_at", {"now": NOW + dt.timedelta(seconds=120)}),
    (store.VOID_TOKEN, "tenant_id", {"tenant_id": "ten_2"}),
    (store.VOID_TOKEN, "jti", {"jti": "another"}),
    (store.VOID_TOKEN, "payment_id", {"payment_id": "pay_2"}),
    (store.EXPIRE_TOKEN, "tenant_id", {"tenant_id": "ten_2"}),
    (store.EXPIRE_TOKEN, "jti", {"jti": "another"}),
    (store.EXPIRE_TOKEN, "payment_id", {"payment_id": "pay_2"}),
    (store.EXPIRE_TOKEN, "expires_at", {"now": SOON}),
    (store.SAVE_PAYMENT, "tenant_id", {"tenant_id": "ten_2"}),
    (store.SAVE_PAYMENT, "payment_id", {"payment_id": "pay_2"}),
    (store.SAVE_PAYMENT, "version", {"before": PAYMENT.version - 1}),
]
# The guards by which of many equal changes one wins.
ONCE = [
    (store.SPEND_TOKEN, "state"),
    (store.VOID_TOKEN, "state"),
    (store.EXPIRE_TOKEN, "state"),
    (store.SAVE_PAYMENT, "version"),
]


def name(value: object) -> str:
    return value.name if isinstance(value, Statement) else str(value)


@pytest.fixture
def database(place: Place) -> Place:
    """A payment that is approved, with its active token."""
    create_tables(place)
    run_alone(place, store.insert(PAYMENT))
    run_alone(place, store.insert_token(the_claims(PAYMENT), tenant_id="ten_1", now=NOW))
    return place


@pytest.mark.parametrize("statement", TAKEN, ids=name)
def test_of_many_racers_one_wins(database: Place, statement: Statement) -> None:
    assert race(database, [statement(**TAKEN[statement])] * RACERS) == 1


@pytest.mark.parametrize(("statement", "guard"), ONCE, ids=name)
def test_without_its_guard_more_than_one_wins(
    database: Place, statement: Statement, guard: str
) -> None:
    mutant = without(statement, guard)

    assert race(database, [mutant(**TAKEN[statement])] * RACERS) == RACERS


@pytest.mark.parametrize(("statement", "guard", "values"), REFUSED, ids=name)
def test_a_guard_refuses_what_is_not_its_own(
    database: Place, statement: Statement, guard: str, values: dict[str, object]
) -> None:
    given = {**TAKEN[statement], **values}

    assert run_alone(database, statement(**given)) == 0
    assert run_alone(database, without(statement, guard)(**given)) == 1


def test_every_guard_of_every_guarded_statement_is_tried() -> None:
    guarded = {one for one in vars(store).values() if isinstance(one, Statement) and is_update(one)}
    tried = {(one, guard) for one, guard, _ in REFUSED} | set(ONCE)

    assert tried == {(one, guard) for one in guarded for guard in guards_of(one)}


def is_update(statement: Statement) -> bool:
    return bool(getattr(statement.construct, "is_update", False))


@pytest.mark.parametrize(
    "first", [store.SPEND_TOKEN, store.VOID_TOKEN, store.EXPIRE_TOKEN], ids=name
)
@pytest.mark.parametrize(
    "then", [store.SPEND_TOKEN, store.VOID_TOKEN, store.EXPIRE_TOKEN], ids=name
)
def test_a_token_that_ended_never_ends_again(
    database: Place, first: Statement, then: Statement
) -> None:
    run_alone(database, first(**TAKEN[first]))

    assert run_alone(database, then(**TAKEN[then])) == 0


def references() -> list[Bound]:
    """Return new payments that share a reference and nothing else."""
    return [
        store.insert(msgspec.structs.replace(PAYMENT, payment_id=f"pay_1{racer}"))
        for racer in range(RACERS)
    ]


def tokens() -> list[Bound]:
    """Return new active tokens of one payment."""
    claims = [the_claims(OTHER, jti=f"jti-{racer}") for racer in range(RACERS)]
    return [store.insert_token(one, tenant_id="ten_1", now=NOW) for one in claims]


def test_a_reference_makes_one_payment(place: Place) -> None:
    create_tables(place)

    assert race(place, references()) == 1


def test_without_its_constraint_a_reference_makes_many_payments(own_place: Place) -> None:
    create_tables(own_place)
    drop_constraint(own_place, "uq_payments_tenant_id_merchant_id_mode_reference")

    assert race(own_place, references()) == RACERS


def test_a_payment_has_one_active_token(database: Place) -> None:
    run_alone(database, store.insert(OTHER))

    assert race(database, tokens()) == 1


def test_without_its_index_a_payment_has_many_active_tokens(own_place: Place) -> None:
    create_tables(own_place)
    run_alone(own_place, store.insert(OTHER))
    change(own_place, "DROP INDEX uq_payment_tokens_active")

    assert race(own_place, tokens()) == RACERS


def drop_constraint(place: Place, constraint: str) -> None:
    """Take a unique constraint out of a table, as no migration of ours would."""
    if isinstance(place, Database):
        change(place, f"ALTER TABLE payments DROP CONSTRAINT {constraint}")
        return
    connection = sqlite3.connect(place)
    [text] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'payments'").fetchone()
    lines = [line for line in text.splitlines() if constraint not in line]
    connection.execute("DROP TABLE payments")
    connection.execute("\n".join(lines))
    connection.close()
