"""What is judged besides payments, through the door: asked, shown, listed, and whose it is."""

import datetime as dt
from typing import Any

import pytest

from tests.service.rooms.assessments.conftest import Actions
from tests.support.uow import texts_in

DEVICE = {"device_id": "d_1"}
SIGNED_IN = {"sign_in": "password"}


def test_a_login_on_a_known_device_is_approved_and_kept(actions: Actions) -> None:
    made = actions.made(device=DEVICE, authentication=SIGNED_IN)

    assert made["id"].startswith("asm_")
    assert (made["event"], made["status"], made["outcome"]) == ("login", "approved", "approve")
    assert (made["challenge"], made["hold"]) == (None, None)
    assert made["assessment"]["stage"] == "account"
    [entry] = actions.house.entries("assessment.made")
    assert made["receipt"]["index"] == entry["index"]
    shown = actions.shown(made)
    assert shown | {"receipt": made["receipt"]} == shown | made
    assert shown["request"]["payer"] == {"payer_id": "c_17", "payer_key": "c_17"}
    assert shown["version"] == 1


def test_a_sign_up_without_an_account_asks_for_no_proof_and_is_kept(actions: Actions) -> None:
    made = actions.made(
        "sign_up", payer={"email": "lin@example.com"}, device={"device_id": "d_new"}
    )

    # Who signs up has nothing yet to prove anything with: CN asks the same at a login.
    login = actions.made(device={"device_id": "d_new"}, authentication=SIGNED_IN)
    assert (made["event"], made["status"], made["outcome"]) == ("sign_up", "approved", "approve")
    assert (made["level"], made["challenge"], made["hold"]) == (0, None, None)
    assert login["status"] == "challenge_required"
    [row, _] = actions.rows()
    assert (row["event"], row["status"], row["payer_id"]) == ("sign_up", "approved", None)
    assert actions.shown(made)["request"]["payer"]["payer_key"].startswith("em_")


def test_a_change_is_challenged_with_the_proofs_of_its_level(actions: Actions) -> None:
    made = actions.made("account_change", changes=["factor"], device=DEVICE)

    assert (made["status"], made["level"], made["reason_code"]) == (
        *("challenge_required", 2),
        "event_level",
    )
    assert made["challenge"]["any_of"] == ["passkey", "password+otp", "spc"]
    challenge = actions.front.get(f"/v1/challenges/{made['challenge']['id']}").get_json()
    assert challenge["subject"] == {"kind": "assessment", "id": made["id"]}


def test_reasons_come_in_both_languages(actions: Actions) -> None:
    body = actions.body("new_payee", device=DEVICE)
    said = [
        actions.front.post("/v1/assessments", body, language=language).get_json()
        for language in ("en", "zh")
    ]

    texts = [one["assessment"]["reasons"][0]["text"] for one in said]
    assert texts == ["What a new payee asks for at least", "新增收款人的最低验证要求"]


@pytest.mark.long
@pytest.mark.parametrize(
    ("event", "given", "pointers"),
    [
        ("login", {"payer": {}}, ["/payer/payer_id"]),
        ("login", {"payee": {"payee_id": "p"}}, ["/payee"]),
        ("login", {"amount": {"value": 1, "currency": "CNY"}}, ["/amount"]),
        ("login", {"changes": ["email"]}, ["/changes"]),
        ("login", {"destination": {"type": "card"}}, ["/destination"]),
        ("new_payee", {"payee": None}, ["/payee"]),
        ("payout", {"payee": None, "amount": None}, ["/payee", "/amount"]),
        ("payout", {"amount": {"value": 0, "currency": "CNY"}}, ["/amount/value"]),
        ("account_change", {"changes": None}, ["/changes"]),
        ("account_change", {"payer": {"email": "lin@example.com"}}, ["/payer/payer_id"]),
        ("account_change", {"payer": {"phone": "+8613800138000"}}, ["/payer/payer_id"]),
        ("account_change", {"changes": []}, ["/changes"]),
        ("account_change", {"changes": ["email", "email"]}, ["/changes"]),
        ("account_change", {"changes": ["name"]}, ["/changes/0"]),
        ("logout", {}, ["/event"]),
        ("login", {"device": {"ip": "1.2.3"}}, ["/device/ip"]),
        ("login", {"unheard_of": 1}, [""]),
    ],
)
def test_a_body_that_cannot_be_is_refused_and_changes_no_row(
    actions: Actions, event: str, given: dict[str, Any], pointers: list[str]
) -> None:
    before = actions.house.dump()

    assert actions.refused(event, **given) == (422, "body_invalid", pointers)
    assert actions.house.dump() == before


@pytest.mark.parametrize("by", [dt.timedelta(hours=-24, seconds=-1), dt.timedelta(minutes=2.1)])
def test_what_happened_too_late_or_early_is_not_taken(actions: Actions, by: dt.timedelta) -> None:
    at = (actions.house.clock.now() + by).isoformat()

    said = actions.refused(occurred_at=at)

    assert said == (422, "occurred_at_out_of_range", ["/occurred_at"])
    assert actions.rows() == []
    assert actions.house.kinds()[-1] == "assessment.not_taken"


def test_a_repeated_request_is_one_assessment(actions: Actions) -> None:
    body = actions.body("payout")
    first = actions.front.post("/v1/assessments", body, idempotency="the-same-key-0001")
    before = actions.house.dump()

    second = actions.front.post("/v1/assessments", body, idempotency="the-same-key-0001")

    assert second.get_json() == first.get_json()
    assert second.headers["Idempotent-Replayed"] == "true"
    assert actions.house.dump() == before


