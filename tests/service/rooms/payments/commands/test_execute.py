"""A payment token is spent once, on what it says, while its payment is approved; else nothing."""

import datetime as dt
from typing import Any

import msgspec
import pytest

from service.kernel.facts import DeviceKept, Instrument, Order, Payee, Shipping
from service.rooms.merchants.contract import SuspendMerchant
from service.rooms.payers.contract import KnownDevice, RegisterPayer
from service.rooms.payers.tables import PAYER_LINKS
from service.rooms.payments.contract import CancelPayment, CreatePayment, IssueToken
from service.rooms.payments.model import order_digest
from service.rooms.payments.tables import PAYMENTS, TOKENS
from service.unit_of_work.commands import Reply
from tests.support.desk import DAY, SECOND, Desk, altered, cny
from tests.support.uow import START

ORDER = Order(order_id="8831", shipping=Shipping(address_id="adr_1"))
MOVED = Order(order_id="8831", shipping=Shipping(address_id="adr_2"))


def told(desk: Desk, **given: Any) -> Any:
    """Return facts in which everything is told that a token binds."""
    return desk.facts(
        payee=Payee(payee_id="p_77", account="acf_1"),
        instrument=Instrument(instrument_id="ins_1"),
        device=DeviceKept(device_id="d_1"),
        order=ORDER,
        **given,
    )


def under_way(desk: Desk) -> int:
    """Return how many payments money may move for."""
    return sum(row["sent_minor"] is not None for row in desk.house.rows(PAYMENTS))


def test_a_token_lets_its_payment_go_and_is_spent(desk: Desk) -> None:
    first = desk.pay(told(desk))

    reply = desk.execute(first.token)

    assert (reply.decision, reply.payment.status, reply.token_state) == ("go", "executing", "spent")
    assert (reply.judged.stage, reply.token, desk.tokens()) == ("in_flight", None, ["spent"])
    assert desk.payment(first.payment.id).sent_minor == 10_000


def test_a_spent_token_is_never_spent_again(desk: Desk) -> None:
    execution = desk.execution(desk.create().token)
    desk.accept(execution)
    before = desk.house.dump()

    assert desk.refuse(execution) == "payment_not_in_state"
    assert desk.house.entries("payment.sequence_failed")[0]["outcome"] == "failure"
    assert desk.house.dump() == before


def test_two_executions_in_one_batch_are_one(desk: Desk) -> None:
    # The inbox keeps them apart; the guard of the token's row holds when it does not.
    execution = desk.execution(desk.create().token)

    results = desk.house.run_batch([(execution, desk.call), (execution, desk.call)])

    assert sorted(one.kind for one in results if isinstance(one, Reply)) == ["accepted", "refused"]
    assert desk.tokens() == ["spent"]


def test_the_first_receipt_is_the_judgements(desk: Desk) -> None:
    execution = desk.execution(desk.create().token)

    reply = desk.run(execution)

    assert desk.house.entries("payment.assessed")[-1]["index"] == reply.receipts[0].index


DIFFERENCES: list[tuple[str, dict[str, Any]]] = [
    ("amount", {"amount": cny(10_001)}),
    ("amount", {"amount": cny(9_999)}),
    ("amount", {"amount": msgspec.structs.replace(cny(10_000), currency="USD")}),
    ("payee", {"payee": Payee(payee_id="p_78", account="acf_1")}),
    ("payee", {"payee": Payee(payee_id="p_77", account="acf_2")}),
    ("instrument", {"instrument": Instrument(instrument_id="ins_2")}),
    ("instrument", {"instrument": Instrument(type="card")}),
    ("instrument", {"instrument": None}),
    ("device", {"device": DeviceKept(device_id="d_2")}),
    ("device", {"device": None}),
    ("order", {"order_digest": order_digest(MOVED)}),
    ("order", {"order_digest": None}),
]


@pytest.mark.parametrize(("name", "given"), DIFFERENCES, ids=str)
def test_anything_else_than_what_was_approved_voids_the_token(
    desk: Desk, name: str, given: dict[str, Any]
) -> None:
    first = desk.pay(told(desk))

    reply = desk.run(desk.execution(first.token, **given))

    assert reply.problem is not None
    assert (reply.problem.code, reply.fields) == ("payment_token_mismatch", {"differs": [name]})
    assert (desk.tokens(), under_way(desk)) == (["voided"], 0)
    assert desk.refuse(desk.execution(first.token)) == "payment_token_voided"


def test_what_was_told_about_nothing_binds_it_to_nothing(desk: Desk) -> None:
    first = desk.create()

    refused = desk.refuse(desk.execution(first.token, instrument=Instrument(instrument_id="ins_1")))

    assert refused == "payment_token_mismatch"


def test_a_payee_may_be_named_without_the_account_that_was_judged(desk: Desk) -> None:
    first = desk.pay(told(desk))

    assert desk.execute(first.token, payee=Payee(payee_id="p_77")).decision == "go"


def test_an_account_that_nobody_judged_is_another_payee(desk: Desk) -> None:
    first = desk.create()

    refused = desk.refuse(
        desk.execution(first.token, payee=Payee(payee_id="p_77", account="acf_1"))
    )

    assert refused == "payment_token_mismatch"


