"""A challenge or hold cancelled by its own id takes its payment with it, once, and only its own."""

from typing import Any

import msgspec
import pytest

from service.kernel.facts import Payee
from service.rooms.assessments.public import Judge
from service.rooms.challenges.contract import CancelChallenge, CancelHold
from service.rooms.payments.contract import CancelPayment, ExpirePayment
from service.unit_of_work.commands import Reply
from service.writer.handlers import all_handlers
from tests.support.desk import ISSUER, Desk

Cancel = CancelChallenge | CancelHold


def cancel(desk: Desk, word: str, **given: Any) -> Cancel:
    """Return the command that cancels the challenge or hold of a new payment."""
    reply = desk.create(payee=Payee(payee_id=f"test:{word}"))
    values = {"subject_kind": "payment", "subject_id": reply.payment.id, **given}
    if word == "challenge":
        assert reply.challenge is not None
        return CancelChallenge(**{"challenge_id": reply.challenge.id, **values})
    assert reply.hold is not None
    return CancelHold(**{"hold_id": reply.hold.id, **values})


def states(desk: Desk) -> list[str]:
    return [row["state"] for row in (*desk.challenges(), *desk.holds())]


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_what_is_cancelled_takes_its_payment_with_it(sandbox: Desk, word: str) -> None:
    command = cancel(sandbox, word)

    ended = sandbox.accept(command)

    assert (ended.state, states(sandbox)) == ("cancelled", ["cancelled"])
    assert sandbox.payment(command.subject_id).status == "cancelled"
    assert sandbox.house.kinds()[-2:] == [f"{word}.cancelled", "payment.cancelled"]


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_what_has_ended_is_not_cancelled_again(sandbox: Desk, word: str) -> None:
    command = cancel(sandbox, word)
    sandbox.accept(command)
    before = sandbox.house.dump()

    assert sandbox.refuse(command) == f"{word}_closed"
    assert sandbox.house.kinds()[-1] == f"{word}.sequence_failed"
    assert sandbox.house.dump() == before


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_cancelled_twice_in_one_batch_is_cancelled_once(sandbox: Desk, word: str) -> None:
    # The inbox keeps them apart; the guards of the rows hold when it does not.
    command = cancel(sandbox, word)

    results = sandbox.house.run_batch([(command, sandbox.call), (command, sandbox.call)])

    assert sorted(one.kind for one in results if isinstance(one, Reply)) == ["accepted", "refused"]


@pytest.mark.parametrize("word", ["challenge", "hold"])
@pytest.mark.parametrize("given", [{"mode": "live"}, {"merchant_id": "mer_2"}], ids=str)
def test_anothers_is_not_there(sandbox: Desk, word: str, given: dict[str, str]) -> None:
    command = cancel(sandbox, word)
    before = sandbox.house.dump()

    call = msgspec.structs.replace(sandbox.call, **given)

    assert sandbox.house.refuse(command, call) == f"{word}_not_found"
    assert sandbox.house.dump() == before


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_a_forged_subject_cancels_nothing(sandbox: Desk, word: str) -> None:
    other = cancel(sandbox, word)
    forged = cancel(sandbox, word, subject_id=other.subject_id)

    assert sandbox.refuse(forged) == f"{word}_not_found"
    assert set(states(sandbox)) <= {"open", "active"}


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_whoever_ends_a_payment_shares_its_key(sandbox: Desk, word: str) -> None:
    handlers = all_handlers(Judge(sandbox.strategy, sandbox.sealer), issuer=ISSUER)
    command = cancel(sandbox, word)
    payment_id = command.subject_id
    others = (
        CancelPayment(payment_id=payment_id),
        ExpirePayment(payment_id=payment_id, version=1),
        sandbox.event(payment_id, "captured"),
    )

    keys = [set(handlers.of(one).keys(one, sandbox.call)) for one in (command, *others)]

    assert set.intersection(*keys)


@pytest.mark.parametrize("word", ["challenge", "hold"])
def test_one_that_ran_out_unseen_may_still_be_cancelled(sandbox: Desk, word: str) -> None:
    command = cancel(sandbox, word)
    payment = sandbox.payment(command.subject_id)
    assert payment.timer_at is not None
    sandbox.wait(payment.timer_at - sandbox.house.clock.now())

    assert sandbox.accept(command).state == "cancelled"
