"""Event bodies and payments to test with: only what is required is filled."""

import datetime as dt
from typing import Any

from service.kernel.facts import EventResult, EventType, Payee, PayerKept
from service.kernel.money import Amount
from service.rooms.payments.contract import PaymentFacts, Status, TokenClaims, TokenDetail
from service.rooms.payments.model import (
    Body,
    Created,
    Executed,
    ExemptionCount,
    Judgement,
    Moved,
    Payment,
    Reported,
    TokenIssued,
    fold,
)

NOW = dt.datetime(2026, 11, 23, 8, 0, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(minutes=15)
PAYMENT_ID = "pay_01KAQS3B00000000000000000A"
JTI = "AAAAAAAAAAAAAAAAAAAAAA"
EXEMPTION = ExemptionCount(
    code="small_payment",
    scopes={"payer": "c_17"},
    currency="CNY",
    amount_minor=10_000,
    day="2026-11-23",
    limit_codes=("level_1",),
    payer_key="c_17",
)


def a_request(**given: Any) -> PaymentFacts:
    values: dict[str, Any] = {
        "amount": Amount(value=10_000, currency="CNY"),
        "kind": "purchase",
        "payee": Payee(payee_id="p_77"),
        "payer": PayerKept(payer_key="c_17", payer_id="c_17"),
        "occurred_at": NOW,
        "reference": "ord-1",
    }
    return PaymentFacts(**{**values, **given})


def a_judgement(to: Status = "approved", **given: Any) -> Judgement:
    needs: dict[Status, dict[str, Any]] = {
        "approved": {"outcome": "approve", "approval_expires_at": LATER},
        "challenge_required": {
            "outcome": "challenge",
            "challenge_id": "chl_1",
            "challenge_expires_at": LATER,
        },
        "held": {"outcome": "hold", "hold_id": "hld_1", "hold_ends_at": LATER},
        "declined": {"outcome": "decline"},
    }
    values: dict[str, Any] = {
        "to": to,
        "assessment_id": "asm_1",
        "reason_code": "new_payee",
        "level": None,
        "liability": "merchant",
        **needs[to],
    }
    return Judgement(**{**values, **given})


def created(to: Status = "approved", *, facts: PaymentFacts | None = None, **given: Any) -> Created:
    return Created(
        at=NOW,
        tenant_id="ten_1",
        payment_id=PAYMENT_ID,
        merchant_id="mer_1",
        mode="live",
        facts=facts or a_request(),
        judgement=a_judgement(to, **given),
    )


def token_issued(jti: str = JTI) -> TokenIssued:
    return TokenIssued(at=NOW, jti=jti, expires_at=NOW + dt.timedelta(seconds=120))


def executed(amount_minor: int = 10_000) -> Executed:
    return Executed(
        at=NOW,
        jti=JTI,
        decision="go",
        amount_minor=amount_minor,
        assessment_id="asm_2",
        no_answer_at=LATER,
    )


def reported(
    kind: EventType, minor: int | None = None, *, external_id: str = "e-1", **result: Any
) -> Reported:
    return Reported(
        at=NOW,
        type=kind,
        source="psp",
        external_id=external_id,
        occurred_at=NOW,
        amount_minor=minor,
        result=EventResult(**result) if result else None,
    )


def way_to(status: Status) -> tuple[Body, ...]:
    """Return events that lead a new payment to a status."""
    go = (created(), token_issued(), executed())
    authorized = (*go, reported("authorized", 10_000))
    ways: dict[Status, tuple[Body, ...]] = {
        "approved": (created(), token_issued()),
        "challenge_required": (created("challenge_required"),),
        "held": (created("held"),),
        "declined": (created("declined"),),
        "cancelled": (created("held"), Moved(at=NOW, action="cancel", to="cancelled")),
        "expired": (created(), Moved(at=NOW, action="expire", to="expired")),
        "executing": go,
        "unknown": (*go, Moved(at=NOW, action="no_answer", to="unknown")),
        "failed": (*go, reported("refused")),
        "executed": authorized,
        "captured": (*authorized, reported("captured", 6_000)),
        "suspended": (*authorized, Moved(at=NOW, action="suspend", to="suspended")),
        "settled": (*authorized, reported("captured"), reported("settled")),
        "reversed": (*authorized, reported("reversed")),
    }
    return ways[status]


def a_payment(status: Status = "approved") -> Payment:
    return fold(way_to(status))


def amounts(payment: Payment) -> dict[str, int]:
    """Return what of a payment's reported amounts is not 0."""
    return {
        name: getattr(payment, f"{name}_minor")
        for name in ("executed", "captured", "settled", "released", "refunded", "charged_back")
        if getattr(payment, f"{name}_minor")
    }


def the_claims(payment: Payment, jti: str = JTI) -> TokenClaims:
    at = int(payment.created_at.timestamp())
    return TokenClaims(
        iss="payguard",
        aud="payguard",
        sub="c_17",
        iat=at,
        nbf=at,
        exp=at + 120,
        jti=jti,
        txn=payment.payment_id,
        authorization_details=(
            TokenDetail(
                type="payment",
                amount=payment.requested_minor,
                amount_is="exact",
                currency="CNY",
                payee="p_77",
                instrument=None,
                order=None,
            ),
        ),
        device=None,
        acr="level_0",
        amr=(),
        auth_time=None,
        cnf=None,
        assessment="asm_1",
        exemption=None,
        liability="merchant",
    )
