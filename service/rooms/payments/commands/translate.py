"""The one translator from a payment's facts to what risk judges. Pure; decides nothing."""

import datetime as dt
from typing import Any

from risk.facts import Facts, Stage
from service.kernel import facts as kernel
from service.kernel.money import Amount
from service.rooms.assessments.public import means, people
from service.rooms.payments.contract import PaymentFacts


def judged_facts(
    told: PaymentFacts,
    *,
    stage: Stage,
    occurred_at: dt.datetime,
    amount: Amount,
    merchant_id: str | None,
) -> Facts:
    """Return a payment's facts at a stage, flattened, as risk takes them.

    Args:
        told: The payment as it is kept.
        stage: When it is judged.
        occurred_at: Event time of that stage.
        amount: What is judged: what was requested, or what is really executed.
        merchant_id: Who asks.
    """
    return Facts(
        stage=stage,
        occurred_at=occurred_at,
        kind=told.kind,
        amount_minor=amount.value,
        currency=amount.currency,
        initiator=told.initiator,
        amount_is=told.amount_is,
        parent_id=told.parent_id,
        retry_of=told.retry_of,
        instalments=told.instalments,
        balance_before_minor=told.balance_before.value if told.balance_before else None,
        entry=told.entry,
        channel=told.channel,
        mcc=told.mcc,
        merchant_id=merchant_id,
        **people(told.payer, told.payee, told.authentication),
        **means(told.instrument, told.device),
        **_purchase(told),
    )


def _purchase(told: PaymentFacts) -> dict[str, Any]:
    """Return what is bought, and under which agreement."""
    agreement = told.agreement
    order = told.order or kernel.Order()
    shipping = order.shipping or kernel.Shipping()
    return {
        "agreement_type": agreement.type if agreement else None,
        "agreement_first": agreement.first if agreement else None,
        "order_total_minor": order.total.value if order.total else None,
        "order_currency": order.total.currency if order.total else None,
        "order_item_count": len(order.items or ()) if told.order else None,
        "shipping_address_id": shipping.address_id,
        "shipping_country": shipping.country,
        "shipping_method": shipping.method,
    }
