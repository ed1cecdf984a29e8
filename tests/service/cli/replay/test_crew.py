from typing import Any

import msgspec
import pytest

from service.cli.replay.columns import Request
from service.cli.replay.crew import HOPELESS, Crew, How
from service.cli.replay.labels import Label
from service.cli.replay.sender import read_target
from service.cli.replay.tally import Summary, Tally
from service.kernel.clock import SystemClock
from tests.service.cli.replay.conftest import Scripted
from tests.support.uow import START

pytestmark = pytest.mark.long

APPROVED = {"id": "pay_1", "outcome": "approve", "payment_token": "tok", "status": "approved"}
EXECUTED = {"id": "pay_1", "decision": "go"}


def request(place: int = 1, *, at: str = "t") -> Request:
    body: dict[str, Any] = {
        "reference": f"r-{place}",
        "occurred_at": at,
        "amount": {"value": 1, "currency": "CNY"},
        "payee": {"payee_id": "shop"},
        "payer": {"payer_id": "lin"},
    }
    return Request(
        reference=f"r-{place}", payer="lin", body=body, is_rounded=False, occurred_at=START
    )


def send(scripted: Scripted, *requests: Request, does_execute: bool = True) -> tuple[Crew, Summary]:
    tally = Tally()
    crew = Crew(
        read_target(scripted.url),
        key="pgk_x",
        how=How(size=4, does_execute=does_execute, is_in_order=True),
        tally=tally,
        clock=SystemClock(),
    )
    crew.start()
    crew.send_all(requests)
    crew.join()
    return crew, tally.summary(duration_ns=1, is_interrupted=False)


def test_an_approved_payment_is_executed_with_its_token_and_what_was_judged(
    scripted: Scripted,
) -> None:
    scripted.answer(201, APPROVED)
    scripted.answer(200, EXECUTED)

    _, summary = send(scripted, request())

    assert summary.judged == {"approve": 1}
    assert summary.executed == {"go": 1}
    assert scripted.asked[1].path == "/v1/payments/pay_1/execute"
    assert scripted.asked[1].body == {
        "payment_token": "tok",
        "amount": {"value": 1, "currency": "CNY"},
        "payee": {"payee_id": "shop"},
    }


def test_without_execute_nothing_is_executed(scripted: Scripted) -> None:
    scripted.answer(201, APPROVED)

    send(scripted, request(), does_execute=False)

    assert len(scripted.asked) == 1


def test_a_declined_payment_is_judged_and_no_failure(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "decline", "payment_token": None})

    _, summary = send(scripted, request())

    assert (summary.judged, summary.failed) == ({"decline": 1}, 0)


def test_one_payer_s_rows_are_sent_in_their_order(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "decline"})

    send(scripted, *(request(place) for place in range(20)))

    sent = [one.body["reference"] for one in scripted.asked]
    assert sent == [f"r-{place}" for place in range(20)]


def test_the_same_row_has_the_same_key_and_another_time_another(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "decline"})

    send(scripted, request(), request(), request(at="later"))

    first, second, third = (one.key for one in scripted.asked)
    assert first == second != third


def test_a_row_sent_at_another_time_before_gets_a_new_token_and_is_executed(
    scripted: Scripted,
) -> None:
    scripted.answer(409, {"code": "reference_taken", "payment_id": "pay_7"})
    scripted.answer(200, {**APPROVED, "id": "pay_7"})
    scripted.answer(200, EXECUTED)

    _, summary = send(scripted, request())

    assert (summary.sent_before, summary.executed, summary.failed) == (1, {"go": 1}, 0)
    paths = [one.path for one in scripted.asked]
    assert paths[1:] == ["/v1/payments/pay_7/token", "/v1/payments/pay_7/execute"]


def test_a_row_sent_before_and_past_its_approval_is_left_alone(scripted: Scripted) -> None:
    scripted.answer(409, {"code": "reference_taken", "payment_id": "pay_7"})
    scripted.answer(409, {"code": "payment_not_in_state"})

    _, summary = send(scripted, request())

    assert (summary.sent_before, summary.executed, summary.failed) == (1, {}, 0)


def test_a_replayed_approval_whose_token_expired_gets_a_new_one(scripted: Scripted) -> None:
    expired = {**APPROVED, "payment_token": None, "payment_token_state": "expired"}
    scripted.answer(201, expired)
    scripted.answer(200, APPROVED)
    scripted.answer(200, EXECUTED)

    _, summary = send(scripted, request())

    assert summary.executed == {"go": 1}


def test_a_replayed_execution_is_not_repeated(scripted: Scripted) -> None:
    spent = {**APPROVED, "payment_token": None, "payment_token_state": "spent"}
    scripted.answer(201, spent, Idempotent_Replayed="true")

    _, summary = send(scripted, request())

    assert (summary.replayed, summary.failed, len(scripted.asked)) == (1, 0, 1)


@pytest.mark.parametrize("status", [401, 403])
def test_a_key_that_may_not_ends_the_run_at_once(scripted: Scripted, status: int) -> None:
    scripted.answer(status, {"code": "no"})

    crew, summary = send(scripted, *(request(place) for place in range(500)))

    assert crew.useless is not None
    assert summary.rows < 500


def test_rows_that_all_fail_end_the_run(scripted: Scripted) -> None:
    scripted.answer(422, {"code": "occurred_at_out_of_range"})

    crew, summary = send(scripted, *(request(place) for place in range(HOPELESS * 10)))

    assert crew.useless is not None
    assert HOPELESS <= summary.failed < HOPELESS * 2


def test_failures_among_successes_do_not_end_it(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "decline"})
    scripted.answer(422, {"code": "odd"})

    crew, summary = send(scripted, *(request(place) for place in range(HOPELESS * 2)))

    assert crew.useless is None
    assert summary.failed == HOPELESS * 2 - 1


def labelled(place: int = 1) -> tuple[Request, Label]:
    told = {"intent": "scam", "source": "bank", "external_id": f"case-{place}"}
    label = Label(reference=f"r-{place}", payer="lin", known_at=START, told=told)
    return msgspec.structs.replace(request(place), label=label), label


def test_a_label_names_the_payment_that_its_row_became(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})
    scripted.answer(201, {"id": "lab_1"})

    _, summary = send(scripted, *labelled())

    assert scripted.asked[1].path == "/v1/labels"
    assert scripted.asked[1].body["payment_id"] == "pay_1"
    assert (summary.labelled, summary.failed, summary.rows) == ({"scam": 1}, 0, 1)


def test_the_label_of_a_payment_that_was_refused_is_not_sent(scripted: Scripted) -> None:
    scripted.answer(422, {"code": "body_invalid"})

    _, summary = send(scripted, *labelled())

    assert len(scripted.asked) == 1
    assert (summary.labelled, summary.failed) == ({}, 1)


def test_a_label_that_is_refused_is_counted_by_its_payment(scripted: Scripted) -> None:
    scripted.answer(201, {"id": "pay_1", "outcome": "approve", "payment_token": None})
    scripted.answer(403, {"code": "scope_missing"})

    _, summary = send(scripted, *labelled())

    assert summary.errors == {"scope_missing": 1}
    assert summary.first_failed == {"scope_missing": "r-1"}


def test_a_replayed_payment_sent_before_is_not_executed_and_no_failure(scripted: Scripted) -> None:
    scripted.answer(409, {"code": "reference_taken", "payment_id": "pay_1"})
    scripted.answer(409, {"code": "payment_replayed"})

    _, summary = send(scripted, request())

    assert (summary.sent_before, summary.failed, summary.executed) == (1, 0, {})
