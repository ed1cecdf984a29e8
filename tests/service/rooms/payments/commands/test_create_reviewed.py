"""Review before capture: what may go on meanwhile, and what waits under every review mode."""

from typing import Any

import pytest

from service.kernel.facts import Amount, DeviceKept, Instrument, Order, Shipping
from service.rooms.merchants.contract import SetReviewMode
from service.rooms.merchants.public import MerchantSettings
from service.rooms.payments.commands.verdict import reviews_before_capture
from service.rooms.payments.contract import PaymentFacts
from tests.support.desk import Desk


@pytest.fixture
def captures(cn: Desk) -> Desk:
    cn.accept(SetReviewMode(review_mode="before_capture"))
    return cn


def seen(desk: Desk, **given: Any) -> PaymentFacts:
    """Return a small payment that the rule `three_countries` sends to review."""
    values = {
        "instrument": Instrument(instrument_id="ins_1", type="card", issuer_country="US"),
        "device": DeviceKept(device_id="d_1", ip_country="NG"),
        "order": Order(shipping=Shipping(country="GB")),
    }
    return desk.small(**{**values, **given})


@pytest.fixture
def plain(desk: Desk) -> Desk:
    # A device that is known does not hit `ip_country_differs`, which asks for a proof.
    desk.register()
    desk.accept(SetReviewMode(review_mode="before_capture"))
    return desk


def test_review_before_capture_goes_on_and_says_that_nothing_was_proved(plain: Desk) -> None:
    reply = plain.pay(seen(plain))

    assert (reply.payment.status, reply.payment.outcome) == ("approved", "review")
    assert reply.payment.reason_code == "three_countries"
    assert reply.token is not None
    token = reply.token
    assert (token.acr, token.exemption, plain.counters()) == ("payguard:level:0", None, {})
    assert plain.payment(reply.payment.id).reviews_before_capture


def test_review_before_capture_suspends_what_is_authorized(plain: Desk) -> None:
    reply = plain.pay(seen(plain))
    plain.execute(reply.token)

    assert plain.report(reply.payment.id, "authorized").status == "suspended"


def test_what_is_exempt_from_proof_and_not_counted_waits_for_its_review(captures: Desk) -> None:
    reply = captures.pay(seen(captures))

    assert (reply.payment.status, reply.payment.outcome) == ("held", "review")
    assert (reply.token, captures.counters()) == (None, {})


@pytest.mark.parametrize("kind", ["transfer", "withdrawal"])
def test_what_is_never_captured_is_reviewed_before_it_leaves(captures: Desk, kind: str) -> None:
    reply = captures.pay(seen(captures, kind=kind))

    assert (reply.payment.status, reply.token) == ("held", None)


def test_a_payout_has_no_capture_until_which_review_could_wait() -> None:
    settings = MerchantSettings(
        preset="CN", review_mode="before_capture", is_active=True, limits={}
    )

    assert reviews_before_capture(settings, "purchase")
    assert not reviews_before_capture(settings, "payout")


def test_a_proof_that_an_absent_payer_cannot_give_is_not_put_off(captures: Desk) -> None:
    reply = captures.pay(captures.small(initiator="merchant"))

    assert (reply.payment.status, reply.payment.outcome) == ("held", "hold")
    assert reply.payment.reason_code == "merchant_initiated"
    assert reply.token is None


def test_a_proof_that_policy_asks_for_is_not_put_off_with_a_review(captures: Desk) -> None:
    reply = captures.pay(seen(captures, amount=Amount(value=150_000, currency="CNY")))

    assert (reply.payment.status, reply.payment.outcome) == ("held", "hold")
    assert reply.payment.reason_code == "three_countries"
    assert reply.token is None


@pytest.mark.parametrize("initiator", ["payer", "merchant"])
def test_a_proof_that_a_rule_asks_for_beside_a_review_is_not_put_off(
    captures: Desk, initiator: str
) -> None:
    device = DeviceKept(device_id="d_1", ip_country="NG", integrity="failed")

    reply = captures.pay(seen(captures, device=device, initiator=initiator))

    assert (reply.payment.status, reply.token) == ("held", None)
    assert {"raise:review", "raise:challenge"} <= {one.effect for one in reply.judged.rules}
