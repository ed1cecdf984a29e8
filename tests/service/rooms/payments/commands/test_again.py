"""What was stopped for want of a score is judged once more, by the features of then."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from service.db.places import Place
from service.rooms.assessments.public import Inputs
from service.rooms.assessments.tables import AGAIN, ASSESSMENTS
from service.rooms.lists.contract import AddListEntry
from service.rooms.payments.contract import CancelPayment, JudgeAgain, PaymentReply
from tests.support.desk import cny
from tests.support.scored import ScoredDesk

MERCHANT_LIMIT = 10_000_000


@pytest.fixture
def desk(place: Place) -> Iterator[ScoredDesk]:
    made = ScoredDesk(place)
    yield made
    made.house.close()


def again(desk: ScoredDesk, made: PaymentReply) -> str:
    """Judge a payment again; return what the log says came of it."""
    assert made.judged is not None
    desk.accept(JudgeAgain(payment_id=made.payment.id, assessment_id=made.judged.id))
    [*_, entry] = desk.house.entries("payment.judged_again")
    return str(entry["fields"]["result"])


def test_a_payment_that_was_held_without_a_score_goes_where_its_score_leads(
    desk: ScoredDesk,
) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    assert made.judged is not None
    assert made.judged.degraded == ("scorer_down",)
    assert made.payment.status in {"held", "challenge_required"}
    desk.score(0.0001)

    result = again(desk, made)

    payment = desk.payment(made.payment.id)
    assert result in {"moved", "stays"}
    assert payment.assessment_id != made.judged.id
    [first, second] = sorted(desk.house.rows(ASSESSMENTS), key=lambda row: row["assessment_id"])
    assert json.loads(first["judged"])["score"] is None
    assert json.loads(second["judged"])["score"] is not None
    assert json.loads(second["judged"])["basis"] == "model"


def test_it_is_judged_again_once(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.score(0.9)

    again(desk, made)

    assert again(desk, made) == "done_before"
    assert [row["done_at"] is not None for row in desk.house.rows(AGAIN)] == [True]
    assert len(desk.house.rows(ASSESSMENTS)) == 2


def test_while_there_is_no_score_nothing_is_spent(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))

    assert again(desk, made) == "no_score"
    assert [row["done_at"] for row in desk.house.rows(AGAIN)] == [None]


def test_a_payment_that_moved_on_stays_where_it_is(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.accept(CancelPayment(payment_id=made.payment.id))
    desk.score(0.0001)

    assert again(desk, made) == "moved_on"
    assert desk.payment(made.payment.id).status == "cancelled"


def test_who_was_blocked_meanwhile_is_declined(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.accept(
        AddListEntry(
            kind="block",
            entity="payee",
            value="p_77",
            prefix=None,
            reason="told by three payers",
            owner="risk",
            strength="absolute",
            expires_at=None,
        )
    )
    desk.score(0.0001)

    assert again(desk, made) == "moved"
    assert desk.payment(made.payment.id).status == "declined"


def test_what_a_score_was_not_lacking_for_is_not_judged_again(desk: ScoredDesk) -> None:
    desk.score(0.9)
    desk.create(amount=cny(MERCHANT_LIMIT))

    assert desk.house.rows(AGAIN) == []


def test_what_the_model_said_is_kept_to_the_last_bit(desk: ScoredDesk) -> None:
    desk.score(0.1 + 0.2)
    desk.create()

    [row] = desk.house.rows(ASSESSMENTS)
    scorer = msgspec.json.decode(row["inputs"], type=Inputs).scorer()
    assert scorer is not None
    assert scorer.score(None).unauthorized == 0.1 + 0.2


def test_too_little_time_is_told_as_late(desk: ScoredDesk) -> None:
    desk.score(0.0001)
    desk.house.left_ns = 1_000_000

    made = desk.create(amount=cny(MERCHANT_LIMIT))

    assert made.judged is not None
    assert made.judged.degraded == ("scorer_late",)
