"""What events make of a payment: amounts, statuses, timers, in step and out of step."""

import pytest

from service.kernel.money import Amount
from service.rooms.payments.model import (
    BODIES,
    Executed,
    IllegalMove,
    Judged,
    Moved,
    apply,
    event_type,
    fold,
    is_late_success,
    step,
)
from service.rooms.payments.moves import FINAL, MOVING_EVENTS, STATUSES, NotAllowed, move
from tests.service.rooms.payments.bodies import (
    EXEMPTION,
    JTI,
    LATER,
    NOW,
    a_judgement,
    a_payment,
    a_request,
    amounts,
    created,
    executed,
    reported,
    token_issued,
    way_to,
)


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_is_reached_by_events(status) -> None:
    assert a_payment(status).status == status


def test_a_version_counts_the_events() -> None:
    assert a_payment("captured").version == len(way_to("captured"))


def test_every_kind_of_body_has_a_type_of_its_own() -> None:
    bodies = {type(body): body for status in STATUSES for body in way_to(status)}

    assert {event_type(body): kind for kind, body in bodies.items()}.items() <= BODIES.items()


def test_an_authorization_without_an_amount_stands_for_what_was_sent() -> None:
    payment = fold([created(), token_issued(), executed(8_000), reported("authorized")])

    assert amounts(payment) == {"executed": 8_000}


def test_what_is_captured_at_once_is_executed() -> None:
    payment = apply(a_payment("executing"), reported("captured", 10_000))

    assert payment.status == "captured"
    assert amounts(payment) == {"executed": 10_000, "captured": 10_000}


def test_a_capture_without_an_amount_takes_what_is_left() -> None:
    payment = apply(a_payment("captured"), reported("captured"))

    assert amounts(payment) == {"executed": 10_000, "captured": 10_000}


def test_a_full_reversal_with_nothing_captured_reverses() -> None:
    payment = a_payment("reversed")

    assert amounts(payment) == {"executed": 10_000, "released": 10_000}
    assert payment.timer_at is None


def test_a_part_released_before_capture_changes_amounts_alone() -> None:
    after = step(a_payment("executed"), reported("reversed", 4_000))

    assert not after.is_in_step
    assert after.payment.status == "executed"
    assert amounts(after.payment) == {"executed": 10_000, "released": 4_000}


def test_releasing_the_rest_and_settling_the_part_closes() -> None:
    captured = a_payment("captured")

    released = apply(captured, reported("reversed"))
    settled = apply(released, reported("settled"))

    assert released.status == "captured"
    assert settled.status == "settled"
    assert amounts(settled) == {
        "executed": 10_000,
        "captured": 6_000,
        "released": 4_000,
        "settled": 6_000,
    }


def test_settled_before_captured_closes_with_the_capture() -> None:
    early = step(a_payment("executed"), reported("settled", 10_000))
    closed = step(early.payment, reported("captured", 10_000))

    assert (early.is_in_step, early.payment.status) == (False, "executed")
    assert (closed.is_in_step, closed.payment.status) == (True, "settled")


def test_a_part_settled_keeps_it_captured() -> None:
    payment = apply(a_payment("captured"), reported("settled", 6_000))

    assert payment.status == "captured"


def test_refunds_and_lost_disputes_never_move_the_status() -> None:
    payment = apply(a_payment("settled"), reported("refunded", 3_000))
    payment = apply(payment, reported("dispute_closed", code="lost"))

    assert payment.status == "settled"
    assert amounts(payment)["refunded"] == 3_000
    assert amounts(payment)["charged_back"] == 7_000


def test_a_dispute_that_is_won_costs_nothing() -> None:
    payment = apply(a_payment("settled"), reported("dispute_closed", 10_000, code="won"))

    assert payment.charged_back_minor == 0


@pytest.mark.parametrize("event", sorted(MOVING_EVENTS))
@pytest.mark.parametrize("status", STATUSES)
def test_an_event_outside_the_table_moves_nothing_and_is_out_of_step(status, event) -> None:
    before = a_payment(status)
    in_table = not isinstance(move(status, event, to=first_target(status, event)), NotAllowed)

    after = step(before, reported(event, 1))

    assert in_table or not after.is_in_step
    assert in_table or after.payment.status == status
    assert after.payment.version == before.version + 1


def first_target(status, event):
    found = [to for to in STATUSES if move(status, event, to) == to]
    return found[0] if found else "approved"


@pytest.mark.parametrize("status", sorted(FINAL))
def test_money_that_comes_after_the_end_is_counted_and_moves_nothing(status) -> None:
    before = a_payment(status)

    after = step(before, reported("captured", 700))

    assert after.payment.captured_minor == before.captured_minor + 700
    assert (after.payment.status, after.is_in_step) == (status, False)
    assert is_late_success(status, "captured") == (status != "settled")


def test_review_before_capture_suspends_and_resumes_to_where_it_was() -> None:
    way = [created(reviews_before_capture=True, outcome="review"), token_issued(), executed()]

    payment = fold([*way, reported("authorized")])
    resumed = apply(payment, Moved(at=NOW, action="resume", to="executed"))

    assert (payment.status, payment.suspended_from) == ("suspended", "executed")
    assert (resumed.status, resumed.suspended_from) == ("executed", None)


def test_a_capture_while_suspended_resumes_to_captured() -> None:
    payment = apply(a_payment("suspended"), reported("captured", 6_000))

    assert (payment.status, payment.suspended_from) == ("suspended", "captured")
    with pytest.raises(IllegalMove):
        apply(payment, Moved(at=NOW, action="resume", to="executed"))


