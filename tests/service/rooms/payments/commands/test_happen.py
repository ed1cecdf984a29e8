"""What is reported is never refused for its order: the same name gets the same answer."""

from typing import Any

import msgspec
import pytest

from service.kernel.facts import EventResult, Payee
from service.rooms.payments import model, queries
from service.rooms.payments.contract import ReportEvent
from service.rooms.payments.tables import PAYMENTS
from service.tables import load_tables
from service.unit_of_work.commands import Reply
from tests.architecture.names import described_kinds
from tests.support.desk import Desk, cny


def gone(desk: Desk) -> str:
    """Return the id of a payment that is under way."""
    reply = desk.create()
    desk.execute(reply.token)
    return reply.payment.id


def test_a_report_moves_the_payment_and_adds_its_amount(desk: Desk) -> None:
    payment_id = gone(desk)

    reply = desk.report(payment_id, "authorized", 10_000)

    assert (reply.status, reply.in_step, reply.amounts.executed) == ("executed", True, 10_000)
    assert desk.payment(payment_id).status == "executed"


def test_the_same_name_gets_the_same_answer_whatever_it_says(desk: Desk) -> None:
    payment_id = gone(desk)
    first = desk.report(payment_id, "authorized", 10_000)
    before = desk.house.dump()

    again = desk.report(payment_id, "refused", external_id="authorized")

    assert again == first
    assert desk.house.dump() == before
    assert desk.house.kinds()[-1] == "payment.event_repeated"


def test_names_are_each_sources_and_each_payments_own(desk: Desk) -> None:
    first, second = gone(desk), gone(desk)
    desk.report(first, "captured", 4_000)

    desk.report(first, "captured", 4_000, source="bank")
    desk.report(second, "captured", 4_000)

    captured = [desk.payment(one).captured_minor for one in (first, second)]
    assert captured == [8_000, 4_000]


def test_the_same_report_twice_in_a_batch_counts_once(desk: Desk) -> None:
    # The inbox keeps them apart; the payment's version holds when it does not.
    payment_id = gone(desk)
    command = desk.event(payment_id, "captured", 4_000)

    results = desk.house.run_batch([(command, desk.call), (command, desk.call)])

    assert [type(one) for one in results] == [Reply, Reply]
    assert desk.payment(payment_id).captured_minor == 4_000


@pytest.mark.parametrize("kind", ["authorized", "captured", "refused", "not_sent", "reversed"])
def test_a_report_out_of_order_moves_no_status(desk: Desk, kind: Any) -> None:
    reply = desk.create()

    told = desk.report(reply.payment.id, kind)

    assert (told.in_step, told.status) == (False, "approved")
    assert desk.house.kinds()[-1] in {"payment.out_of_step", "payment.amount_exceeded"}
    assert desk.execute(reply.token).decision == "go"


@pytest.mark.parametrize(("kind", "is_late"), [("captured", True), ("settled", False)])
def test_money_that_came_after_the_end_is_said_to_be_late(
    desk: Desk, kind: str, is_late: bool
) -> None:
    payment_id = gone(desk)
    desk.report(payment_id, "refused")

    reply = desk.report(payment_id, kind, 10_000)

    [entry] = desk.house.entries("payment.out_of_step")
    assert (reply.status, entry["fields"]["late_success"]) == ("failed", is_late)


def test_a_report_in_another_currency_changes_nothing(desk: Desk) -> None:
    payment_id = gone(desk)
    amount = msgspec.structs.replace(cny(1), currency="USD")
    before = desk.house.dump()

    reply = desk.run(desk.event(payment_id, "captured", amount=amount))

    assert reply.problem is not None
    assert reply.problem.code == "currency_mismatch"
    assert [one.pointer for one in reply.errors] == ["/amount/currency"]
    assert desk.house.dump() == before


