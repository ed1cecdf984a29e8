"""What was stopped for want of a score is judged once more, by the features of then."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from risk.strategy import load_strategy
from service.db.places import Place
from service.kernel.errors import PAYMENT_NOT_FOUND
from service.rooms.assessments.public import Inputs
from service.rooms.assessments.tables import AGAIN, ASSESSMENTS
from service.rooms.lists.contract import AddListEntry
from service.rooms.payments.contract import CancelPayment, JudgeAgain, PaymentReply
from tests.support.desk import DAY, SECOND, cny
from tests.support.places import change
from tests.support.scored import Fixed, ScoredDesk, a_model, simulated, with_model
from tests.support.uow import House

MERCHANT_LIMIT = 10_000_000
# Of a purchase at the merchant's limit this has more proved than a missing score does.
SUSPICIOUS = 0.5


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


def done(desk: ScoredDesk) -> list[bool]:
    return [row["done_at"] is not None for row in desk.house.rows(AGAIN)]


def test_a_score_that_comes_too_late_again_spends_nothing(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.score(0.0001)
    desk.house.left_ns = 1_000_000

    assert again(desk, made) == "no_score"
    assert (done(desk), len(desk.house.rows(ASSESSMENTS))) == ([False], 1)
    desk.house.left_ns = 10**9
    assert again(desk, made) == "moved"
    assert done(desk) == [True]


def test_a_score_that_is_none_spends_nothing(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    assert made.judged is not None
    desk.judge.switch(desk.strategy, Fixed("sha256:another", 0.0001))

    assert again(desk, made) == "no_score"
    assert done(desk) == [False]
    assert desk.payment(made.payment.id).assessment_id == made.judged.id


def test_what_had_no_score_for_a_day_is_given_up(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.wait(DAY - SECOND)
    assert (again(desk, made), done(desk)) == ("no_score", [False])
    desk.wait(SECOND)

    assert (again(desk, made), done(desk)) == ("given_up", [True])
    assert desk.payment(made.payment.id).status == made.payment.status


@pytest.mark.parametrize("is_loaded", [True, False])
def test_what_a_simulated_model_will_never_score_is_given_up_at_once(
    desk: ScoredDesk, is_loaded: bool
) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    made_up = with_model(simulated(a_model())).strategy
    assert made_up.model is not None
    desk.judge.switch(made_up, Fixed(made_up.model.sha256, 0.0001) if is_loaded else None)

    assert (again(desk, made), done(desk)) == ("given_up", [True])
    assert desk.payment(made.payment.id).status == made.payment.status
    assert again(desk, made) == "done_before"


def test_a_strategy_without_a_model_judges_what_one_with_a_model_could_not(
    desk: ScoredDesk,
) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.judge.switch(load_strategy())

    assert again(desk, made) in {"moved", "stays"}
    second = desk.assessments()[-1]
    assert second["assessment_id"] == desk.payment(made.payment.id).assessment_id
    assert (json.loads(second["judged"])["degraded"], done(desk)) == ([], [True])


def test_what_is_no_payment_is_asked_for_once(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    assert made.judged is not None
    change(desk.house.place, "UPDATE assessments_again SET subject_id = 'asm_1'")
    command = JudgeAgain(payment_id="asm_1", assessment_id=made.judged.id)

    assert desk.refuse(command) == PAYMENT_NOT_FOUND.code

    [entry] = desk.house.entries("payment.judged_again")
    assert (entry["subject"], entry["fields"]["result"]) == ("asm_1", "moved_on")
    assert done(desk) == [True]
    assert desk.refuse(command) == PAYMENT_NOT_FOUND.code
    assert len(desk.house.entries("payment.judged_again")) == 1


def holds(desk: ScoredDesk) -> list[tuple[str, str, int | None]]:
    """Return states, ends and levels of all holds, the oldest first."""
    rows = sorted(desk.holds(), key=lambda row: row["hold_id"])
    return [(row["state"], row["end_action"], row["end_level"]) for row in rows]


def test_a_held_payment_has_more_to_prove_where_its_score_says_so(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    before = desk.payment(made.payment.id)
    assert holds(desk) == [("active", "challenge", 3)]
    desk.wait(SECOND)
    desk.score(SUSPICIOUS)

    assert again(desk, made) == "moved"

    after = desk.payment(made.payment.id)
    assert holds(desk) == [("lifted", "challenge", 3), ("active", "challenge", 4)]
    assert (after.status, after.hold_id != before.hold_id) == ("held", True)
    assert desk.timer(made.payment.id).payment.status == "challenge_required"
    [challenge] = desk.challenges()
    assert challenge["level"] == 4


def test_its_time_is_never_shortened(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    before = desk.payment(made.payment.id)
    ladder = desk.strategy.ladder
    review = msgspec.structs.replace(ladder.holds["review"], duration_s=3_600)
    ladder = msgspec.structs.replace(ladder, holds={**ladder.holds, "review": review})
    desk.strategy = msgspec.structs.replace(desk.strategy, ladder=ladder)
    desk.wait(SECOND)
    desk.score(SUSPICIOUS)

    assert again(desk, made) == "moved"
    assert desk.payment(made.payment.id).timer_at == before.timer_at


def test_a_hold_that_asks_enough_stays(desk: ScoredDesk) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    desk.score(0.05)

    assert again(desk, made) == "stays"
    assert holds(desk) == [("active", "challenge", 3)]


@pytest.mark.parametrize("end", ["approve", "decline"])
def test_how_a_hold_ends_counts_more_than_its_level(desk: ScoredDesk, end: str) -> None:
    desk.score(None)
    made = desk.create(amount=cny(MERCHANT_LIMIT))
    change(desk.house.place, "UPDATE holds SET end_action = :end, end_level = NULL", end=end)
    desk.score(0.05)

    assert again(desk, made) == ("moved" if end == "approve" else "stays")


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
    assert [row["done_at"] for row in desk.house.rows(AGAIN)] == [None]
    desk.house.left_ns = House.left_ns
    assert again(desk, made) in {"moved", "stays"}
    newest = max(desk.house.rows(ASSESSMENTS), key=lambda row: row["assessment_id"])
    assert json.loads(newest["judged"])["basis"] == "model"