def test_all_settled_while_suspended_closes_when_resumed() -> None:
    payment = apply(a_payment("suspended"), reported("captured"))
    payment = apply(payment, reported("settled"))

    resumed = apply(payment, Moved(at=NOW, action="resume", to="captured"))

    assert payment.status == "suspended"
    assert resumed.status == "settled"


def test_an_authorization_lapses_at_its_time_unless_something_is_captured() -> None:
    authorized = apply(
        a_payment("executing"), reported("authorized", authorization_expires_at=LATER)
    )
    captured = apply(authorized, reported("captured", 1))
    lapsed = apply(authorized, Moved(at=LATER, action="lapse", to="reversed"))

    assert (authorized.timer_at, authorized.timer_action) == (LATER, "lapse")
    assert captured.timer_at is None
    assert (lapsed.status, lapsed.released_minor) == ("reversed", 10_000)


def test_a_suspended_payment_lapses_only_with_nothing_captured() -> None:
    authorized = apply(
        a_payment("executing"), reported("authorized", authorization_expires_at=LATER)
    )

    suspended = apply(authorized, Moved(at=NOW, action="suspend", to="suspended"))
    captured = apply(suspended, reported("captured", 1))

    assert (suspended.timer_at, suspended.timer_action) == (LATER, "lapse")
    assert (captured.timer_at, captured.timer_action) == (None, None)


def test_nothing_is_reversed_by_us_once_something_is_captured() -> None:
    payment = apply(a_payment("suspended"), reported("captured", 1))

    with pytest.raises(IllegalMove):
        apply(payment, Moved(at=NOW, action="reverse", to="reversed"))


@pytest.mark.parametrize(
    ("to", "timer"), [("approved", "expire"), ("challenge_required", "expire"), ("held", "end")]
)
def test_a_judgement_sets_the_timer_of_its_status(to, timer) -> None:
    payment = fold([created(to)])

    assert (payment.timer_at, payment.timer_action) == (LATER, timer)


def test_a_report_leaves_the_timer_of_an_approval() -> None:
    payment = apply(a_payment("approved"), reported("shipped"))

    assert (payment.timer_at, payment.timer_action) == (LATER, "expire")


def test_silence_becomes_unknown_and_has_no_timer() -> None:
    payment = a_payment("unknown")

    assert payment.timer_at is None


def test_officers_evidence_stands_for_the_authorization() -> None:
    payment = apply(a_payment("unknown"), Moved(at=NOW, action="resolve", to="executed"))

    assert amounts(payment) == {"executed": 10_000}


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (Moved(at=NOW, action="cancel", to="cancelled"), "returned"),
        (Moved(at=NOW, action="expire", to="expired"), "returned"),
        (Judged(at=NOW, action="stop", judgement=a_judgement("declined")), "counted"),
    ],
)
def test_an_exemption_is_given_back_where_nothing_was_tried(end, state) -> None:
    payment = fold([created(exemption=EXEMPTION), token_issued(), end])

    assert payment.exemption_state == state
    assert payment.exemption == EXEMPTION


@pytest.mark.parametrize("event", ["authorized", "captured"])
def test_an_exemption_is_given_back_until_money_is_taken_after_all(event) -> None:
    way = [created(exemption=EXEMPTION), token_issued(), executed(), reported("refused")]

    failed = fold(way)
    nothing = apply(failed, reported(event, 0))
    taken = apply(nothing, reported(event, 100))
    released = apply(taken, reported("reversed", 100))

    states = [one.exemption_state for one in (failed, nothing, taken, released)]
    assert states == ["returned", "returned", "counted", "counted"]


@pytest.mark.parametrize(
    "body",
    [
        created(),
        Moved(at=NOW, action="decline", to="declined"),
        Judged(at=NOW, action="prove", judgement=a_judgement()),
        executed(10_001),
        Executed(
            at=NOW, jti="other", decision="go", amount_minor=1, assessment_id="a", no_answer_at=NOW
        ),
        Executed(at=NOW, jti=JTI, decision="go", amount_minor=1, assessment_id="a"),
        Executed(at=NOW, jti=JTI, decision="stop", amount_minor=1, assessment_id="a"),
    ],
)
def test_an_event_of_ours_that_the_table_does_not_have_is_our_mistake(body) -> None:
    with pytest.raises(IllegalMove):
        apply(a_payment("approved"), body)


def test_a_token_is_not_issued_while_held() -> None:
    with pytest.raises(IllegalMove):
        apply(a_payment("held"), token_issued())


@pytest.mark.parametrize(
    ("to", "missing"),
    [
        ("approved", "approval_expires_at"),
        ("challenge_required", "challenge_id"),
        ("challenge_required", "challenge_expires_at"),
        ("held", "hold_id"),
        ("held", "hold_ends_at"),
    ],
)
def test_a_judgement_without_what_its_status_needs_is_our_mistake(to, missing) -> None:
    with pytest.raises(IllegalMove):
        fold([created(to, **{missing: None})])


@pytest.mark.parametrize("bodies", [[], [token_issued()]])
def test_a_payment_begins_with_its_creation(bodies) -> None:
    with pytest.raises(IllegalMove):
        fold(bodies)


def test_a_verification_of_nothing_closes_when_it_is_captured() -> None:
    facts = a_request(kind="verification", amount=Amount(value=0, currency="CNY"))

    payment = fold([created(facts=facts), token_issued(), executed(0), reported("captured", 0)])

    assert payment.status == "settled"
