"""What is taken in, what it is judged with, and what leaves with it: token, challenge or hold."""

import datetime as dt
import json

import msgspec
import pytest
import sqlalchemy as sa

from service.db.statements import Statement
from service.kernel.facts import DeviceKept, Instrument, Payee, PayerKept
from service.rooms.assessments.tables import ASSESSMENTS
from service.rooms.lists.contract import AddListEntry, ListEntry, ListKind, RemoveListEntry
from service.rooms.merchants.contract import Limits, SetLimits, SetReviewMode, SuspendMerchant
from service.rooms.payers.contract import Consent, Protection, RegisterPayer
from service.rooms.payers.tables import PAYER_LINKS
from service.rooms.payments.contract import CreatePayment
from service.rooms.payments.tables import PAYMENTS
from service.unit_of_work.commands import Reply
from tests.support.desk import DAY, SECOND, Desk, cny
from tests.support.uow import START

LABEL_AS_FRAUD = Statement(
    sa.update(PAYER_LINKS).values(fraud_at=sa.bindparam("at", type_=PAYER_LINKS.c.fraud_at.type)),
    name="label as fraud",
)


def test_what_judgement_approves_leaves_with_a_token(desk: Desk) -> None:
    reply = desk.create()

    assert (reply.payment.status, reply.payment.outcome) == ("approved", "approve")
    assert reply.payment.liability == "merchant"
    assert reply.payment.approval_expires_at == START + dt.timedelta(minutes=15)
    assert reply.token is not None
    assert (reply.token_state, desk.tokens()) == ("active", ["active"])


def test_a_token_says_what_was_approved_and_no_more(desk: Desk) -> None:
    token = desk.create(
        instrument=Instrument(instrument_id="ins_1"), device=DeviceKept(device_id="d_1")
    ).token

    assert token is not None
    [detail] = token.authorization_details
    assert (detail.amount, detail.amount_is, detail.currency) == (10_000, "exact", "CNY")
    assert (detail.payee, detail.instrument, detail.order) == ("p_77", "ins_1", None)
    assert (token.sub, token.device, token.acr, token.amr) == ("c_17", "d_1", "payguard:none", ())
    assert (token.exp - token.iat, token.nbf) == (120, token.iat)


def test_the_first_receipt_is_the_judgements(desk: Desk) -> None:
    reply = desk.run(CreatePayment(facts=desk.facts()))

    [assessed] = desk.house.entries("payment.assessed")
    assert assessed["index"] == reply.receipts[0].index


def test_judge_only_counts_nothing(desk: Desk) -> None:
    desk.register()
    desk.pay(desk.small())

    assert (desk.counters(), desk.day_sums()) == ({}, {})


def test_a_small_payment_is_approved_without_proof_and_counted_once(cn: Desk) -> None:
    reply = cn.pay(cn.small())

    assert (reply.payment.status, reply.payment.reason_code) == ("approved", "small_payment")
    assert (reply.payment.liability, reply.token and reply.token.acr) == (
        "provider",
        "payguard:level:0",
    )
    assert reply.token is not None
    assert reply.token.exemption == "small_payment"
    assert cn.counters() == dict.fromkeys(("payer", "instrument", "device"), (1, 10_000))
    assert cn.day_sums() == {("2026-11-23", "level_1"): 10_000}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"amount": cny(10_001)}, "small_over_limit"),
        ({"payer": PayerKept(payer_key="em_1", email_key="em_1")}, "small_guest"),
        ({"payer": PayerKept(payer_key="c_9", payer_id="c_9")}, "small_no_consent"),
        ({"device": None}, "small_device_unknown"),
        ({"device": DeviceKept(device_id="d_2")}, "small_device_unknown"),
        ({"instrument": None}, "small_uncountable"),
        ({"payee": Payee(payee_id="p_77")}, "new_payee"),
        ({"payee": Payee(payee_id="p_77", added_at=START - DAY + SECOND)}, "new_payee"),
        ({"kind": "verification", "amount": cny(0)}, "verification"),
    ],
    ids=str,
)
def test_what_is_not_small_and_known_is_challenged(cn: Desk, given: dict, reason: str) -> None:
    reply = cn.pay(cn.small(**given))

    assert reply.payment.status == "challenge_required"
    assert reason in [one.code for one in reply.judged.reasons]
    assert (reply.token, cn.tokens(), cn.counters()) == (None, [], {})
    assert [row["state"] for row in cn.challenges()] == ["open"]


def test_a_payer_who_withdrew_is_asked_again(cn: Desk) -> None:
    cn.accept(RegisterPayer(payer_id="c_17", consent=Consent(small_payments=False)))

    assert cn.pay(cn.small()).payment.status == "challenge_required"


