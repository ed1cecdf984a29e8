import datetime as dt
from typing import Any

import pytest

from risk.simulation.shapes import Paid, Scenario
from service.cli.history import History
from service.cli.kinds import TRIES_MAX, Kind, Language, try_each

NOW = dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def found() -> dict[Scenario, list[Paid]]:
    return History(1, now=NOW).one_of_each


def tried(found: dict[Scenario, list[Paid]], *, stops_at: int) -> tuple[dict[str, Kind], list[str]]:
    sent: list[str] = []

    def post(paid: Paid, language: Language) -> dict[str, Any]:
        reference = paid.body["reference"]
        if reference not in sent:
            sent.append(reference)
        place = 1 + [one.body["reference"] for one in found[paid.scenario]].index(reference)
        outcome = "decline" if place >= stops_at and paid.scenario != "ordinary" else "approve"
        reasons = [{"text": f"{language}-{place}"}]
        return {
            "outcome": outcome,
            "assessment": {
                "score": 7,
                "risk_level": "low",
                "reasons": reasons,
                "explanation": {
                    "basis": "model",
                    "contributions": [
                        {
                            "feature": "a",
                            "text": f"Small in {language}.",
                            "value": 3,
                            "typical": "1",
                            "contribution": 0.2,
                        },
                        {
                            "feature": "b",
                            "text": "Against.",
                            "value": 1,
                            "typical": "1",
                            "contribution": -2.0,
                        },
                        {
                            "feature": "c",
                            "text": None,
                            "value": None,
                            "typical": "2",
                            "contribution": 1.25,
                        },
                    ],
                },
            },
        }

    return {one.scenario: one for one in try_each(found, post)}, sent


def test_the_first_that_is_stopped_is_shown_in_both_languages(
    found: dict[Scenario, list[Paid]],
) -> None:
    kinds, sent = tried(found, stops_at=3)

    testing = kinds["card_testing"]
    assert (testing.tries, testing.outcome) == (3, "decline")
    assert testing.reasons == ("en-3", "zh-3")
    assert (
        len([one for one in sent if one in {p.body["reference"] for p in found["card_testing"]}])
        == 3
    )


def test_the_last_of_a_few_is_shown_where_none_is_stopped(
    found: dict[Scenario, list[Paid]],
) -> None:
    kinds, _ = tried(found, stops_at=1_000)

    assert kinds["card_testing"].tries == TRIES_MAX
    assert kinds["ordinary"].tries == 1


def test_what_was_done_is_told_in_a_line(found: dict[Scenario, list[Paid]]) -> None:
    kinds, _ = tried(found, stops_at=1)

    said = {name: one.tried for name, one in kinds.items()}
    assert "as on most days" in said["ordinary"]
    assert "stolen cards" in said["card_testing"]
    assert "new phone abroad" in said["takeover"]
    assert "talked into" in said["scam"]


def test_what_spoke_for_harm_is_told_the_heaviest_first(
    found: dict[Scenario, list[Paid]],
) -> None:
    kinds, _ = tried(found, stops_at=1)

    assert kinds["scam"].basis == "model"
    assert kinds["scam"].weights[:2] == ("c (+1.2)", "Small in en: 3, usually 1 (+0.2)")
    assert kinds["scam"].weights[3] == "Small in zh: 3, 通常为 1 (+0.2)"
    assert len(kinds["scam"].weights) == 4
