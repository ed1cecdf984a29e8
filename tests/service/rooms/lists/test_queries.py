"""What a rule put on a list is told in the rule's own words, in the language of whoever reads."""

from collections.abc import Iterator

import pytest

from service.db.places import Place
from service.db.statements import Statement
from service.kernel.facts import DeviceKept
from service.rooms.lists import api
from service.rooms.strategies.tables import STRATEGIES
from service.unit_of_work.commands import HOUSE
from tests.support.desk import SCOPES, Desk, a_front, signing
from tests.support.front import Front
from tests.support.ruled import listing, ruled, whole_of
from tests.support.uow import START

RULE = listing('default(device_id, "") == "d_1"')
EN, ZH = "Seen at once with others.", "同时出现。"
PAYMENT = {
    "amount": {"value": 10_000, "currency": "CNY"},
    "kind": "purchase",
    "payee": {"payee_id": "p_77"},
    "payer": {"payer_id": "c_17"},
    "device": {"device_id": "d_1"},
    "occurred_at": START.isoformat(),
}
INSERT = Statement(STRATEGIES.insert(), rows=1, name="a strategy that decided")


@pytest.fixture
def desk(place: Place) -> Iterator[Desk]:
    """A desk under a rule that adds to a list, which it did once."""
    made = Desk(place, strategy=ruled(RULE))
    made.create(device=DeviceKept(device_id="d_1"))
    yield made
    made.house.close()


def keep_strategy(desk: Desk) -> None:
    """Write the row that the strategy's activation would have left."""
    row = {
        "tenant_id": HOUSE,
        "number": 1,
        "strategy_id": desk.strategy.id,
        "origin": "hand",
        "how": "activated",
        "back_to": None,
        "content": whole_of(RULE).content,
        "note": "signed",
        "activated_by": "cli",
        "activated_at": START,
    }
    transaction = desk.house.store.begin()
    transaction.run([INSERT(**row)])
    transaction.commit()


def door(desk: Desk) -> Front:
    whose = {"tenant_id": desk.call.tenant_id, "merchant_id": desk.call.merchant_id}
    return Front(desk.house, api.ROUTES, scopes=("lists:read", "lists:write"), **whose)


def reasons(front: Front, language: str) -> list[str]:
    """Return what a page says, and one entry alone."""
    page = front.get("/v1/lists/entries", language=language).get_json()["entries"]
    alone = front.get(f"/v1/lists/entries/{page[0]['id']}", language=language).get_json()
    return [page[0]["reason"], alone["reason"]]


@pytest.mark.parametrize(("language", "said"), [("en", EN), ("zh", ZH), ("zh-CN", ZH)])
def test_an_entry_is_told_in_the_words_of_its_rule(desk: Desk, language: str, said: str) -> None:
    keep_strategy(desk)
    front = door(desk)

    assert reasons(front, language) == [said, said]
    [entry] = front.get("/v1/lists/entries").get_json()["entries"]
    removed = front.post(f"/v1/lists/entries/{entry['id']}/remove", {}, language=language)
    assert removed.get_json()["reason"] == said


def test_what_was_kept_stands_where_the_strategy_is_not_there(desk: Desk) -> None:
    assert reasons(door(desk), "zh") == [EN, EN]


def test_what_a_person_wrote_stays_whoever_its_owner_is(desk: Desk) -> None:
    keep_strategy(desk)
    front = door(desk)
    body = {"kind": "watch", "entity": "payee", "value": "p_77", "reason": "asked about"}
    front.post("/v1/lists/entries", {**body, "owner": RULE.code})

    page = front.get("/v1/lists/entries?entity=payee", language="zh").get_json()["entries"]

    assert [one["reason"] for one in page] == ["asked about"]
    knowing = a_front(signing(desk), scopes=(*SCOPES, "assessments:explain"))
    answer = knowing.post("/v1/payments", {**PAYMENT, "device": None}, language="zh").get_json()
    shown = [one["shown"] for one in answer["assessment"]["explanation"]["rules"]]
    assert "payee: asked about" in shown


@pytest.mark.parametrize(("language", "said"), [("en", EN), ("zh", ZH)])
def test_a_judgement_shows_the_entry_in_the_language_asked_for(
    desk: Desk, language: str, said: str
) -> None:
    front = a_front(signing(desk), scopes=(*SCOPES, "assessments:explain"))

    answer = front.post("/v1/payments", PAYMENT, language=language).get_json()
    read = front.get(f"/v1/payments/{answer['id']}", language=language).get_json()

    for judged in (answer["assessment"], read["assessments"][0]):
        [rule] = [one for one in judged["explanation"]["rules"] if one["rule"].startswith("list:")]
        assert rule["shown"] == f"device: {said}"
        assert set(rule) == {"rule", "version", "result", "effect", "shown"}