@pytest.mark.parametrize("kind", ["settled", "refunded", "dispute_closed"])
def test_what_comes_before_its_capture_needs_an_amount_and_counts_once_it_has_one(
    desk: Desk, kind: Any
) -> None:
    payment_id = gone(desk)
    result = EventResult(code="lost")
    before = desk.house.dump()

    refused = desk.run(desk.event(payment_id, kind, result=result))
    dump = desk.house.dump()
    told = desk.report(payment_id, kind, 700, result=result)

    assert refused.problem is not None
    assert (refused.problem.code, refused.problem.status) == ("event_amount_invalid", 422)
    assert [(one.pointer, one.code) for one in refused.errors] == [("/amount", "missing_field")]
    assert dump == before
    amounts = told.amounts
    assert amounts.settled + amounts.refunded + amounts.charged_back == 700


def test_a_sum_that_would_be_too_large_is_refused_and_changes_nothing(desk: Desk) -> None:
    payment_id = gone(desk)
    for count in range(9):
        desk.report(payment_id, "captured", 10**15, external_id=f"c-{count}")
    before = desk.payment(payment_id)

    refused = desk.run(desk.event(payment_id, "captured", 10**15))

    assert refused.problem is not None
    assert (refused.problem.code, refused.problem.status) == ("event_amount_invalid", 422)
    assert [(e.pointer, e.code) for e in refused.errors] == [("/amount/value", "out_of_range")]
    assert desk.payment(payment_id) == before
    assert desk.report(payment_id, "captured", 2**53 - 1 - 9 * 10**15).amounts.captured == 2**53 - 1


def test_what_exceeds_is_stored_and_logged_once_for_each(desk: Desk) -> None:
    payment_id = gone(desk)
    desk.report(payment_id, "authorized", 10_001)
    desk.report(payment_id, "captured", 10_002)
    desk.report(payment_id, "refunded", 10_003)

    entries = desk.house.entries("payment.amount_exceeded")

    assert [one["fields"]["excess"] for one in entries] == [
        "executed_above_requested",
        "executed_above_sent",
        "captured_above_executed",
        "returned_above_captured",
    ]


def test_money_above_what_the_token_was_spent_on_is_logged(desk: Desk) -> None:
    reply = desk.create(amount_is="maximum")
    desk.execute(reply.token, amount=cny(100))

    told = desk.report(reply.payment.id, "authorized", 10_000)

    [entry] = desk.house.entries("payment.amount_exceeded")
    assert (told.status, entry["fields"]["excess"]) == ("executed", "executed_above_sent")


def test_what_is_not_there_is_refused_and_logged(desk: Desk) -> None:
    assert desk.refuse(desk.event("pay_nowhere", "captured", 1)) == "payment_not_found"
    assert desk.house.kinds()[-1] == "payment.sequence_failed"


@pytest.mark.parametrize("given", [{"mode": "sandbox"}, {"merchant_id": "mer_2"}], ids=str)
def test_nobody_reports_about_anothers_payment(desk: Desk, given: dict[str, str]) -> None:
    command: ReportEvent = desk.event(gone(desk), "captured", 1)

    call = msgspec.structs.replace(desk.call, **given)

    assert desk.house.refuse(command, call) == "payment_not_found"


def test_every_row_is_the_fold_of_its_events(sandbox: Desk) -> None:
    ways: list[tuple[str, ...]] = [
        (),
        ("authorized", "captured", "settled"),
        ("captured",),
        ("authorized", "reversed", "captured"),
        ("refused", "authorized"),
        ("settled", "refunded", "dispute_closed"),
    ]
    for word in ("approve", "hold", "challenge", "decline"):
        for way in ways:
            reply = sandbox.create(payee=Payee(payee_id=f"test:{word}"))
            if reply.token is not None and way:
                sandbox.execute(reply.token)
            for kind in way:
                sandbox.run(sandbox.event(reply.payment.id, kind))

    for row in sandbox.house.rows(PAYMENTS):
        events = queries.bodies(sandbox.events(row["payment_id"]))
        assert model.fold(events) == model.from_row(row)


@pytest.mark.long
def test_every_entry_is_of_the_closed_catalogue(desk: Desk) -> None:
    load_tables()
    payment_id = gone(desk)
    for kind in ("captured", "captured", "refunded", "settled"):
        desk.report(payment_id, kind, 20_000)
    desk.run(
        desk.event(payment_id, "shipped", amount=msgspec.structs.replace(cny(1), currency="USD"))
    )

    assert set(desk.house.kinds()) <= set(described_kinds())
