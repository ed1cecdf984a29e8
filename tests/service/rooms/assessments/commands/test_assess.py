"""What decides over an action: lists, the sandbox, earlier changes, the merchant itself."""

import datetime as dt
import json
from typing import Any, get_args

import pytest

from service.db.places import Place
from service.rooms.assessments.contract import WITH_PAYEE, ActionEvent
from service.rooms.assessments.tables import AGAIN, ASSESSMENTS
from service.rooms.merchants.contract import SuspendMerchant
from service.rooms.payers.contract import Protection
from service.unit_of_work.tables import EVENTS, MESSAGES
from tests.service.rooms.assessments.conftest import Actions
from tests.support.books import Books
from tests.support.scored import ScoredDesk

HOUR = dt.timedelta(hours=1)


def blocked(actions: Actions, entity: str, value: str) -> None:
    """Put something on the merchant's block list, by the door's own words."""
    told = {
        "kind": "block",
        "entity": entity,
        "value": value,
        "reason": "seen before",
        "owner": "risk team",
        "strength": "absolute",
    }
    response = actions.front.post("/v1/lists/entries", told)
    assert response.status_code == 201, response.get_json()


def circumstances(actions: Actions, said: Any) -> Any:
    """Return what was known of an action when it was judged."""
    [row] = [one for one in actions.house.rows(ASSESSMENTS) if one["assessment_id"] == said["id"]]
    return json.loads(row["inputs"])["circumstances"]


@pytest.mark.parametrize(
    ("entity", "value", "given"),
    [
        ("payer", "c_17", {}),
        ("device", "d_1", {"device": {"device_id": "d_1"}}),
        ("ip", "203.0.113.0/24", {"device": {"ip": "203.0.113.9"}}),
        ("email", "Lin@Example.com", {"payer": {"email": "lin@example.com"}}),
        ("phone", "+8613800138000", {"payer": {"phone": "+86 138 0013 8000"}}),
        ("payee", "p_77", {"event": "new_payee"}),
        (
            "payee_account",
            "acf_1",
            {"event": "payout", "payee": {"payee_id": "p", "account": "acf_1"}},
        ),
        ("instrument", "ins_9", {"event": "payout", "destination": {"instrument_id": "ins_9"}}),
    ],
)
def test_a_block_on_anything_that_is_told_declines(
    plain: Actions, entity: str, value: str, given: dict[str, object]
) -> None:
    event = str(given.get("event", "login"))
    more = {name: one for name, one in given.items() if name != "event"}
    before = plain.made(event, **more)
    blocked(plain, entity, value)

    after = plain.made(event, **more)

    assert before["status"] == "approved"
    assert (after["status"], after["reason_code"]) == ("declined", "on_block_list")


@pytest.mark.parametrize(
    ("forced", "status"),
    [
        ("approve", "approved"),
        ("challenge", "challenge_required"),
        ("hold", "held"),
        ("decline", "declined"),
        ("degraded", "challenge_required"),
    ],
)
@pytest.mark.parametrize("event", get_args(ActionEvent))
def test_the_sandbox_forces_by_payer_or_payee(
    sandbox: Actions, event: str, forced: str, status: str
) -> None:
    name = f"test:{forced}"
    given = {"payer": {"payer_id": name}}
    if event in WITH_PAYEE:
        given = {"payee": {"payee_id": name}}
    if event == "payout":
        # Without a limit of the merchant's own, what cannot be scored and has an amount waits.
        status = "held" if forced == "degraded" else status

    assert sandbox.made(event, **given)["status"] == status


def test_live_nothing_is_forced(plain: Actions) -> None:
    assert plain.made(payer={"payer_id": "test:decline"})["status"] == "approved"


def test_a_change_that_was_approved_here_makes_a_payout_wait(plain: Actions) -> None:
    changed = plain.made("account_change", changes=["password"])
    plain.house.clock.advance(HOUR)

    waits = plain.made("payout")
    others = plain.made("payout", payer={"payer_id": "c_18"})
    plain.house.clock.advance(72 * HOUR)

    assert (changed["status"], waits["status"]) == ("approved", "held")
    assert waits["reason_code"] == "recent_change"
    assert (others["status"], plain.made("payout")["status"]) == ("approved", "approved")