@pytest.mark.parametrize(
    ("minor", "goes"), [(10_001, False), (10_000, True), (1, True)], ids=["above", "all", "less"]
)
def test_of_a_maximum_less_may_be_executed(desk: Desk, minor: int, goes: bool) -> None:
    first = desk.create(amount_is="maximum")

    reply = desk.run(desk.execution(first.token, amount=cny(minor)))

    assert (reply.kind == "accepted") is goes
    assert desk.payment(first.payment.id).sent_minor == (minor if goes else None)


@pytest.mark.parametrize(
    "wider",
    [
        {"amount": 20_000},
        {"amount_is": "maximum"},
        {"payee": "p_78"},
        {"device": "d_2"},
        {"sub": "c_18"},
        {"exp": 4_000_000_000},
        {"liability": "provider"},
    ],
    ids=str,
)
def test_claims_other_than_those_stored_are_no_token(desk: Desk, wider: dict[str, Any]) -> None:
    # Only who holds the signing key gets as far as here.
    first = desk.pay(told(desk))
    [detail] = altered(first.token, **wider).authorization_details
    given = {
        "amount": cny(detail.amount),
        "payee": Payee(payee_id=detail.payee),
        "claims": altered(first.token, **wider),
    }

    assert desk.refuse(desk.execution(first.token, **given)) == "payment_token_invalid"
    assert (desk.tokens(), under_way(desk)) == (["active"], 0)


def test_another_payments_token_executes_nothing(desk: Desk) -> None:
    first, second = desk.create(), desk.create()

    refused = desk.refuse(desk.execution(first.token, payment_id=second.payment.id))

    assert refused == "payment_token_invalid"
    assert (desk.tokens(), under_way(desk)) == (["active", "active"], 0)


def test_claims_about_another_payment_execute_nothing(desk: Desk) -> None:
    first, second = desk.create(), desk.create()
    claims = altered(first.token, txn=second.payment.id)

    assert desk.refuse(desk.execution(first.token, claims=claims)) == "payment_token_invalid"


def test_a_token_that_was_never_issued_executes_nothing(desk: Desk) -> None:
    first = desk.create()
    claims = altered(first.token, jti="A" * 22)

    assert desk.refuse(desk.execution(first.token, claims=claims)) == "payment_token_invalid"
    assert under_way(desk) == 0


@pytest.mark.parametrize("whose", ["mode", "merchant"])
def test_a_token_counts_in_its_own_mode_and_for_its_own_merchant(desk: Desk, whose: str) -> None:
    execution = desk.execution(desk.create().token)
    calls = {
        "mode": msgspec.structs.replace(desk.call, mode="sandbox"),
        "merchant": desk.another(tenant_id=desk.call.tenant_id),
    }

    assert desk.house.refuse(execution, calls[whose]) == "payment_not_found"
    assert (desk.tokens(), under_way(desk)) == (["active"], 0)


@pytest.mark.parametrize(("later", "goes"), [(119, True), (120, False)])
def test_a_token_counts_for_120_seconds(desk: Desk, later: int, goes: bool) -> None:
    execution = desk.execution(desk.create().token)
    desk.wait(later * SECOND)

    assert desk.run(execution).kind == ("accepted" if goes else "refused")
    assert under_way(desk) == goes


def test_a_token_that_ran_out_is_refused_as_that_and_can_be_taken_anew(desk: Desk) -> None:
    first = desk.create()
    desk.wait(120 * SECOND)

    assert desk.refuse(desk.execution(first.token)) == "payment_token_expired"
    again = desk.accept(IssueToken(payment_id=first.payment.id))
    assert desk.tokens() == ["expired", "active"]
    assert desk.execute(again.token).decision == "go"


def test_a_new_token_voids_the_old_one_over_the_same_facts(desk: Desk) -> None:
    first = desk.pay(told(desk))
    desk.wait(SECOND)

    again = desk.accept(IssueToken(payment_id=first.payment.id))

    assert again.token.authorization_details == first.token.authorization_details
    assert again.token.jti != first.token.jti
    assert desk.tokens() == ["voided", "active"]
    assert desk.refuse(desk.execution(first.token)) == "payment_token_voided"
    assert desk.execute(again.token).decision == "go"


def test_no_token_outlives_the_approval(desk: Desk) -> None:
    first = desk.create()
    desk.wait(15 * 60 * SECOND - SECOND)

    again = desk.accept(IssueToken(payment_id=first.payment.id))

    assert again.token.exp == int(first.payment.approval_expires_at.timestamp())


@pytest.mark.parametrize("before_its_end", [dt.timedelta(0), dt.timedelta(microseconds=1)], ids=str)
def test_an_approval_that_is_over_gives_no_token(desk: Desk, before_its_end: dt.timedelta) -> None:
    desk.wait(dt.timedelta(milliseconds=500))
    first = desk.create()
    desk.wait(15 * 60 * SECOND - before_its_end)

    assert desk.refuse(IssueToken(payment_id=first.payment.id)) == "payment_not_in_state"
    assert desk.tokens() == ["active"]