def test_a_protected_payer_is_asked_unless_it_was_allowed(cn: Desk) -> None:
    cn.register(protection=Protection(protected=True))

    assert "small_protected" in [one.code for one in cn.pay(cn.small()).judged.reasons]


def test_a_payee_whom_the_payer_has_paid_is_not_new(cn: Desk) -> None:
    cn.execute(cn.pay(cn.small()).token)

    reply = cn.pay(cn.small(payee=Payee(payee_id="p_77")))

    assert reply.payment.reason_code == "small_payment"


def test_a_payee_whose_payment_was_fraud_is_new_however_long_listed(cn: Desk) -> None:
    cn.execute(cn.pay(cn.small()).token)
    transaction = cn.house.store.begin()
    transaction.run([LABEL_AS_FRAUD(at=START)])
    transaction.commit()

    assert "new_payee" in [one.code for one in cn.pay(cn.small()).judged.reasons]


def test_another_merchants_payer_consented_to_nothing_here(cn: Desk) -> None:
    other = cn.another(preset="CN", tenant_id=cn.call.tenant_id)

    reply = cn.house.accept(CreatePayment(facts=cn.small()), other)

    assert reply.payment.status == "challenge_required"


def test_a_payer_who_is_absent_is_never_challenged(cn: Desk) -> None:
    reply = cn.pay(cn.small(initiator="merchant"))

    assert (reply.payment.status, reply.payment.outcome) == ("held", "hold")
    [hold] = cn.holds()
    assert (hold["end_action"], hold["end_level"], hold["end_any_of"]) == ("decline", None, None)


def test_a_hold_is_not_a_review_and_waits_under_every_mode(sandbox: Desk) -> None:
    sandbox.accept(SetReviewMode(review_mode="before_capture"))

    assert sandbox.create(payee=Payee(payee_id="test:hold")).payment.status == "held"


@pytest.mark.parametrize(
    ("payee", "status"),
    [
        ("test:approve", "approved"),
        ("test:challenge", "challenge_required"),
        ("test:hold", "held"),
        ("test:decline", "declined"),
        ("test:degraded", "held"),
    ],
)
def test_the_sandbox_forces_what_a_payee_says(sandbox: Desk, payee: str, status: str) -> None:
    reply = sandbox.create(payee=Payee(payee_id=payee))

    assert reply.payment.status == status
    assert (reply.token is not None) == (status == "approved")
    assert sandbox.counters() == {}


DEGRADED = Payee(payee_id="test:degraded", added_at=START - 2 * DAY)


def test_without_a_score_what_is_small_goes_on_flagged_and_counted(sandbox: Desk) -> None:
    reply = sandbox.pay(sandbox.small(payee=DEGRADED))

    assert (reply.payment.status, reply.payment.reason_code) == ("approved", "degraded_small")
    assert (reply.judged.degraded, sandbox.counters()["payer"]) == (("scorer_down",), (1, 10_000))


@pytest.mark.parametrize(
    ("limits", "status"),
    [
        (Limits(small_minor=9_999), "held"),
        (Limits(small_minor=9_999, challenge_minor=10_000), "challenge_required"),
        (Limits(small_minor=10_000), "approved"),
    ],
    ids=str,
)
def test_without_a_score_the_merchants_own_limits_hold(
    sandbox: Desk, limits: Limits, status: str
) -> None:
    sandbox.accept(SetLimits(limits={"CNY": limits}))

    assert sandbox.pay(sandbox.small(payee=DEGRADED)).payment.status == status


@pytest.mark.parametrize("word", ["approve", "hold", "decline", "degraded"])
def test_nothing_is_forced_outside_the_sandbox(cn: Desk, word: str) -> None:
    reply = cn.create(payee=Payee(payee_id=f"test:{word}"))

    assert (reply.payment.status, reply.judged.degraded) == ("challenge_required", ())


def test_a_payout_is_judged_at_its_own_stage(desk: Desk) -> None:
    reply = desk.create(kind="payout")

    assert (reply.judged.stage, reply.payment.status) == ("payout", "approved")


@pytest.mark.parametrize(
    ("ago", "is_taken"),
    [
        (dt.timedelta(hours=24), True),
        (dt.timedelta(hours=24, microseconds=1), False),
        (-dt.timedelta(minutes=2), True),
        (-dt.timedelta(minutes=2, microseconds=1), False),
    ],
    ids=str,
)
def test_a_payment_may_be_told_late_and_a_little_early(
    desk: Desk, ago: dt.timedelta, is_taken: bool
) -> None:
    reply = desk.run(CreatePayment(facts=desk.facts(occurred_at=START - ago)))

    assert (reply.kind == "accepted") is is_taken
    assert [one.pointer for one in reply.errors] == ([] if is_taken else ["/occurred_at"])
    assert len(desk.house.rows(PAYMENTS)) == is_taken