def test_a_payment_that_is_a_payout_waits_as_a_payout_does(plain: Actions) -> None:
    first = plain.desk.create(kind="payout")
    plain.made("account_change", changes=["device"])

    waits = plain.desk.create(kind="payout")

    assert (first.payment.status, waits.payment.status) == ("approved", "held")
    assert waits.payment.reason_code == "recent_change"
    assert plain.desk.create().payment.status == "approved"


def test_a_change_at_another_merchant_or_in_the_other_mode_says_nothing(plain: Actions) -> None:
    call = plain.desk.call
    neighbour = plain.desk.another(tenant_id=call.tenant_id)
    for front in (plain.door(neighbour), plain.door(call, mode="sandbox")):
        changed = front.post("/v1/assessments", plain.body("account_change")).get_json()
        assert changed["status"] == "approved"

    assert plain.made("payout")["status"] == "approved"
    assert plain.made("account_change")["status"] == "approved"
    assert plain.made("payout")["status"] == "held"


def test_a_change_of_address_or_one_that_was_not_let_through_does_not(actions: Actions) -> None:
    actions.made("account_change", changes=["password"])
    known = {"payee_id": "p_77", "added_at": "2026-01-01T00:00:00Z"}

    assert actions.made("payout", payee=known)["status"] == "challenge_required"
    assert [row["credentials_changed_at"] for row in actions.rows()] == [None, None]


def test_a_payout_is_asked_by_its_amount_and_counts_no_exemption(actions: Actions) -> None:
    known = {"payee_id": "p_77", "added_at": "2026-01-01T00:00:00Z"}
    asked = [
        actions.made(
            "payout",
            payee=known,
            amount={"value": value, "currency": "CNY"},
            device={"device_id": "d_1"},
        )["level"]
        for value in (5_000, 300_000, 900_000)
    ]

    assert asked == [1, 2, 3]
    assert actions.desk.counters() == {}


def test_a_payout_of_a_protected_payer_is_judged_as_one_and_exempt_of_nothing(
    actions: Actions,
) -> None:
    actions.desk.register(protection=Protection(protected=True, small_payments=True))
    known = {"payee_id": "p_77", "added_at": "2026-01-01T00:00:00Z"}

    said = actions.made("payout", payee=known, device={"device_id": "d_1"})

    known_then = circumstances(actions, said)
    assert known_then["is_protected"]
    assert not known_then.get("has_small_consent")
    assert not known_then.get("protected_small_allowed")
    assert (said["status"], said["level"]) == ("challenge_required", 1)


def test_a_payout_of_another_or_of_nobody_registered_is_of_nobody_protected(
    actions: Actions,
) -> None:
    actions.desk.register(protection=Protection(protected=True))
    for payer in ({"payer_id": "c_18"}, {"email": "lin@example.com"}):
        said = actions.made("payout", payer=payer)

        assert not circumstances(actions, said).get("is_protected")


def test_an_action_is_an_event_a_message_and_two_entries(plain: Actions) -> None:
    told = plain.made("account_change", changes=["email"])

    [event] = [row for row in plain.house.rows(EVENTS) if row["subject_id"] == told["id"]]
    [message] = plain.house.rows(MESSAGES)
    assert (event["type"], message["kind"]) == ("assessment.made", "assessment.moved")
    assert plain.house.kinds()[-2:] == ["assessment.made", "assessment.opened"]
    entry = plain.house.entries("assessment.opened")[0]
    assert entry["fields"] == {
        "event": "account_change",
        "status": "approved",
        "changes": ["email"],
    }


def test_a_suspended_merchant_has_nothing_judged(plain: Actions) -> None:
    plain.desk.accept(SuspendMerchant())

    response = plain.front.post("/v1/assessments", plain.body())

    assert response.get_json()["code"] == "merchant_suspended"
    assert plain.rows() == []


def test_what_was_judged_is_judged_the_same_from_its_receipt(actions: Actions) -> None:
    actions.made("account_change", changes=["phone"])
    actions.made("login", device={"device_id": "d_1"}, authentication={"sign_in": "password"})
    actions.made("payout", device={"device_id": "d_1"})
    actions.desk.create()
    actions.held()

    books = Books(actions.house.place)

    assert books.check_decisions(actions.desk.sealer) == 5


def test_an_action_without_a_score_is_judged_once(place: Place) -> None:
    desk = ScoredDesk(place)
    desk.score(None)
    made = Actions(desk).made("payout")

    assert made["assessment"]["degraded"] == ["scorer_down"]
    assert made["outcome"] in {"challenge", "review", "hold"}
    assert desk.house.rows(AGAIN) == []
    desk.house.close()