@pytest.mark.parametrize("status", ["cancelled", "executing", "held", "challenge_required"])
def test_only_an_approved_payment_gets_a_token(sandbox: Desk, status: str) -> None:
    forced = {"held": "test:hold", "challenge_required": "test:challenge"}
    payee = Payee(payee_id=forced.get(status, "test:approve"))
    reply = sandbox.create(payee=payee)
    if status == "cancelled":
        sandbox.accept(CancelPayment(payment_id=reply.payment.id))
    if status == "executing":
        sandbox.execute(reply.token)
    before = sandbox.house.rows(TOKENS)

    assert sandbox.refuse(IssueToken(payment_id=reply.payment.id)) == "payment_not_in_state"
    assert sandbox.house.rows(TOKENS) == before


@pytest.mark.parametrize("payee", ["test:hold", "test:challenge", "test:decline"])
def test_what_was_never_approved_is_never_executed(sandbox: Desk, payee: str) -> None:
    approved = sandbox.create(payee=Payee(payee_id="test:approve"))
    stopped = sandbox.create(payee=Payee(payee_id=payee)).payment.id
    claims = altered(approved.token, txn=stopped)

    refused = sandbox.refuse(sandbox.execution(claims, payee=Payee(payee_id=payee)))

    assert (refused, under_way(sandbox)) == ("payment_not_in_state", 0)


def test_a_suspended_merchant_executes_nothing_and_takes_no_token(desk: Desk) -> None:
    first = desk.create()
    desk.accept(SuspendMerchant())

    assert desk.refuse(desk.execution(first.token)) == "merchant_suspended"
    assert desk.refuse(IssueToken(payment_id=first.payment.id)) == "merchant_suspended"
    assert (desk.tokens(), under_way(desk)) == (["active"], 0)


def test_a_payment_that_is_not_there_is_refused_and_logged(desk: Desk) -> None:
    claims = desk.create().token

    assert desk.refuse(desk.execution(claims, payment_id="pay_nowhere")) == "payment_not_found"
    assert desk.refuse(IssueToken(payment_id="pay_nowhere")) == "payment_not_found"
    assert desk.house.kinds()[-2:] == ["payment.sequence_failed"] * 2


def test_a_burst_holds_the_execution_and_voids_its_token(desk: Desk) -> None:
    replies = [desk.create() for _ in range(30)]
    assert desk.execute(replies[0].token).decision == "go"
    desk.run(CreatePayment(facts=desk.facts()))

    reply = desk.execute(replies[1].token)

    assert (reply.decision, reply.payment.status, reply.token_state) == ("hold", "held", "voided")
    assert reply.payment.reason_code == "too_many_payments"
    assert sorted(set(desk.tokens())) == ["active", "spent", "voided"]
    [hold] = desk.holds()
    assert reply.hold is not None
    assert (hold["hold_id"], hold["state"], hold["end_action"]) == (
        reply.hold.id,
        "active",
        "decline",
    )
    assert desk.payment(reply.payment.id).sent_minor is None
    assert desk.refuse(desk.execution(replies[1].token)) == "payment_not_in_state"


def test_what_the_device_says_at_the_execution_is_judged(desk: Desk) -> None:
    first = desk.pay(told(desk))

    desk.execute(first.token, device=DeviceKept(device_id="d_1", call_active=True))

    inputs = msgspec.json.decode(desk.assessments()[-1]["inputs"])
    assert inputs["facts"]["call_active"] is True


def test_an_execution_links_the_payer_with_what_they_paid_with(desk: Desk) -> None:
    desk.execute(desk.pay(told(desk)).token)

    links = {
        (row["kind"], row["key"]): row["first_paid_at"] for row in desk.house.rows(PAYER_LINKS)
    }
    assert links == dict.fromkeys(
        [("payee", "p_77"), ("device", "d_1"), ("instrument", "ins_1")], START
    )
    assert {row["proved_at"] for row in desk.house.rows(PAYER_LINKS)} == {None}


def test_what_did_not_go_links_nothing(desk: Desk) -> None:
    first = desk.pay(told(desk))
    desk.run(desk.execution(first.token, amount=cny(1)))

    assert desk.house.rows(PAYER_LINKS) == []


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=str)
def test_an_execution_and_a_registration_in_one_batch_touch_one_link_in_either_order(
    desk: Desk, order: tuple[int, int]
) -> None:
    # They share no key: both statements add to the row and neither takes anything from it.
    execution = desk.execution(desk.pay(told(desk)).token)
    since = KnownDevice(device_id="d_1", since=START - 40 * DAY)
    commands = (execution, RegisterPayer(payer_id="c_17", known_devices=(since,)))

    results = desk.house.run_batch([(commands[place], desk.call) for place in order])

    assert [type(one) for one in results] == [Reply, Reply]
    [row] = [one for one in desk.house.rows(PAYER_LINKS) if one["kind"] == "device"]
    assert (row["first_paid_at"], row["asserted_since"]) == (START, START - 40 * DAY)