def test_no_clear_contact_or_address_is_kept(actions: Actions) -> None:
    secrets = ("lin@example.com", "+8613800138000", "203.0.113.77")
    payer = {"email": secrets[0], "phone": secrets[1]}

    made = actions.made(payer=payer, device={"ip": secrets[2]})

    kept = "".join(texts_in(rows) for rows in actions.house.dump().values())
    kept += str(actions.shown(made)) + str(actions.house.entries())
    assert [one for one in secrets if one in kept] == []
    assert actions.shown(made)["request"]["payer"]["payer_key"].startswith("em_")


def test_the_list_has_filters_and_pages(actions: Actions) -> None:
    made = []
    for event in ("login", "payout", "sign_up"):
        made.append(actions.made(event))
        actions.house.clock.advance(dt.timedelta(milliseconds=1))
    other = actions.made(payer={"payer_id": "c_18"})

    def ids(query: str) -> list[str]:
        said = actions.front.get(f"/v1/assessments{query}").get_json()
        return [one["id"] for one in said["assessments"]]

    newest = [other["id"], *(one["id"] for one in reversed(made))]
    assert ids("") == newest
    assert ids("?event=payout") == [made[1]["id"]]
    assert ids("?payer_id=c_18&event=login") == [other["id"]]
    assert ids("?status=approved") == [made[2]["id"]]
    page = actions.front.get("/v1/assessments?limit=3").get_json()
    assert ids(f"?limit=3&cursor={page['next_cursor']}") == newest[3:]


def test_they_are_a_merchants_own_in_each_mode(actions: Actions) -> None:
    held = actions.held()
    tenant_id = actions.desk.call.tenant_id
    strangers = (
        actions.door(actions.desk.another()),
        actions.door(actions.desk.another(tenant_id=tenant_id)),
        actions.door(actions.desk.call, mode="sandbox"),
    )

    for front in strangers:
        assert front.get(f"/v1/assessments/{held['id']}").status_code == 404
        assert front.post(f"/v1/assessments/{held['id']}/release", {}).status_code == 404
        assert front.post(f"/v1/holds/{held['hold']['id']}/cancel", {}).status_code == 404
        assert front.get("/v1/assessments").get_json()["assessments"] == []
    assert actions.shown(held)["status"] == "held"


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("assessments:write", {"write"}),
        ("assessments:read", {"read"}),
        ("assessments:decide", {"decide"}),
        ("payments:write", set()),
    ],
)
def test_each_route_asks_for_its_scope(actions: Actions, scope: str, allowed: set[str]) -> None:
    held = actions.held()
    front = actions.door(actions.desk.call, scopes=(scope,))

    answers = {
        "write": front.post("/v1/assessments", actions.body()),
        "read": front.get("/v1/assessments"),
        "decide": front.post(f"/v1/assessments/{held['id']}/release", {}),
    }

    assert {name for name, one in answers.items() if one.status_code != 403} == allowed


@pytest.mark.parametrize(
    ("event", "given", "code", "text"),
    [
        (
            "new_payee",
            {"payee": {"payee_id": "p_9", "name_check": "no_match"}},
            "new_payee_name_differs",
            "The name of the payee that is added does not belong to the account (check: no_match)",
        ),
        (
            "new_payee",
            {"device": {**DEVICE, "call_active": True}},
            "guided_new_payee",
            (
                "A payee is added while the device is controlled from elsewhere (unknown)"
                " or a call is under way (yes)"
            ),
        ),
        (
            "account_change",
            {"device": {**DEVICE, "remote_access": True}},
            "guided_account_change",
            (
                "The account is changed while the device is controlled from elsewhere (yes)"
                " or a call is under way (unknown)"
            ),
        ),
        (
            "payout",
            {"payee": {"payee_id": "p_9", "name_check": "no_match"}, "device": DEVICE},
            "name_differs",
            "The name does not belong to the account of a new payee",
        ),
        (
            "payout",
            {"device": {**DEVICE, "remote_access": True}},
            "remote_access_transfer",
            "The device is controlled from elsewhere",
        ),
    ],
)
def test_what_an_action_tells_of_a_scam_holds_it_with_its_reason(
    plain: Actions, event: str, given: dict[str, Any], code: str, text: str
) -> None:
    """Also where the merchant's preset asks for no proof."""
    made = plain.made(event, **given)

    assert (made["status"], made["outcome"], made["reason_code"]) == ("held", "hold", code)
    assert made["assessment"]["reasons"][0] == {"code": code, "text": text, "for_payer": False}
    assert made["assessment"]["degraded"] == []
    [entry] = plain.house.entries("assessment.made")
    assert entry["fields"]["reason"] == code


def test_a_sign_in_by_a_passkey_is_asked_for_more_while_somebody_else_controls_the_device(
    actions: Actions,
) -> None:
    passkey = {"sign_in": "passkey"}

    alone = actions.made(device=DEVICE, authentication=passkey)
    guided = actions.made(device={**DEVICE, "remote_access": True}, authentication=passkey)

    assert alone["status"] == "approved"
    assert (guided["status"], guided["level"]) == ("challenge_required", 3)
    assert guided["reason_code"] == "remote_access_sign_in"
