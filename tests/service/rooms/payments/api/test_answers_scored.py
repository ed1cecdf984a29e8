"""What a model's score says, over HTTP: how likely and how dear only to keys that may know."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from service.db.places import Place
from service.rooms.assessments.tables import ASSESSMENTS
from tests.service.rooms.payments.api.test_answers import BODY
from tests.support.desk import SCOPES, Desk, a_front, signing
from tests.support.scored import ScoredDesk

KNOWING: Final = (*SCOPES, "assessments:explain")


@pytest.fixture
def scored(place: Place) -> Iterator[ScoredDesk]:
    desk = ScoredDesk(place)
    desk.score(0.9)
    signing(desk)
    yield desk
    desk.house.close()


def said(answer: Any) -> str:
    """Return the sentence about who made a payment."""
    told = {one["code"]: one["text"] for one in answer["assessment"]["reasons"]}
    return str(told["likely_unauthorized"])


@pytest.mark.parametrize(
    ("language", "plain"),
    [("en", "May not be made by the payer"), ("zh", "可能并非付款人本人操作")],
)
def test_only_a_key_that_may_know_reads_how_likely_and_how_dear_it_is(
    scored: ScoredDesk, language: str, plain: str
) -> None:
    without, knowing = (a_front(scored, scopes=one) for one in (SCOPES, KNOWING))

    first = without.post("/v1/payments", BODY, language=language).get_json()

    path = f"/v1/payments/{first['id']}"
    assert said(first) == plain
    assert said(without.get(path, language=language).get_json()) == plain
    whole = said(knowing.get(path, language=language).get_json())
    assert whole.startswith(plain)
    assert "90%" in whole
    assert "CNY" in whole


def test_without_a_model_rules_judge_strangers_and_a_cold_start_whoever_has_a_past(
    desk: Desk,
) -> None:
    knowing = a_front(signing(desk), scopes=KNOWING)

    first, *_, last = (knowing.post("/v1/payments", BODY).get_json() for _ in range(7))

    strange, known = first["assessment"], last["assessment"]
    assert (strange["explanation"]["basis"], strange["score"]) == ("rules", None)
    assert known["explanation"]["basis"] == "cold_start"
    assert known["score"] == desk.strategy.cold_start.base
    for one in (strange, known):
        assert one["degraded"] == []
        assert one["explanation"]["model"] is None
        assert one["explanation"]["contributions_missing"] == "not_by_a_model"


def test_what_is_kept_has_both(scored: ScoredDesk) -> None:
    a_front(scored).post("/v1/payments", BODY)

    [row] = scored.house.rows(ASSESSMENTS)
    reasons = {one["code"]: one for one in json.loads(row["judged"])["reasons"]}
    assert set(reasons["likely_unauthorized"]["slots"]) == {"share", "loss"}
