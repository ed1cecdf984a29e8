"""A challenge and a hold end once, by their statements alone; each guard is known to be needed."""

import datetime as dt

import msgspec
import pytest

from service.db.places import Place
from service.db.statements import Statement
from service.rooms.challenges import store
from service.rooms.challenges.model import Challenge, Hold
from tests.support.guards import RACERS, guards_of, race, run_alone, without
from tests.support.places import change, create_tables

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
END = NOW + dt.timedelta(minutes=5)
SOON = NOW + dt.timedelta(minutes=1)
CHALLENGE = Challenge(
    tenant_id="ten_1",
    challenge_id="chl_1",
    merchant_id="mer_1",
    mode="live",
    subject_kind="payment",
    subject_id="pay_1",
    level=2,
    any_of=("passkey", "password+otp"),
    created_at=NOW,
    expires_at=END,
)
HOLD = Hold(
    tenant_id="ten_1",
    hold_id="hld_1",
    merchant_id="mer_1",
    mode="live",
    subject_kind="payment",
    subject_id="pay_1",
    grounds="review",
    end_action="challenge",
    end_level=3,
    end_any_of=("spc", "passkey"),
    created_at=NOW,
    ends_at=END,
)
OF_CHALLENGE = {"tenant_id": "ten_1", "challenge_id": "chl_1"}
OF_HOLD = {"tenant_id": "ten_1", "hold_id": "hld_1"}

TAKEN: dict[Statement, dict[str, object]] = {
    store.CLOSE_CHALLENGE: {**OF_CHALLENGE, "to": "cancelled", "now": SOON},
    store.PASS_CHALLENGE: {**OF_CHALLENGE, "now": SOON},
    store.EXPIRE_CHALLENGE: {**OF_CHALLENGE, "now": END},
    store.CLOSE_HOLD: {**OF_HOLD, "to": "cancelled", "now": SOON},
    store.END_HOLD: {**OF_HOLD, "now": END},
}
REFUSED: list[tuple[Statement, str, dict[str, object]]] = [
    *((one, "tenant_id", {"tenant_id": "ten_2"}) for one in TAKEN),
    (store.CLOSE_CHALLENGE, "challenge_id", {"challenge_id": "chl_2"}),
    (store.PASS_CHALLENGE, "challenge_id", {"challenge_id": "chl_2"}),
    (store.PASS_CHALLENGE, "expires_at", {"now": END}),
    (store.EXPIRE_CHALLENGE, "challenge_id", {"challenge_id": "chl_2"}),
    (store.EXPIRE_CHALLENGE, "expires_at", {"now": SOON}),
    (store.CLOSE_HOLD, "hold_id", {"hold_id": "hld_2"}),
    (store.END_HOLD, "hold_id", {"hold_id": "hld_2"}),
    (store.END_HOLD, "ends_at", {"now": SOON}),
]
ONCE = [(one, "state") for one in TAKEN]


def name(value: object) -> str:
    return value.name if isinstance(value, Statement) else str(value)


@pytest.fixture
def database(place: Place) -> Place:
    """An open challenge and an active hold."""
    create_tables(place)
    run_alone(place, store.insert_challenge(CHALLENGE))
    run_alone(place, store.insert_hold(HOLD))
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
    guarded = {
        one
        for one in vars(store).values()
        if isinstance(one, Statement) and getattr(one.construct, "is_update", False)
    }
    tried = {(one, guard) for one, guard, _ in REFUSED} | set(ONCE)

    assert tried == {(one, guard) for one in guarded for guard in guards_of(one)}


def test_a_subject_has_one_open_challenge(database: Place) -> None:
    second = msgspec.structs.replace(CHALLENGE, challenge_id="chl_2")

    assert run_alone(database, store.insert_challenge(second)) == 0
    run_alone(database, store.CLOSE_CHALLENGE(**{**OF_CHALLENGE, "to": "replaced", "now": SOON}))
    assert run_alone(database, store.insert_challenge(second)) == 1


def test_a_subject_has_one_active_hold(database: Place) -> None:
    second = msgspec.structs.replace(HOLD, hold_id="hld_2")

    assert run_alone(database, store.insert_hold(second)) == 0
    run_alone(database, store.CLOSE_HOLD(**{**OF_HOLD, "to": "lifted", "now": SOON}))
    assert run_alone(database, store.insert_hold(second)) == 1


def test_without_its_index_a_subject_has_many_holds(own_place: Place) -> None:
    create_tables(own_place)
    change(own_place, "DROP INDEX uq_holds_active")
    many = [msgspec.structs.replace(HOLD, hold_id=f"hld_1{racer}") for racer in range(RACERS)]

    assert race(own_place, [store.insert_hold(one) for one in many]) == RACERS