def test_a_suspended_merchant_pays_nothing(desk: Desk) -> None:
    desk.accept(SuspendMerchant())

    assert desk.refuse(CreatePayment(facts=desk.facts())) == "merchant_suspended"
    assert desk.house.rows(PAYMENTS) == []


def test_a_reference_is_taken_once_and_names_the_first(desk: Desk) -> None:
    first = desk.create(reference="ord-1")

    reply = desk.run(CreatePayment(facts=desk.facts(reference="ord-1")))

    assert reply.problem is not None
    assert (reply.problem.code, reply.fields) == (
        "reference_taken",
        {"payment_id": first.payment.id},
    )
    assert len(desk.house.rows(PAYMENTS)) == 1


def test_a_reference_is_the_merchants_and_modes_own(desk: Desk) -> None:
    desk.create(reference="ord-1")
    in_sandbox = msgspec.structs.replace(desk.call, mode="sandbox")
    other = desk.another(tenant_id=desk.call.tenant_id)

    for call in (in_sandbox, other):
        desk.house.accept(CreatePayment(facts=desk.facts(reference="ord-1")), call)

    assert len(desk.house.rows(PAYMENTS)) == 3


def test_two_of_one_reference_in_a_batch_are_one_payment(desk: Desk) -> None:
    # The inbox keeps them apart; the table's constraint holds when it does not.
    command = CreatePayment(facts=desk.facts(reference="ord-1"))

    results = desk.house.run_batch([(command, desk.call), (command, desk.call)])

    assert sorted(one.kind for one in results if isinstance(one, Reply)) == ["accepted", "refused"]
    assert len(desk.house.rows(PAYMENTS)) == 1


def test_a_parent_and_a_retried_payment_are_the_merchants_own(desk: Desk) -> None:
    parent = desk.create().payment.id

    reply = desk.create(parent_id=parent, retry_of=parent)

    assert desk.payment(reply.payment.id).facts.parent_id == parent


def test_every_payment_that_is_not_there_is_named(desk: Desk) -> None:
    parent = desk.create().payment.id
    other = desk.another(tenant_id=desk.call.tenant_id)
    facts = desk.facts(parent_id=parent, retry_of="pay_nowhere")

    reply = desk.house.run(CreatePayment(facts=facts), other)

    assert reply.problem is not None
    assert reply.problem.code == "parent_not_found"
    assert [one.pointer for one in reply.errors] == ["/parent_id", "/retry_of"]


def test_what_the_thirtieth_payment_of_an_hour_began_is_declined(desk: Desk) -> None:
    for _ in range(30):
        desk.create()

    reply = desk.create()

    assert (reply.payment.status, reply.payment.reason_code) == ("declined", "too_many_payments")
    assert desk.tokens() == ["active"] * 30


def test_a_payment_is_judged_with_the_list_entries_that_it_matches(desk: Desk) -> None:
    def put(kind: ListKind, value: str) -> ListEntry:
        added: ListEntry = desk.accept(
            AddListEntry(
                kind=kind,
                entity="payee",
                value=value,
                reason="three payers never got anything",
                owner="risk team",
                strength="absolute" if kind == "block" else None,
                prefix=None,
                expires_at=START + DAY if kind == "watch" else None,
            )
        )
        return added

    block, watch = put("block", "p_77"), put("watch", "p_77")
    put("block", "p_78")

    def judged_with(reference: str) -> list[dict[str, str]]:
        judged = desk.create(reference=reference).judged
        assert judged is not None
        rows = {row["assessment_id"]: row for row in desk.house.rows(ASSESSMENTS)}
        inputs = json.loads(rows[judged.id]["inputs"])
        found: list[dict[str, str]] = inputs["circumstances"]["lists"]
        return sorted(found, key=lambda one: one["kind"])

    said = {"entity": "payee", "reason": "three payers never got anything"}
    blocked = {"list_id": block.id, "kind": "block", "strength": "absolute"} | said
    watched = {"list_id": watch.id, "kind": "watch", "strength": "overridable"} | said
    assert judged_with("one") == [blocked, watched]
    desk.house.clock.advance(DAY)
    assert judged_with("two") == [blocked]
    desk.accept(RemoveListEntry(entry_id=block.id))
    assert judged_with("three") == []
