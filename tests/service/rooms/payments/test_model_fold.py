"""The row equals the fold of its events, whatever happens, and the database agrees to each step."""

import datetime as dt
from itertools import pairwise
from typing import Any, get_args

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from service.db.places import Place
from service.db.statements import Statement
from service.db.store import GuardFailed, Store
from service.db.stores import open_store
from service.kernel.facts import EventType
from service.rooms.payments import moves, store
from service.rooms.payments.contract import Status
from service.rooms.payments.model import (
    Body,
    Executed,
    Judged,
    Moved,
    Payment,
    Reported,
    TokenIssued,
    apply,
    event_type,
    fold,
    from_row,
    read_body,
    to_row,
)
from service.rooms.payments.tables import PAYMENTS
from tests.service.rooms.payments.bodies import (
    EXEMPTION,
    LATER,
    NOW,
    PAYMENT_ID,
    a_judgement,
    a_payment,
    a_request,
    created,
)
from tests.support.places import create_tables

READ = store.by_id(PAYMENT_ID, tenant_id="ten_1", merchant_id="mer_1", mode="live")
JUDGED: tuple[Status, ...] = ("approved", "challenge_required", "held", "declined")
MINOR = st.none() | st.integers(0, 20_000)


def targets(payment: Payment, action: moves.Action) -> list[Status]:
    """Return where an action of ours may lead, by the table and by what handlers check."""
    found = [to for to in moves.STATUSES if moves.move(payment.status, action, to) == to]
    if action == "resume":
        return [to for to in found if to == payment.suspended_from]
    if action in {"reverse", "lapse"} and payment.captured_minor:
        return []
    return found


@st.composite
def judgements(draw: Any, to: Status) -> Any:
    exemption = draw(st.sampled_from((None, EXEMPTION))) if to == "approved" else None
    return a_judgement(to, exemption=exemption, reviews_before_capture=draw(st.booleans()))


@st.composite
def reports(draw: Any) -> Reported:
    kind: EventType = draw(st.sampled_from(get_args(EventType)))
    result = draw(st.none() | st.sampled_from(({"code": "lost"}, {"code": "won"})))
    return Reported(
        at=NOW,
        type=kind,
        source="psp",
        external_id=draw(st.text("abc", min_size=1, max_size=4)),
        occurred_at=NOW,
        amount_minor=draw(MINOR),
        result=msgspec.convert(result, Reported.__annotations__["result"]) if result else None,
        data=draw(st.none() | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)),
    )


@st.composite
def own_events(draw: Any, payment: Payment) -> Body | None:
    """Draw an event that a handler could make now; None where there is none."""
    actions = [action for action in moves.allowed(payment.status) if targets(payment, action)]
    actions = [one for one in actions if one not in moves.MOVING_EVENTS and one != "close"]
    if payment.status == "approved" and draw(st.booleans()):
        return TokenIssued(at=NOW, jti=draw(st.text("jk", min_size=1)), expires_at=LATER)
    if payment.token_jti is None:
        actions = [action for action in actions if action != "execute"]
    if not actions:
        return None
    action = draw(st.sampled_from(actions))
    to = draw(st.sampled_from(targets(payment, action)))
    at = NOW + dt.timedelta(seconds=draw(st.integers(0, 9)))
    if action == "execute":
        assert payment.token_jti is not None
        return Executed(
            at=at,
            jti=payment.token_jti,
            decision={"executing": "go", "held": "hold", "declined": "stop"}[to],
            amount_minor=draw(st.integers(0, payment.requested_minor)),
            assessment_id="asm_2",
            no_answer_at=LATER,
            judgement=None if to == "executing" else draw(judgements(to)),
        )
    if action in {"prove", "fail", "judge_again", "lift", "end", "stop"}:
        return Judged(at=at, action=action, judgement=draw(judgements(to)))
    return Moved(at=at, action=action, to=to)


@st.composite
def lives(draw: Any) -> list[Body]:
    """Draw a whole life: a creation, then legal commands and reports in any order."""
    bodies: list[Body] = [created(draw(st.sampled_from(JUDGED)), facts=a_request())]
    payment = fold(bodies)
    for _ in range(draw(st.integers(0, 12))):
        own = draw(own_events(payment)) if draw(st.integers(0, 2)) else None
        body = own or draw(reports())
        payment = apply(payment, body)
        bodies.append(body)
    return bodies


INSERTED = Statement(sa.insert(PAYMENTS), rows=1, name="any payment")


@pytest.fixture(scope="module")
def database(module_place: Place) -> Place:
    create_tables(module_place)
    return module_place


def saved(kept: Store, bodies: list[Body]) -> Payment:
    """Return the payment read back after each event was saved, and leave nothing behind."""
    transaction = kept.begin()
    payment = apply(None, bodies[0])
    transaction.run([store.insert(payment)])
    for body in bodies[1:]:
        after = apply(payment, body)
        transaction.run([store.save(after, before=payment.version)])
        payment = after
    [row] = transaction.fetch(READ)
    transaction.rollback()
    return from_row(row)


def reread(bodies: list[Body]) -> list[Body]:
    return [
        read_body(event_type(body), msgspec.json.decode(msgspec.json.encode(body)))
        for body in bodies
    ]


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(bodies=lives())
def test_the_row_equals_the_fold_of_its_stored_events(database: Place, bodies: list[Body]) -> None:
    kept = open_store(database)

    row = saved(kept, bodies)
    folded = fold(reread(bodies))
    kept.close()

    assert row == folded


@pytest.mark.long
@settings(max_examples=150, deadline=None)
@given(bodies=lives())
def test_final_is_final_and_what_was_given_back_took_no_money(bodies: list[Body]) -> None:
    steps = [fold(bodies[: count + 1]) for count in range(len(bodies))]
    after_the_end = [
        (before, after) for before, after in pairwise(steps) if before.status in moves.FINAL
    ]

    assert all(after.status == before.status for before, after in after_the_end)
    returned = [one for one in steps if one.exemption_state == "returned"]
    assert not any(one.executed_minor or one.captured_minor for one in returned)
    assert all(
        (before.exemption_state, after.exemption_state) != ("counted", "returned")
        for before, after in after_the_end
    )
    assert all(one.sent_minor is None or one.sent_minor <= one.requested_minor for one in steps)


@given(bodies=lives())
def test_a_payment_survives_its_row(bodies: list[Body]) -> None:
    payment = fold(bodies)

    assert from_row(to_row(payment)) == payment


@pytest.mark.parametrize(
    "broken",
    [
        {"status": "elsewhere"},
        {"captured_minor": -1},
        {"sent_minor": 10_001},
        {"timer_at": None},
        {"approval_expires_at": None},
        {"challenge_id": "chl_1"},
        {"hold_id": "hld_1"},
        {"suspended_from": "executed"},
        {"exemption_state": "counted"},
        {"status": "executed", "approval_expires_at": None},
    ],
)
def test_the_database_refuses_a_row_that_no_fold_makes(database: Place, broken) -> None:
    kept = open_store(database)
    row = {**to_row(a_payment("approved")), **broken}

    with pytest.raises(GuardFailed, match=r"IntegrityError|23514"):
        kept.begin().run([INSERTED(**row)])

    kept.close()
