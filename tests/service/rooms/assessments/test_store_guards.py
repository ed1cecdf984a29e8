"""A move of an action happens once by its statement alone; each guard is known to be needed."""

import datetime as dt

import msgspec
import pytest

from service.db.places import Place
from service.db.statements import Bound, Statement
from service.kernel.facts import PayerKept
from service.rooms.assessments import model, store
from service.rooms.assessments.contract import ActionFacts
from service.rooms.assessments.model import Made, Moved
from tests.support.guards import RACERS, guards_of, race, run_alone, without
from tests.support.places import create_tables

NOW = dt.datetime(2026, 11, 24, 12, 0, tzinfo=dt.UTC)
HELD = model.made(
    Made(
        at=NOW,
        tenant_id="ten_1",
        assessment_id="asm_1",
        merchant_id="mer_1",
        mode="live",
        facts=ActionFacts(
            event="login",
            payer=PayerKept(payer_key="c_17", payer_id="c_17"),
            occurred_at=NOW,
        ),
        outcome="hold",
        reason_code="sandbox_forced",
        level=None,
        to="held",
        hold_id="hld_1",
        ends_at=NOW + dt.timedelta(days=1),
    )
)
RELEASED = model.moved(HELD, Moved(at=NOW, action="release", to="approved"))
SAVE = store.save_action(RELEASED, before=HELD)
REFUSED = [
    ("tenant_id", {"of_tenant": "ten_2"}),
    ("merchant_id", {"of_merchant": "mer_2"}),
    ("mode", {"of_mode": "sandbox"}),
    ("assessment_id", {"of_id": "asm_2"}),
    ("status", {"from_status": "challenge_required"}),
    ("version", {"from_version": 2}),
]


@pytest.fixture
def database(place: Place) -> Place:
    """An action that is held, with its assessment."""
    create_tables(place)
    empty = dict.fromkeys(("judged", "inputs", "features", "salt"), b"")
    row = store.INSERT_ASSESSMENT(
        tenant_id="ten_1",
        assessment_id="asm_1",
        merchant_id="mer_1",
        mode="live",
        subject_id="asm_1",
        stage="account",
        outcome="hold",
        strategy_id="str_1",
        made_at=NOW,
        schema=1,
        **empty,
    )
    run_alone(place, row)
    run_alone(place, store.insert_action(HELD))
    return place


def test_every_guard_is_tried_below() -> None:
    assert guards_of(store.SAVE_ACTION) == [name for name, _ in REFUSED]


@pytest.mark.parametrize(("guard", "given"), REFUSED)
def test_each_guard_refuses_alone_and_its_mutant_does_not(
    database: Place, guard: str, given: dict[str, object]
) -> None:
    values = {**SAVE.values, **given}
    mutant: Statement = without(store.SAVE_ACTION, guard)

    assert run_alone(database, store.SAVE_ACTION(**values)) == 0
    named = {name: value for name, value in values.items() if name not in given}
    assert run_alone(database, mutant(**named)) == 1


def test_of_many_equal_moves_one_wins(database: Place) -> None:
    bounds: list[Bound] = [SAVE] * RACERS

    assert race(database, bounds) == 1


def test_a_release_with_a_refusal_in_between_touches_nothing(database: Place) -> None:
    declined = model.moved(HELD, Moved(at=NOW, action="refuse", to="declined"))

    assert run_alone(database, store.save_action(declined, before=HELD)) == 1
    assert run_alone(database, SAVE) == 0


def test_a_row_and_its_action_are_the_same() -> None:
    assert model.from_row(model.to_row(HELD)) == HELD
    assert msgspec.structs.replace(RELEASED, version=1) != HELD
